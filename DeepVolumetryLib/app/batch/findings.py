"""What stands out in a cohort: numbers gathered by measure and group, their reference ranges, agreement with known volumes, outliers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import DeepVolumetryError
from ...measure.agreement import Agreement, Coverage, agreement, coverage
from ...modules import MODULES
from .plan import DONE
from .tables import Row, column_of

Range = tuple[float | None, float | None]
_ROBUST_LIMIT = 3.5  # Iglewicz and Hoaglin 1993, for the modified z-score
_LEAST_SPREAD = 0.01
_FEWEST = 8
_MOST_MEASURES = 12


@dataclass
class Measure:
    """One number over the cases of a module and group that have it.

    Attributes:
        module, group, title: what it is.
        unit: UCUM.
        cases: names, in the order of the lists below.
        values, lows, highs: NaN where there is none.
        ranges: the reference range of each case, which may depend on sex and age; None where an end is not known.
        references: true values in mL, NaN where unknown.
    """

    module: str
    group: str
    title: str
    unit: str
    cases: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    references: list[float] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """Cases outside of their reference range."""
        return [
            case for case, value, (low, high) in zip(self.cases, self.values, self.ranges, strict=True) if _is_outside(value, low, high)
        ]

    @property
    def with_range(self) -> int:
        """Cases that have a reference range."""
        return sum(any(end is not None for end in each) for each in self.ranges)

    @property
    def agreement(self) -> Agreement:
        return agreement(self.values, self.references)

    @property
    def coverage(self) -> Coverage:
        return coverage(self.lows, self.highs, self.references)

    @property
    def is_referenced(self) -> bool:
        return bool(np.isfinite(self.references).any())


@dataclass(frozen=True)
class Outlier:
    """A case that stands out: how far, in robust standard deviations, and in what."""

    case: str
    score: float
    why: str


def measures_of(rows: Sequence[Row]) -> list[Measure]:
    """Volumes, and whatever has a reference range; of each module and group those that most cases have, twelve at most."""
    found: dict[tuple[str, str, str], Measure] = {}
    for row in rows:
        if row.outcome.state != DONE or row.report is None:
            continue
        ranges = _ranges(row)
        for m in row.measurements:
            if not math.isfinite(m.value) or not ((m.name == "Volume" and m.unit == "mL") or (m.segment, m.name) in ranges):
                continue
            key = (row.case.module, row.case.group, column_of(m))
            measure = found.setdefault(key, Measure(*key, m.unit))
            measure.cases.append(row.case.name)
            measure.values.append(m.value)
            measure.lows.append(math.nan if m.low is None else m.low)
            measure.highs.append(math.nan if m.high is None else m.high)
            measure.ranges.append(ranges.get((m.segment, m.name), (None, None)))
            measure.references.append(row.references.get(m.segment, math.nan) if m.name == "Volume" else math.nan)
    chosen: list[Measure] = []
    for module, group in dict.fromkeys(key[:2] for key in found):
        own = [each for each in found.values() if (each.module, each.group) == (module, group)]
        own.sort(key=lambda each: (-each.is_referenced, -each.with_range, -len(each.values)))
        chosen += own[:_MOST_MEASURES]
    return chosen


def outliers_of(measures: Sequence[Measure]) -> list[Outlier]:
    """Cases far from the others of their group (modified z-score of the logarithm above 3.5), the farthest first."""
    found: dict[str, Outlier] = {}
    for measure in measures:
        for case, score in zip(measure.cases, modified_z(measure.values), strict=True):
            if abs(score) > _ROBUST_LIMIT and (case not in found or abs(score) > abs(found[case].score)):
                among = "" if measure.group == "all" else f" among {measure.group}"
                side = "high" if score > 0 else "low"
                found[case] = Outlier(case, float(score), f"{measure.title.replace('_', ' ')} is {side}{among}")
    return sorted(found.values(), key=lambda each: -abs(each.score))


def modified_z(values: Sequence[float]) -> np.ndarray:
    """0.6745 (x - median) / MAD of the logarithms; zeros where fewer than eight values are above 0.

    The MAD counts as 1 % at least: where nearly all are equal, nothing small stands out.
    """
    numbers = np.asarray(values, np.float64)
    scores = np.zeros(numbers.shape)
    positive = numbers > 0
    if positive.sum() < _FEWEST:
        return scores
    logs = np.log(numbers[positive])
    spread = max(float(np.median(np.abs(logs - np.median(logs)))), _LEAST_SPREAD)
    scores[positive] = 0.6745 * (logs - np.median(logs)) / spread
    return scores


def _ranges(row: Row) -> dict[tuple[str, str], Range]:
    """From the module, where it offers ``reference_ranges``."""
    assert row.report is not None
    entry = MODULES.get(row.case.module)
    try:
        if entry is None or not entry.offers("reference_ranges"):
            return {}
        offered = entry.submodule("reference_ranges")
        found: dict[tuple[str, str], Range] = offered.ranges(row.report.measurements, row.report.provenance.parameters)
    except DeepVolumetryError:
        return {}
    return found


def _is_outside(value: float, low: float | None, high: float | None) -> bool:
    return (low is not None and value < low) or (high is not None and value > high)
