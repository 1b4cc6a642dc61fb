"""How far a volume may be off: the volume at stake, and an interval whose coverage was measured.

The interval of a volume V is [V - q * surplus, V + q * missing]. ``surplus`` is the volume expected to be in the mask
by mistake, ``missing`` the volume expected to be left out, both widened by the spread of the members (``stake.py``); q
makes the interval honest: it is the split-conformal quantile of the residuals of calibration cases, see docs/uncertainty.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .maps import check_probability

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .stake import Stake


def expected_error_volume(probability: NDArray[Any], voxel_ml: float, region: NDArray[np.bool_] | None = None) -> float:
    """Volume that a 0.5 threshold is expected to get wrong, in mL.

    Args:
        probability: foreground probability, shape (K, J, I), in [0, 1].
        voxel_ml: volume of one voxel in mL.
        region: where to count, bool, same shape; everywhere if None.

    Raises:
        ValueError: if a probability is outside [0, 1] or not finite.

    Each voxel is wrong with probability min(p, 1 - p); see docs/uncertainty.md for the calibration that makes p honest.
    """
    check_probability(probability)
    p = probability if region is None else probability[region]
    return float(np.minimum(p, 1 - p).sum(dtype=np.float64) * voxel_ml)


def residual(value_ml: float, truth_ml: float, stake: Stake) -> float:
    """How many times the unscaled reach the truth lies away from the value; infinite if something is off where nothing was at stake."""
    gap = truth_ml - value_ml
    reach = stake.above_ml if gap > 0 else stake.below_ml
    if gap == 0:
        return 0.0
    return abs(gap) / reach if reach > 0 else math.inf


def conformal_quantile(residuals: ArrayLike, level: float) -> float:
    """Split-conformal quantile with the finite-sample correction (Vovk 2005; Lei et al. 2018).

    The ceil((n + 1) * level)-th smallest residual: a new exchangeable case stays within it with probability >= level.
    Infinite if there are too few cases for the level (19 are the least for 95 %).

    Args:
        residuals: not negative, one per calibration case.
        level: nominal coverage, between 0 and 1.

    Raises:
        ValueError: if the level is not between 0 and 1, or a residual is negative or NaN.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    values = np.sort(np.asarray(residuals, np.float64).ravel())
    if np.isnan(values).any() or (values < 0).any():
        raise ValueError("residuals must be numbers that are not negative")
    rank = math.ceil((values.size + 1) * level - 1e-9)
    return float(values[rank - 1]) if rank <= values.size else math.inf


def leave_one_out_coverage(residuals: Sequence[float], level: float) -> float:
    """Share of the calibration cases that the quantile of the others covers; NaN below two cases."""
    if len(residuals) < 2:
        return float("nan")
    hits = [r <= conformal_quantile([*residuals[:i], *residuals[i + 1 :]], level) for i, r in enumerate(residuals)]
    return float(np.mean(hits))


def scaled_interval(value_ml: float, stake: Stake, scale: float) -> tuple[float, float]:
    """[value - scale * reach below, value + scale * reach above], never below 0.

    Raises:
        ValueError: if the scale is negative or not finite: then there is no interval to state.
    """
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"an interval needs a finite scale, not {scale}")
    return max(0.0, value_ml - scale * stake.below_ml), value_ml + scale * stake.above_ml


def within_whole(value_ml: float, interval: tuple[float, float], whole: tuple[float, float] | None) -> tuple[float, float]:
    """The interval of a part, cut where that of its whole ends: a cyst is not larger than its kidney.

    If the interval of the whole holds its truth, this loses no truth of the part.

    Args:
        value_ml: volume of the part.
        interval: of the part.
        whole: interval of what contains it; None if there is none.
    """
    low, high = interval
    return (low, high) if whole is None else (low, max(value_ml, min(high, whole[1])))
