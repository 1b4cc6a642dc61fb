"""``cases.csv``: one row per case."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...engine.pipeline import InputSpec, lacking
from ...errors import InputError

KNOWN = ("case", "reference", "labels", "group", "volume_ml")


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        name: unique name.
        inputs: input name -> file.
        reference: label map.
        labels: value -> name; None if the row does not say.
        group: what it is pooled with, "all" without a column.
        volumes_ml: target -> true volume that replaces the counted one; "" stands for the first target.
    """

    name: str
    inputs: dict[str, Path]
    reference: Path
    labels: dict[int, str] | None
    group: str
    volumes_ml: dict[str, float]


def read_cases(path: Path, specs: Sequence[InputSpec]) -> list[Case]:
    """Rows of the file; relative paths count from its folder.

    Args:
        specs: inputs of the module; each may have a column.

    Raises:
        InputError: naming the row and the column that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [column.strip() for column in reader.fieldnames or []]
            reader.fieldnames = columns
            rows = [{key: (value or "").strip() for key, value in row.items() if key is not None} for row in reader]
    except FileNotFoundError:
        raise InputError(f"The list of cases {path} was not found. Check the path.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The list of cases {path} cannot be read as CSV. Save it as CSV in UTF-8.") from error
    input_names = [spec.name for spec in specs]
    needed = lacking(specs, ())
    missing = [column for column in ("case", "reference") if column not in columns] or lacking(specs, columns)
    if missing:
        raise InputError(f"{path.name} has no column “{missing[0]}”; it needs case, reference and {' or '.join(needed)}.")
    unknown = [column for column in columns if column not in (*KNOWN, *input_names)]
    if unknown:
        raise InputError(f"{path.name} has a column “{unknown[0]}” that is not known; use {', '.join((*KNOWN, *input_names))}.")
    if not rows:
        raise InputError(f"{path.name} lists no cases. Add a row per case.")
    cases = [_case(row, number, path, specs) for number, row in enumerate(rows, 2)]
    names = [case.name for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path.name} lists the case {twice} twice. Give each row a name of its own.")
    return cases


def _case(row: dict[str, str], number: int, path: Path, specs: Sequence[InputSpec]) -> Case:
    where = f"{path.name}, line {number}"
    if not row["case"] or Path(row["case"]).name != row["case"]:
        raise InputError(f"{where}: “{row['case']}” cannot be the name of a case. Use letters, digits, dashes and dots.")
    inputs = {spec.name: _beside(path, row[spec.name]) for spec in specs if row.get(spec.name)}
    missing = lacking(specs, inputs) or (() if row["reference"] else ("reference",))
    if missing:
        raise InputError(f"{where}: the {' or '.join(missing)} is missing. Fill it in, or delete the row.")
    labels = parse_labels(row["labels"], where) if row.get("labels") else None
    return Case(
        row["case"], inputs, _beside(path, row["reference"]), labels, row.get("group") or "all", _volumes(row.get("volume_ml", ""), where)
    )


def parse_labels(text: str, where: str = "labels") -> dict[int, str]:
    """Value -> name from ``1=kidney;2=tumor``.

    Raises:
        InputError: if it is written differently.
    """
    labels = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        value, separator, name = part.partition("=")
        if not separator or not value.strip().isdigit() or not name.strip():
            raise InputError(f"{where}: labels must look like 1=kidney;2=tumor, not “{text}”.")
        labels[int(value)] = name.strip().lower()
    return labels


def _volumes(text: str, where: str) -> dict[str, float]:
    """``312.5``, or per target ``kidney=312.5;tumor=20``."""
    volumes = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        target, separator, value = part.rpartition("=")
        try:
            volumes[target.strip() if separator else ""] = float(value)
        except ValueError:
            raise InputError(f"{where}: volume_ml must be a number, or look like kidney=312.5;tumor=20, not “{text}”.") from None
    return volumes


def _beside(listing: Path, text: str) -> Path:
    path = Path(text).expanduser()
    beside = listing.parent / path
    return path if path.is_absolute() or (not beside.exists() and path.exists()) else beside
