"""Label maps without images, for modules that estimate a volume from outlines: a folder, or a column of ``cases.csv``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..console import Terminal, number
from .cases import beside, parse_labels, read_rows

if TYPE_CHECKING:
    from types import ModuleType

_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
_KNOWN = ("case", "labels", "group", "volume_ml")


def listed(path: Path, column: str, shapes: ModuleType) -> list[Any] | None:
    """What is to be evaluated; None if the list is one of images.

    Args:
        path: a folder of label maps, or a CSV file.
        column: of the label maps.
        shapes: the module's library for shapes, with the class ``LabelMap``.

    Raises:
        InputError: if a folder holds no label maps, or a row is wrong.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.lower().endswith(_SUFFIXES))
        if not files:
            raise InputError(f"The folder {path} holds no label maps ({', '.join(_SUFFIXES)}). Choose another one, or give cases.csv.")
        return [shapes.LabelMap(file.name.split(".")[0], file) for file in files]
    columns, rows = read_rows(path)
    if column not in columns:
        return None
    unknown = [each for each in columns if each not in (*_KNOWN, column)]
    if unknown:
        raise InputError(f"{path.name} has a column “{unknown[0]}” beside {column}; use {', '.join((*_KNOWN, column))}.")
    return [_row(row, line, path, column, shapes) for line, row in enumerate(rows, 2)]


def _row(row: dict[str, str], line: int, path: Path, column: str, shapes: ModuleType) -> Any:
    where = f"{path.name}, line {line}"
    if not row.get("case") or not row.get(column):
        raise InputError(f"{where}: the {'case' if not row.get('case') else column} is missing. Fill it in, or delete the row.")
    labels = parse_labels(row["labels"], where) if row.get("labels") else {}
    values = [value for value, name in labels.items() if name == column]
    if labels and not values:
        raise InputError(f"{where}: labels names no {column}. Write it like 1={column}.")
    try:
        volume = float(row["volume_ml"]) if row.get("volume_ml") else None
    except ValueError:
        raise InputError(f"{where}: volume_ml must be a number, not “{row['volume_ml']}”.") from None
    return shapes.LabelMap(row["case"], beside(path, row[column]), values[0] if values else None, row.get("group") or "all", volume)


def show(document: dict[str, Any], terminal: Terminal) -> None:
    """A table per group: MRVA of every method, a column for each choice of views."""
    settings = document["settings"]
    for group in dict.fromkeys(group for found in settings.values() for group in found):
        methods = dict.fromkeys(method for found in settings.values() for method in found.get(group, {}))
        rows = []
        for method in methods:
            cells = []
            for found in settings.values():
                numbers = found.get(group, {}).get(method)
                cells.append("–" if numbers is None else f"{number(numbers['mrva'])} ± {number(numbers['mrva_sd'])}")
            rows.append((method, *cells))
        count = sum(case["group"] == group for case in document["cases"])
        terminal.table(f"{group}: MRVA ± SD in %, {count} spleens", ("method", *settings), rows)
        intervals = []
        for method in methods:
            cells = []
            for found in settings.values():
                numbers = found.get(group, {}).get(method)
                share = None if numbers is None else numbers["interval"]["share"]
                cells.append("–" if share is None else f"{100 * share:.0f} %, ×/÷ {numbers['interval_factor']:.2f}")
            intervals.append((method, *cells))
        terminal.table(f"{group}: share of the truths inside the interval, and its width", ("method", *settings), intervals)


def write_csv(path: Path, document: dict[str, Any]) -> None:
    """The table for spreadsheets: a row per choice of views, group and method."""
    names = ("mrva", "mrva_sd", "pearson_r", "bias", "limit_low", "limit_high", "sensitivity", "specificity", "accuracy", "cases")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("views", "group", "method", *names, "coverage", "interval_factor"))
        for setting, groups in document["settings"].items():
            for group, methods in groups.items():
                for method, found in methods.items():
                    values = [*(found[name] for name in names), found["interval"]["share"], found["interval_factor"]]
                    writer.writerow((setting, group, method, *("" if value is None else value for value in values)))
