"""Is this kidney small? Reference values and a verdict in words.

Sources:
    Parenchyma of adults: SHIP-TREND, MRI of 1815 people without kidney disease, J Clin Med 2024;13(3):769.
    Children: kidney volume per body surface area, PMC3820439.
    Length: CT of 2068 kidneys, Glodny et al. 2009.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

SHIP_TREND = "SHIP-TREND, MRI of adults without kidney disease"
_AGES = (22, 40, 60)  # first year of each age group; the last one ends at 81
_OLDEST = 81


@dataclass(frozen=True)
class Percentiles:
    """Known points of a reference distribution in mL; p5 is None where it was not published."""

    p5: float | None
    p25: float
    p50: float
    p75: float
    group: str


# (5th, 25th, 50th, 75th) by age group; right kidneys. Left kidneys were published for all ages together, without the 5th.
_RIGHT = {
    "female": ((106, 126, 141, 160), (102, 126, 142, 161), (92, 111, 129, 143)),
    "male": ((123, 153, 172, 192), (134, 162, 180, 206), (123, 149, 164, 184)),
}
_LEFT = {"female": (125, 144, 165), "male": (160, 180, 203)}
_PEOPLE = {"female": "women", "male": "men"}

CHILD_LOW, CHILD_HIGH = 45.0, 85.0
"""10th and 90th percentile of one kidney's volume per body surface area in children, mL/m2."""

LENGTH_MM = {"right": (108.5, 12.2), "left": (111.3, 12.6)}
"""Mean and SD of kidney length in adults on CT."""


def parenchyma_percentiles(side: str, sex: str, age: float | None) -> Percentiles | None:
    """Reference distribution of one side's parenchyma; None where there is none (sex not given, younger than 22, older than 81).

    Args:
        side: "left" or "right".
        sex: "female", "male" or "".
        age: in years, None if not given.
    """
    if sex not in _RIGHT or age is None or not _AGES[0] <= age < _OLDEST + 1:
        return None
    if side == "left":
        p25, p50, p75 = _LEFT[sex]
        return Percentiles(None, p25, p50, p75, f"{_PEOPLE[sex]} of {_AGES[0]}–{_OLDEST} years")
    group = bisect_right(_AGES, age) - 1
    p5, p25, p50, p75 = _RIGHT[sex][group]
    last = (*(first - 1 for first in _AGES[1:]), _OLDEST)[group]
    return Percentiles(p5, p25, p50, p75, f"{_PEOPLE[sex]} of {_AGES[group]}–{last} years")


def percentile_of(value_ml: float, reference: Percentiles) -> float | None:
    """Percentile between the published points, read off straight lines; None outside of them."""
    points = [(reference.p25, 25.0), (reference.p50, 50.0), (reference.p75, 75.0)]
    if reference.p5 is not None:
        points.insert(0, (reference.p5, 5.0))
    for (low, below), (high, above) in pairwise(points):
        if low <= value_ml <= high:
            return below + (above - below) * (value_ml - low) / (high - low)
    return None


def parenchyma_verdict(value_ml: float, side: str, sex: str, age: float | None) -> str:
    """Words for one side's parenchyma, e.g. "about the 40th percentile of men of 40–59 years"; "" without a reference."""
    reference = parenchyma_percentiles(side, sex, age)
    if reference is None or not math.isfinite(value_ml):
        return ""
    found = percentile_of(value_ml, reference)
    if found is not None:
        return f"about the {_ordinal(round(found))} percentile of {reference.group}"
    if value_ml > reference.p75:
        return f"in the upper quarter of {reference.group} (above {reference.p75:g} mL)"
    if reference.p5 is not None:
        return f"below the reference range of {reference.group} (5th percentile {reference.p5:g} mL)"
    return f"in the lower quarter of {reference.group} (below {reference.p25:g} mL)"


def child_verdict(ml_per_m2: float) -> str:
    """Words for one kidney's volume per body surface area in a child."""
    if not math.isfinite(ml_per_m2):
        return ""
    if ml_per_m2 < CHILD_LOW:
        return f"small for a child (10th percentile {CHILD_LOW:g} mL/m²)"
    if ml_per_m2 > CHILD_HIGH:
        return f"large for a child (90th percentile {CHILD_HIGH:g} mL/m²)"
    return f"usual for a child ({CHILD_LOW:g}–{CHILD_HIGH:g} mL/m²)"


def length_verdict(length_mm: float, side: str) -> str:
    """Words for the length of an adult kidney: within, shorter or longer than mean ± 2 SD on CT."""
    if not math.isfinite(length_mm):
        return ""
    mean, sd = LENGTH_MM[side]
    low, high = mean - 2 * sd, mean + 2 * sd
    place = "shorter than" if length_mm < low else "longer than" if length_mm > high else "within"
    return f"{place} the usual {low:.0f}–{high:.0f} mm of adults"


def split_verdict(share: float) -> str:
    """Words for a split function: outside of 45–55 % it is called asymmetric (common practice, no single source)."""
    if not math.isfinite(share):
        return ""
    return "symmetric (45–55 %)" if 0.45 <= share <= 0.55 else "asymmetric (outside 45–55 %)"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
