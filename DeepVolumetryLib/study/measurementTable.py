"""Measurements as a radiologist reads them: a group per structure, a row per quantity, right beside left beside total."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..measure.change import Change
    from ..measure.measurement import Measurement

SIDES = {"left": "left", "right": "right", "total": "total", "both": "total"}
NO_BREAK_SPACE, WORD_JOINER = "\u00a0", "\u2060"
UNITS = {
    "1": "",
    "cm3": "cm³",
    "kg/m2": "kg/m²",
    "m2": "m²",
    "mL/m2": "mL/m²",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "mL/{1.73_m2}": "mL/1.73 m²",
    "mm2": "mm²",
    "cm2": "cm²",
    "[hnsf'U]": "HU",
    "mg/cm3": "mg/cm³",
    "mg/cm3{CHA}": "mg/cm³ HA",
    "mg/cm3{K2HPO4}": "mg/cm³ K₂HPO₄",
    "g{CHA}": "g HA",
    "g{K2HPO4}": "g K₂HPO₄",
    "g/cm2": "g/cm²",
    "g/cm2{CHA}": "g/cm² HA",
    "g/cm2{K2HPO4}": "g/cm² K₂HPO₄",
}


@dataclass
class Row:
    """One quantity of one structure. ``cells`` maps "left", "right" and "total" to its measurement."""

    structure: str
    name: str
    unit: str
    cells: dict[str, Measurement] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the row is called inside its group: "Volume (mL)"."""
        unit = UNITS.get(self.unit, self.unit).replace(" ", NO_BREAK_SPACE).replace("/", "/" + WORD_JOINER)
        return f"{self.name} ({unit})" if unit else self.name


def rows(measurements: Iterable[Measurement]) -> list[Row]:
    """Measurements grouped by structure, then into rows, in the order in which they first appear."""
    found: dict[str, dict[tuple[str, str], Row]] = {}
    for measurement in measurements:
        side, structure = split(measurement.segment)
        group = found.setdefault(structure, {})
        row = group.setdefault((measurement.name, measurement.unit), Row(structure, measurement.name, measurement.unit))
        row.cells.setdefault(side, measurement)
    return [row for group in found.values() for row in group.values()]


def columns(table: Iterable[Row]) -> list[str]:
    """The sides that occur, in reading order: the patient's right is on the left of the screen."""
    used = {side for row in table for side in row.cells}
    return [side for side in ("right", "left", "total") if side in used]


def split(segment: str) -> tuple[str, str]:
    """("left", "kidney") for "left_kidney"; a segment without a side is a total."""
    side, _, structure = segment.partition("_")
    if side in SIDES and structure:
        return SIDES[side], f"both {structure}" if side == "both" else structure.replace("_", " ")
    return "total", segment.replace("_", " ")


