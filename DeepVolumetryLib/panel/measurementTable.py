"""Measurements as a radiologist reads them: one row per quantity, left beside right beside total."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..measure.measurement import Measurement

SIDES = {"left": "left", "right": "right", "total": "total", "both": "total"}
UNITS = {"1": "", "mL/m2": "mL/m²", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "mL/{1.73_m2}": "mL/1.73 m²", "kg/m2": "kg/m²", "m2": "m²"}


@dataclass
class Row:
    """One quantity. ``cells`` maps "left", "right" and "total" to its measurement."""

    structure: str
    name: str
    unit: str
    cells: dict[str, Measurement] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the row is called: "Kidney volume (mL)"."""
        words = self.name if _says(self.name, self.structure) else f"{self.structure} {self.name[:1].lower()}{self.name[1:]}"
        title = words[:1].upper() + words[1:]
        unit = UNITS.get(self.unit, self.unit)
        return f"{title} ({unit})" if unit else title


def rows(measurements: Iterable[Measurement]) -> list[Row]:
    """Measurements grouped into rows, in the order in which the quantities first appear."""
    found: dict[tuple[str, str, str], Row] = {}
    for measurement in measurements:
        side, structure = split(measurement.segment)
        key = (structure, measurement.name, measurement.unit)
        row = found.setdefault(key, Row(structure, measurement.name, measurement.unit))
        row.cells.setdefault(side, measurement)
    return list(found.values())


def columns(table: Iterable[Row]) -> list[str]:
    """The sides that occur, in reading order. Radiologists have the patient's right on the left of the screen."""
    used = {side for row in table for side in row.cells}
    return [side for side in ("right", "left", "total") if side in used]


def split(segment: str) -> tuple[str, str]:
    """("left", "kidney") for "left_kidney"; a segment without a side is a total."""
    side, _, structure = segment.partition("_")
    if side in SIDES and structure:
        return SIDES[side], structure.replace("_", " ")
    return "total", segment.replace("_", " ")


def number(value: float) -> str:
    """Three significant digits, as many decimals as make sense: 182, 18.2, 1.82; "–" if there is no value."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    return f"{value:.{0 if size >= 99.95 else 1 if size >= 9.995 else 2}f}"


def interval(measurement: Measurement) -> str:
    """ "175–190"; "" where no interval is stated."""
    if measurement.low is None or measurement.high is None or not math.isfinite(measurement.value):
        return ""
    return f"{number(measurement.low)}–{number(measurement.high)}"


def cell(measurement: Measurement) -> str:
    """ "182 (175–190)" """
    span = interval(measurement)
    return f"{number(measurement.value)} ({span})" if span else number(measurement.value)


def as_text(measurements: Iterable[Measurement]) -> str:
    """Tab-separated text with a heading, to paste into a report or a spreadsheet."""
    table = rows(measurements)
    sides = columns(table)
    lines = ["\t".join(["", *(side.capitalize() for side in sides)])]
    lines += ["\t".join([row.title, *(cell(row.cells[side]) if side in row.cells else "" for side in sides)]) for row in table]
    lines += [row.cells[side].verdict for row in table for side in sides if side in row.cells and row.cells[side].verdict]
    return "\n".join(lines)


def _says(name: str, structure: str) -> bool:
    """True if the name already speaks of the structure, so that it need not be said twice."""
    return all(word in name.lower() for word in structure.lower().split())
