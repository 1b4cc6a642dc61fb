"""``cohort.csv`` and ``cohort.parquet``: a row per case; ``timing.csv``: how long each took, and where.

Rows stand in the order of the list and hold nothing about when or where a case ran, so the same cohort gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...measure.measurement import Measurement
from ...report.files import read_json
from ...report.report import Report
from .cohort import Case
from .plan import DONE, FAILED, Outcome

FACTS = ("case", "module", "group", "state", "message", "places_to_review", "at_stake_ml", "warnings", "model", "model_version")
TIMES = ("case", "state", "host", "seconds", "cold_seconds", "peak_memory_mb", "attempts")


@dataclass(frozen=True)
class Row:
    """A case with what came of it.

    Attributes:
        case, outcome: as planned and as it went.
        report: of the case; None if it is not done.
        references: segment -> true volume in mL, of those segments that were measured.
    """

    case: Case
    outcome: Outcome
    report: Report | None = None
    references: dict[str, float] = field(default_factory=dict)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return self.report.measurements if self.report else ()


def rows_of(cases: Sequence[Case], outcomes: dict[str, Outcome], out: Path) -> list[Row]:
    """The cases in their order with their reports; a report that cannot be read makes a failed case."""
    rows = []
    for case in cases:
        outcome = outcomes[case.name]
        report = None
        if outcome.state == DONE:
            try:
                report = read_json(out / case.name / "report.json")
            except InputError:
                outcome = Outcome(case.name, outcome.fingerprint, FAILED, "Its report.json cannot be read. Run the batch again.", 2)
        rows.append(Row(case, outcome, report, _references(case, report)))
    return rows


def write_tables(rows: Sequence[Row], out: Path) -> None:
    """Write the three files, each beside its place first."""
    columns, table = wide(rows)
    _write_csv(out / "cohort.csv", columns, table)
    _write_parquet(out / "cohort.parquet", columns, table)
    times = [
        (row.case.name, o.state, o.host, round(o.seconds, 2), round(o.cold_s, 2), o.peak_mb, o.attempts)
        for row in rows
        for o in (row.outcome,)
    ]
    _write_csv(out / "timing.csv", TIMES, times)


def wide(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows: facts, then for each number that any case has its value and, where stated, its interval and verdict.

    Columns are called ``<segment> <name> <unit>``, with ``low``, ``high`` and ``verdict`` after that; volumes with a known truth have
    ``reference`` too.
    """
    columns = list(FACTS)
    table: list[dict[str, Any]] = []
    found: dict[str, None] = {}
    for row in rows:
        cells: dict[str, Any] = {}
        for m in row.measurements:
            title = column_of(m)
            cells[title] = m.value if math.isfinite(m.value) else None
            if m.low is not None:
                cells |= {f"{title} low": m.low, f"{title} high": m.high}
            if m.verdict:
                cells[f"{title} verdict"] = m.verdict
            if m.name == "Volume" and m.segment in row.references:
                cells[f"{title} reference"] = row.references[m.segment]
        found |= dict.fromkeys(cells)
        table.append({**_facts(row), **cells})
    columns += sorted(found, key=lambda title: _order(title, rows))
    return columns, [[cells.get(column) for column in columns] for cells in table]


def column_of(m: Measurement) -> str:
    """``total_kidney Volume mL``."""
    return " ".join(filter(None, (m.segment, m.name, "" if m.unit == "1" else m.unit)))


def _order(title: str, rows: Sequence[Row]) -> tuple[int, str]:
    """In the order of the first report that has the number, its interval behind it."""
    for row in rows:
        for position, m in enumerate(row.measurements):
            base = column_of(m)
            if title == base or title in (f"{base} low", f"{base} high", f"{base} verdict", f"{base} reference"):
                after = ("", " low", " high", " reference", " verdict").index(title[len(base) :])
                return position * 10 + after, title
    return 10**9, title


def _facts(row: Row) -> dict[str, Any]:
    report, outcome = row.report, row.outcome
    values: dict[str, Any] = {
        "case": row.case.name,
        "module": row.case.module,
        "group": row.case.group,
        "state": outcome.state,
        "message": outcome.message,
    }
    if report:
        values |= {
            "places_to_review": len(report.review),
            "at_stake_ml": round(sum(region.at_stake_ml for region in report.review), 3),
            "warnings": len(report.warnings),
            "model": report.provenance.model_name,
            "model_version": report.provenance.model_version,
        }
    return values


def _references(case: Case, report: Report | None) -> dict[str, float]:
    """True volumes by the segment that they belong to: ``kidney`` means ``total_kidney`` where there is one."""
    if report is None or not case.volumes_ml:
        return {}
    volumes = [m.segment for m in report.measurements if m.name == "Volume" and m.unit == "mL"]
    totals = [segment for segment in volumes if segment.startswith("total_")]
    found = {}
    for target, value in case.volumes_ml.items():
        wanted = (target, f"total_{target}") if target else tuple(totals[:1] or volumes[:1])
        for segment in wanted:
            if segment in volumes:
                found[segment] = value
                break
    return found


def _write_csv(path: Path, columns: Sequence[str], table: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if cell is None else repr(round(cell, 6)) if isinstance(cell, float) else cell for cell in row] for row in table])
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text.getvalue(), encoding="utf-8", newline="")
    beside.replace(path)


def _write_parquet(path: Path, columns: Sequence[str], table: Sequence[Sequence[Any]]) -> None:
    """Words as text, numbers as float64; what is missing is null or NaN."""
    import fastparquet
    import pandas as pd

    data = {}
    for number, column in enumerate(columns):
        cells = [row[number] for row in table]
        if all(cell is None or isinstance(cell, (int, float)) for cell in cells) and column not in FACTS[:5] + FACTS[8:]:
            data[column] = pd.Series([math.nan if cell is None else float(cell) for cell in cells], dtype="float64")
        else:
            data[column] = pd.Series(["" if cell is None else str(cell) for cell in cells], dtype=object)
    beside = path.with_name(f".{path.name}.part")
    words = {column: "utf8" for column, values in data.items() if values.dtype == object}
    encoding = {column: words.get(column, "infer") for column in data}
    fastparquet.write(str(beside), pd.DataFrame(data), object_encoding=encoding, compression="SNAPPY", stats=False)
    beside.replace(path)
