"""Agreement of measured with true numbers over a cohort."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Summary:
    """Mean and its bootstrap interval over cases; cases without a number (NaN) are left out and not counted."""

    mean: float
    sd: float
    low: float
    high: float
    cases: int


def summarize(values: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Summary:
    """Mean, sample SD and bootstrap interval of the mean (percentile; the same seed gives the same interval).

    With one case there is no interval and no SD: they are NaN.
    """
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size < 2:
        mean = float(numbers[0]) if numbers.size else math.nan
        return Summary(mean, math.nan, math.nan, math.nan, numbers.size)
    found = stats.bootstrap(
        (numbers,), np.mean, confidence_level=level, n_resamples=resamples, method="percentile", random_state=np.random.default_rng(seed)
    ).confidence_interval
    return Summary(float(numbers.mean()), float(numbers.std(ddof=1)), float(found.low), float(found.high), numbers.size)


@dataclass(frozen=True)
class Agreement:
    """Measured against reference.

    Attributes:
        pearson_r: correlation; NaN if one side does not vary.
        r_squared: its square, the share of variance that a straight line explains.
        bias: mean of measured - reference (Bland and Altman 1986).
        limit_low, limit_high: bias -/+ 1.96 SD of the differences.
        mrva: mean relative volume accuracy in percent, 100 * mean(1 - |measured - reference| / reference), over cases with a
            reference above 0. The name fixes the formula; the equation of the paper was not seen.
        mrva_sd: its sample SD.
        cases: number of pairs.
    """

    pearson_r: float
    r_squared: float
    bias: float
    limit_low: float
    limit_high: float
    mrva: float
    mrva_sd: float
    cases: int


def agreement(measured: ArrayLike, reference: ArrayLike) -> Agreement:
    """Agreement of pairs; pairs with a number missing (NaN) are left out.

    Raises:
        ValueError: if the lengths differ.
    """
    a, b = np.asarray(measured, np.float64).ravel(), np.asarray(reference, np.float64).ravel()
    if a.shape != b.shape:
        raise ValueError(f"{a.size} measured but {b.size} reference numbers")
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    difference = a - b
    sd = _sd(difference)
    bias = float(difference.mean()) if a.size else math.nan
    varies = a.size > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    r = float(stats.pearsonr(a, b).statistic) if varies else math.nan
    relative = 100 * (1 - np.abs(difference[b > 0]) / b[b > 0])
    return Agreement(
        pearson_r=r,
        r_squared=r**2,
        bias=bias,
        limit_low=bias - 1.96 * sd,
        limit_high=bias + 1.96 * sd,
        mrva=float(relative.mean()) if relative.size else math.nan,
        mrva_sd=_sd(relative),
        cases=int(a.size),
    )


@dataclass(frozen=True)
class Coverage:
    """How often intervals held the truth, with a Wilson score interval of that share, and how wide they were.

    Attributes:
        share: covered cases / cases; NaN without cases.
        low, high: Wilson interval at 95 %.
        mean_width: in the unit of the numbers.
        cases: number of intervals.
    """

    share: float
    low: float
    high: float
    mean_width: float
    cases: int


def coverage(low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> Coverage:
    """Coverage of intervals; those with an end or a truth missing (NaN) are left out. Ends belong to the interval."""
    ends = np.broadcast_arrays(*(np.asarray(values, np.float64) for values in (low, high, truth)))
    known = np.all([np.isfinite(values) for values in ends], axis=0)
    lower, upper, true = (values[known] for values in ends)
    if not true.size:
        return Coverage(math.nan, math.nan, math.nan, math.nan, 0)
    hits = int(np.count_nonzero((lower <= true) & (true <= upper)))
    wilson = stats.binomtest(hits, true.size).proportion_ci(method="wilson")
    return Coverage(hits / true.size, float(wilson.low), float(wilson.high), float((upper - lower).mean()), int(true.size))


def _sd(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else math.nan
