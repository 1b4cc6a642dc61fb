"""How likely the true change between two studies is to cross a threshold, from the intervals of both.

Model of the errors: the true value lies below the measured one with probability 1/2 and above it with probability 1/2; on each side it
follows half of a normal distribution whose tail beyond the end of the interval is (1 - level) / 2. So the ends of the interval are its
quantiles and unequal sides stay unequal. Values below 0 count as 0. The errors of both studies are independent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .measurement import Measurement

NODES = 4000
SPLEEN_RESPONSE_PERCENT = 35.0
"""A spleen whose volume on MRI or CT fell by so much responded: IWG-MRT and ELN criteria for myelofibrosis, Tefferi et al., Blood
2013;122(8):1395-1398. The criteria ask for MRI or CT; on ultrasound this is the threshold only."""


@dataclass(frozen=True)
class Crossing:
    """The volume of one structure against a threshold in percent.

    Attributes:
        segment: key of the structure.
        percent: the threshold, positive.
        rise: probability (0-1) that the true volume rose by more than the threshold; None without intervals.
        fall: that it fell by at least the threshold; None without intervals, or for thresholds of 100 and more.
    """

    segment: str
    percent: float
    rise: float | None
    fall: float | None


def crossings(prior: Iterable[Measurement], current: Iterable[Measurement], percent: float) -> list[Crossing]:
    """How likely every volume that both studies have changed by more than a percentage, in the order of the current study.

    Raises:
        ValueError: if the percentage is not positive.
    """
    if not percent > 0:
        raise ValueError(f"a threshold must be a positive percentage, not {percent}")
    before = {m.segment: m for m in prior if _is_volume(m)}
    found = []
    for after in current:
        old = before.get(after.segment)
        if old is None or not _is_volume(after) or not old.value > 0:
            continue
        above = probability_above(1 + percent / 100, old, after)
        kept = probability_above(1 - percent / 100, old, after) if percent < 100 else None
        found.append(Crossing(after.segment, percent, above, None if kept is None else 1 - kept))
    return found


def probability_above(ratio: float, before: Measurement, after: Measurement) -> float | None:
    """Probability that the true current value exceeds the true prior one times a ratio; None if one has no interval.

    Raises:
        ValueError: if the ratio is not positive.
    """
    if not ratio > 0:
        raise ValueError(f"a ratio must be positive, not {ratio}")
    if not (has_interval(before) and has_interval(after)):
        return None
    prior = _quantiles(before, (np.arange(NODES) + 0.5) / NODES)  # midpoints of equal probability
    return float(_tail(after, ratio * prior).mean())


def has_interval(m: Measurement) -> bool:
    """True if an interval of a known level is stated."""
    return m.low is not None and m.high is not None and m.level is not None and 0 < m.level < 1


def _is_volume(m: Measurement) -> bool:
    return m.name == "Volume" and bool(np.isfinite(m.value))


def _spreads(m: Measurement) -> tuple[float, float]:
    """Standard deviations of the lower and the upper half."""
    assert m.low is not None and m.high is not None and m.level is not None
    z = float(special.ndtri((1 + m.level) / 2))
    return max(0.0, m.value - m.low) / z, max(0.0, m.high - m.value) / z


def _quantiles(m: Measurement, at: NDArray[np.float64]) -> NDArray[np.float64]:
    below, above = _spreads(m)
    z = special.ndtri(at)
    return np.maximum(0, m.value + np.where(z < 0, below, above) * z)


def _tail(m: Measurement, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that the true value exceeds each place, all of them 0 or more."""
    below, above = _spreads(m)
    gap = m.value - at
    spread = np.where(gap > 0, below, above)
    certain = np.where(gap > 0, 1.0, 0.0)
    return np.asarray(np.where(spread > 0, special.ndtr(gap / np.where(spread > 0, spread, 1)), certain))
