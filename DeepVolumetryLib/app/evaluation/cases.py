"""``cases.csv``: one row per case."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
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
        references: those of further pictures of the study, by the name of their input.
        spacing: input -> width and height of a pixel in mm, where the file does not state them.
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
    references: dict[str, Path] = field(default_factory=dict)
    spacing: dict[str, tuple[float, float]] = field(default_factory=dict)


def read_cases(path: Path, specs: Sequence[InputSpec]) -> list[Case]:
    """Rows of the file; relative paths count from its folder.

    Args:
        specs: inputs of the module; each may have a column.

    Raises:
        InputError: naming the row and the column that is wrong.
    """
    columns, rows = read_rows(path)
    input_names = [spec.name for spec in specs]
    needed = lacking(specs, ())
    missing = [column for column in ("case", "reference") if column not in columns] or lacking(specs, columns)
    if missing:
        raise InputError(f"{path.name} has no column “{missing[0]}”; it needs case, reference and {' or '.join(needed)}.")
    flat = [spec.name for spec in specs if spec.flat]
    known = (*KNOWN, *input_names, *(f"reference_{name}" for name in flat), *(("spacing",) if flat else ()))
    unknown = [column for column in columns if column not in known]
    if unknown:
        raise InputError(f"{path.name} has a column “{unknown[0]}” that is not known; use {', '.join(known)}.")
    if not rows:
        raise InputError(f"{path.name} lists no cases. Add a row per case.")
    cases = [_case(row, number, path, specs) for number, row in enumerate(rows, 2)]
    names = [case.name for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path.name} lists the case {twice} twice. Give each row a name of its own.")
    return cases


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV file, texts stripped.

    Raises:
        InputError: if it cannot be read.
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
    return columns, rows


def _case(row: dict[str, str], number: int, path: Path, specs: Sequence[InputSpec]) -> Case:
    where = f"{path.name}, line {number}"
    if not row["case"] or Path(row["case"]).name != row["case"]:
        raise InputError(f"{where}: “{row['case']}” cannot be the name of a case. Use letters, digits, dashes and dots.")
    inputs = {spec.name: beside(path, row[spec.name]) for spec in specs if row.get(spec.name)}
    missing = lacking(specs, inputs) or (() if row["reference"] else ("reference",))
    if missing:
        raise InputError(f"{where}: the {' or '.join(missing)} is missing. Fill it in, or delete the row.")
    labels = parse_labels(row["labels"], where) if row.get("labels") else None
    further = {name: beside(path, row[f"reference_{name}"]) for name in inputs if row.get(f"reference_{name}")}
    volumes, group = parse_volumes(row.get("volume_ml", ""), where), row.get("group") or "all"
    return Case(
        row["case"], inputs, beside(path, row["reference"]), labels, group, volumes, further, _spacing(row.get("spacing", ""), where)
    )


def _spacing(text: str, where: str) -> dict[str, tuple[float, float]]:
    """``coronal=0.31,0.31;transverse=0.4,0.4``."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, _separator, value = part.partition("=")
        try:
            width, height = (float(number) for number in value.split(","))
        except ValueError:
            raise InputError(f"{where}: spacing must look like coronal=0.31,0.31;transverse=0.4,0.4, not “{text}”.") from None
        found[name.strip()] = (width, height)
    return found


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


def parse_volumes(text: str, where: str) -> dict[str, float]:
    """``312.5``, or per target ``kidney=312.5;tumor=20``."""
    volumes = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        target, separator, value = part.rpartition("=")
        try:
            volumes[target.strip() if separator else ""] = float(value)
        except ValueError:
            raise InputError(f"{where}: volume_ml must be a number, or look like kidney=312.5;tumor=20, not “{text}”.") from None
    return volumes


def beside(listing: Path, text: str) -> Path:
    """A path that stands in a list: relative ones count from its folder, or from here if there is nothing."""
    path = Path(text).expanduser()
    beside = listing.parent / path
    return path if path.is_absolute() or (not beside.exists() and path.exists()) else beside
