"""Change between two studies of the same patient, and whether it exceeds what the measurements can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .measurement import Measurement


SINCE_PRIOR = "since the prior study"
"""How the names of measurements end that are changes themselves; these are not compared again."""


@dataclass(frozen=True)
class Change:
    """One number at two times.

    Attributes:
        segment, name, unit: as in both measurements.
        before, after: the numbers.
        difference: after - before.
        percent: difference relative to ``before``; NaN if that is 0.
        low, high: interval of the difference, None if one of the numbers has none.
        level: nominal coverage of that interval.
        verdict: words for the user.
    """

    segment: str
    name: str
    unit: str
    before: float
    after: float
    difference: float
    percent: float
    low: float | None
    high: float | None
    level: float | None
    verdict: str


def compare(prior: Iterable[Measurement], current: Iterable[Measurement]) -> list[Change]:
    """Changes of every number that both studies have, in the order of the current one; other units are not compared."""
    before = {(m.segment, m.name, m.unit): m for m in prior}
    pairs = ((before.get((m.segment, m.name, m.unit)), m) for m in current if not m.name.endswith(SINCE_PRIOR))
    return [change(old, new) for old, new in pairs if old is not None and math.isfinite(old.value) and math.isfinite(new.value)]


def change(before: Measurement, after: Measurement) -> Change:
    """Change of one number.

    The errors of the two studies are taken as independent: the distances from value to interval end are added in squares
    (MOVER, Zou and Donner 2008), which keeps unequal sides unequal.
    """
    difference = after.value - before.value
    low = high = None
    if before.low is not None and before.high is not None and after.low is not None and after.high is not None:
        low = difference - math.hypot(after.value - after.low, before.high - before.value)
        high = difference + math.hypot(after.high - after.value, before.value - before.low)
    levels = [m.level for m in (before, after) if m.level is not None]
    return Change(
        segment=after.segment,
        name=after.name,
        unit=after.unit,
        before=before.value,
        after=after.value,
        difference=difference,
        percent=100 * difference / before.value if before.value else math.nan,
        low=low,
        high=high,
        level=min(levels) if low is not None and levels else None,
        verdict=_verdict(low, high),
    )


def _verdict(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no interval is known, so it cannot be said whether the change is real"
    if low > 0:
        return "increased by more than the measurement uncertainty"
    if high < 0:
        return "decreased by more than the measurement uncertainty"
    return "no change beyond the measurement uncertainty"
