"""Is a probability of 0.7 right seven times in ten? Measure it, and make it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, special

from .maps import check_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MARGIN = 1e-6  # keeps the log odds of saturated voxels finite


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling (Guo et al. 2017) of a yes-or-no probability: log odds divided by ``temperature``.

    Above 1 the network was overconfident, below 1 too timid. The 0.5 contour, hence the mask, stays where it was.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"a temperature must be positive, not {self.temperature}")

    def apply(self, probability: NDArray[Any]) -> NDArray[np.float32]:
        """Calibrated probability, float32. What was exactly 0, 0.5 or 1 stays so.

        Raises:
            ValueError: if a probability is outside [0, 1] or not finite.
        """
        check_probability(probability)
        p = np.asarray(probability, np.float32)
        if self.temperature == 1:
            return p
        result = p.copy()
        open_question = (p > 0) & (p < 1)
        q = p[open_question].astype(np.float64)
        result[open_question] = special.expit(special.logit(q) / self.temperature)
        return result

    def to_dict(self) -> dict[str, float]:
        """For the bundle's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Calibration:
        """Reads what ``to_dict`` wrote."""
        return cls(float(values["temperature"]))


def fit_temperature(probability: NDArray[Any], truth: NDArray[Any]) -> Calibration:
    """The temperature under which the truth is most likely.

    Args:
        probability: foreground probability of voxels of many calibration cases, any shape. Give voxels within some
            millimeters of the organs only: certain background would drown everything else.
        truth: bool, same shape.

    Raises:
        ValueError: if shapes differ, or only one of foreground and background occurs.
    """
    check_probability(probability)
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} differ in shape")
    foreground = np.asarray(truth, bool).ravel()
    if foreground.all() or not foreground.any():
        raise ValueError("calibration needs both foreground and background voxels")
    odds = special.logit(np.clip(np.asarray(probability, np.float64).ravel(), _MARGIN, 1 - _MARGIN))
    signed = np.where(foreground, odds, -odds)

    def negative_log_likelihood(log_temperature: float) -> float:
        return float(-special.log_expit(signed / np.exp(log_temperature)).mean())

    best = optimize.minimize_scalar(negative_log_likelihood, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return Calibration(float(np.exp(best.x)))


@dataclass(frozen=True)
class Reliability:
    """Reliability curve of a foreground probability.

    Attributes:
        predicted: mean probability per bin, NaN for an empty one.
        observed: share of foreground per bin, NaN for an empty one.
        counts: voxels per bin.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def expected_calibration_error(self) -> float:
        """ECE: mean absolute gap between predicted and observed over voxels, 0 is perfect (Naeini et al. 2015, equal-width bins)."""
        filled = self.counts > 0
        gap = np.abs(self.predicted - self.observed)[filled]
        return float(np.average(gap, weights=self.counts[filled])) if filled.any() else float("nan")


def reliability(probability: NDArray[Any], truth: NDArray[Any], bins: int = 15) -> Reliability:
    """Reliability of a probability against the truth in equal-width bins.

    Raises:
        ValueError: if shapes differ or a probability is outside [0, 1].
    """
    check_probability(probability)
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} differ in shape")
    p = np.asarray(probability, np.float64).ravel()
    index = np.minimum((p * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(index, weights=p, minlength=bins) / counts
        observed = np.bincount(index, weights=np.asarray(truth, bool).ravel(), minlength=bins) / counts
    return Reliability(predicted, observed, counts)
