"""VolumeEstimate: what an estimate says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bounds = tuple[float, float, float]


@dataclass(frozen=True)
class VolumeEstimate:
    """Volume of a spleen with its interval.

    Attributes:
        volume_ml: the estimate in mL.
        low_ml, high_ml: ends of the interval; NaN where too few cases were calibrated on.
        level: nominal coverage of the interval, e.g. 0.95.
        method: key of the method ("ensemble").
        method_title: its name in words.
        calibration_cases: how many real spleens the width of the interval comes from.
        coverage: share of real spleens whose volume lay inside such intervals; NaN if not measured.
        coverage_cases: how many measured it.
        calibration: how the interval came about, as a sentence.
        others: method -> (volume, low, high) of the other methods that these views allow.
        samples_ml: draws from the predictive distribution, e.g. for the probability that a threshold is exceeded.
        latent: coordinates of this spleen among the training cases; None without a network.
        nearest: the most similar training cases, nearest first: {"name", "source", "volume_ml", "distance"}.
        flags: sentences on what makes this estimate doubtful.
    """

    volume_ml: float
    low_ml: float
    high_ml: float
    level: float
    method: str
    method_title: str
    calibration_cases: int
    coverage: float
    coverage_cases: int
    others: dict[str, Bounds]
    samples_ml: NDArray[np.float64]
    calibration: str = ""
    latent: NDArray[np.float32] | None = None
    nearest: list[dict[str, Any]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