def number(value: float) -> str:
    """Three significant digits, as many decimals as make sense: 182, 18.2, 1.82; "–" if there is no value."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    return f"{value:.{0 if size >= 99.95 or size == 0 else 1 if size >= 9.995 else 2}f}"


def interval(measurement: Measurement) -> str:
    """ "175–190"; "" where no interval is stated or it is a point."""
    low, high = measurement.low, measurement.high
    if low is None or high is None or not math.isfinite(measurement.value) or low == high == measurement.value:
        return ""
    return f"{number(low)}–{number(high)}"


def value(measurement: Measurement) -> str:
    """ "182"; what was counted without decimals."""
    isCount = measurement.unit == "1" and math.isfinite(measurement.value) and measurement.value == int(measurement.value)
    return f"{measurement.value:.0f}" if isCount else number(measurement.value)


def cell(measurement: Measurement, separator: str = " ") -> str:
    """ "182 (175–190)" """
    span = interval(measurement)
    return value(measurement) + (f"{separator}({span})" if span else "")


def verdicts(measurements: Iterable[Measurement], names: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """What the reference values say, in the order of the table: ("Right kidney, length", "within the usual …").

    Args:
        names: what structures without a side are called, where it is not their key.
    """
    table = rows(measurements)
    cells = (row.cells[side] for row in table for side in columns(table) if side in row.cells)
    return [(_subject(measurement, names), measurement.verdict) for measurement in cells if measurement.verdict]


def changes(
    prior: Path | Sequence[Measurement], measurements: Iterable[Measurement], names: Mapping[str, str] | None = None, percent: float = 0
) -> list[str]:
    """Volumes then and now: "Right kidney: 150 → 141 mL (−6 %), …", and how likely they passed a threshold.

    Args:
        prior: report.json of the earlier study, or its measurements.
        measurements: those of this study.
        names: as for `verdicts`.
        percent: the threshold; 0 if there is none.

    Raises:
        InputError: if the file is no report.
    """
    from ..measure.change import compare

    before, after = measurements_of(prior), list(measurements)
    found = [each for each in compare(before, after) if each.name == "Volume" and (each.before or each.after)]
    common = {each.verdict for each in found} if len(found) > 1 else set()
    lines = [_change(each, names, "" if len(common) == 1 else each.verdict) for each in found]
    lines += [f"All of them: {verdict}." for verdict in common if verdict and len(common) == 1]
    return lines + (_crossed(before, after, names, percent) if percent > 0 else [])


def measurements_of(prior: Path | Sequence[Measurement]) -> list[Measurement]:
    """The measurements of an earlier study.

    Raises:
        InputError: if it is a file that is no report.
    """
    if isinstance(prior, Path):
        from ..report.files import read_json

        return list(read_json(prior).measurements)
    return list(prior)


def _crossed(before: list[Measurement], after: list[Measurement], names: Mapping[str, str] | None, percent: float) -> list[str]:
    """ "Right kidney: probability that the true volume rose by more than 20 %: 3 %, fell by as much: 1 %." """
    from ..measure.crossing import crossings

    lines = []
    for each in crossings(before, after, percent):
        if each.rise is None:
            continue
        fell = "" if each.fall is None else f", fell by as much: {100 * each.fall:.0f} %"
        rose = f"probability that the true volume rose by more than {percent:g} %: {100 * each.rise:.0f} %"
        lines.append(f"{_place(each.segment, names)}: {rose}{fell}.")
    return lines or ["No volume has an interval in both studies, so no probability of passing the threshold is given."]


def _change(change: Change, names: Mapping[str, str] | None, verdict: str) -> str:
    percent = f" ({change.percent:+.0f} %)".replace("-", "−") if math.isfinite(change.percent) else ""
    numbers = f"{number(change.before)} → {number(change.after)} {change.unit}{percent}"
    return f"{_place(change.segment, names)}: {numbers}" + (f", {verdict}" if verdict else "")


def as_text(measurements: Iterable[Measurement], names: Mapping[str, str] | None = None) -> str:
    """Tab-separated text with a heading, to paste into a report or a spreadsheet; ``names`` as for `verdicts`."""
    measurements = list(measurements)
    table = rows(measurements)
    sides = columns(table)
    lines = ["\t".join(["", *(side.capitalize() for side in sides)])]
    for row in table:
        cells = (cell(row.cells[side]) if side in row.cells else "" for side in sides)
        title = row.title.replace(WORD_JOINER, "").replace(NO_BREAK_SPACE, " ")
        lines.append("\t".join([f"{heading(row.structure, names)}: {title}", *cells]))
    return "\n".join([*lines, *(f"{subject}: {verdict}" for subject, verdict in verdicts(measurements, names))])


def heading(structure: str, names: Mapping[str, str] | None = None) -> str:
    """What a group of rows is called."""
    return (names or {}).get(structure) or structure.capitalize()


def _place(segment: str, names: Mapping[str, str] | None) -> str:
    hasSide = segment.partition("_")[0] in SIDES
    return heading(segment, None if hasSide else names).replace("_", " ")


def _subject(measurement: Measurement, names: Mapping[str, str] | None) -> str:
    place = _place(measurement.segment, names)
    name = measurement.name
    starts_a_word = name[1:2].islower() or not name[1:2].isalpha()
    return f"{place}, {name[:1].lower() if starts_a_word else name[:1]}{name[1:]}"
