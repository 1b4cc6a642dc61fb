"""How far a density or a mineral content may be off.

Three errors, taken as independent and added in squares:

- the mask: voxels that the probability leaves open come in or go out, as many as the conformal scale says (docs/uncertainty.md); the value
  is computed again with them;
- the calibration: the interval of the line at the mean density (Student's t over the rods);
- the noise of the voxels: their standard deviation in the rods, over the root of the number of independent voxels. Neighbors within
  ``CORRELATED_MM3`` are taken to share their noise.

Errors of the certificate, beam hardening, contrast medium and fat in the marrow are in none of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ..calibration import Calibration

CORRELATED_MM3 = 8.0
"""Volume within which noise is taken to be the same; our choice, cautious for reconstructions with voxels of 0.5 to 1 mm."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Open:
    """Voxels that may come into a region or go out of it: their expected share, and their values.

    Attributes:
        out_share, out_values: voxels inside, 1 - p and value.
        in_share, in_values: voxels outside, p and value.
        scale: conformal scale of the mask's interval.
    """

    out_share: NDArray[np.float64]
    out_values: NDArray[np.float64]
    in_share: NDArray[np.float64]
    in_values: NDArray[np.float64]
    scale: float

    def means(self, mean: float, count: int) -> list[float]:
        """The mean of a region of ``count`` voxels with the open voxels out, and with the others in."""
        lost, won = self.scale * self.out_share.sum(), self.scale * self.in_share.sum()
        found = []
        if count - lost > 0:
            found.append((mean * count - self.scale * float(self.out_share @ self.out_values)) / (count - lost))
        found.append((mean * count + self.scale * float(self.in_share @ self.in_values)) / (count + won))
        return found

    def sums(self, total: float) -> list[float]:
        """The sum over the region in the same two cases."""
        return [
            total - self.scale * float(self.out_share @ self.out_values),
            total + self.scale * float(self.in_share @ self.in_values),
        ]


@dataclass(frozen=True)
class Spread:
    """What calibration and noise add to a mean density in mg/cm3; NaN where the calibration cannot tell."""

    calibration: Calibration
    voxel_mm3: float
    level: float

    def half_width(self, mean: float, count: int) -> float:
        """Half the interval of the mean of ``count`` voxels."""
        noise = self.calibration.voxel_noise
        noise = 0.0 if math.isnan(noise) else noise
        independent = max(1.0, min(count, count * self.voxel_mm3 / CORRELATED_MM3))
        return math.hypot(
            self.calibration.half_width(mean, self.level), float(norm.ppf((1 + self.level) / 2)) * noise / math.sqrt(independent)
        )


def around(value: float, others: list[float], half_width: float) -> Interval | None:
    """Interval around a value: the farthest of the other values on each side, and the half width, added in squares; None if not known."""
    if math.isnan(half_width) or not all(map(math.isfinite, (value, *others))):
        return None
    down = max(0.0, value - min(others, default=value))
    up = max(0.0, max(others, default=value) - value)
    return value - math.hypot(down, half_width), value + math.hypot(up, half_width)
