"""Reports as files: JSON for programs, CSV for spreadsheets. Written beside and renamed, so never half."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..measure.measurement import Measurement
from .report import Report

if TYPE_CHECKING:
    import os

COLUMNS = ("segment", "name", "value", "unit", "low", "high", "level")


def write_json(report: Report, path: str | os.PathLike[str]) -> None:
    """Write ``report.json``."""
    _replace(Path(path), json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Report:
    """Read ``report.json``.

    Raises:
        InputError: if the file is missing or no report of schema 1.
    """
    try:
        return Report.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Choose the report.json of a result folder.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a report of this version. Choose the report.json of a result folder.") from error


def write_csv(measurements: Iterable[Measurement], path: str | os.PathLike[str]) -> None:
    """Write ``measurements.csv``: one row per number, empty cells for what was not measured."""
    lines = [COLUMNS, *((m.segment, m.name, _cell(m.value), m.unit, _cell(m.low), _cell(m.high), _cell(m.level)) for m in measurements)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    _replace(Path(path), text.getvalue())


def read_csv(path: str | os.PathLike[str]) -> list[Measurement]:
    """Read ``measurements.csv``; codes and verdicts are in the JSON only.

    Raises:
        InputError: if the file is missing or has other columns.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            Measurement(
                row["segment"],
                row["name"],
                math.nan if row["value"] == "" else float(row["value"]),
                row["unit"],
                low=_number(row["low"]),
                high=_number(row["high"]),
                level=_number(row["level"]),
            )
            for row in rows
        ]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Choose the measurements.csv of a result folder.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} must have the columns {', '.join(COLUMNS)}.") from error


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(round(float(value), 6))


def _number(cell: str) -> float | None:
    return None if cell == "" else float(cell)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8", newline="")
    beside.replace(path)
