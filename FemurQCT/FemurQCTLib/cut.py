"""Where the proximal femur ends: a plane across the shaft, 20 mm below the tip of the lesser trochanter.

The V-Net tells femur above from femur below that level, as it was taught with true planes. Its border is made plane here, so that volumes
of two scans end alike: the plane is the one that separates both classes best (logistic regression).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

_NEAR_MM = 16.0
_LEAST_ML = 0.5
_STEEP_COS = 0.87  # within 30 degrees of the S axis: a shaft that lies flatter is none
_STEPS = 25


@dataclass(frozen=True)
class Cut:
    """A plane in RAS: what has ``point · normal > offset`` is proximal.

    Attributes:
        normal: unit vector, upward.
        offset: mm.
        below_ml: volume of femur that the scan shows below the plane.
    """

    normal: NDArray[np.float64]
    offset: float
    below_ml: float

    def above(self, grid: Image) -> NDArray[np.float32]:
        """Millimeters above the plane at the voxels of a grid, (K, J, I)."""
        row = (np.append(self.normal, 0.0) @ grid.ijk_to_ras).astype(np.float32)
        i, j, k = (np.arange(n, dtype=np.float32) for n in grid.size)
        return row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + np.float32(row[3] - self.offset)


def fit_cut(proximal: NDArray[np.float32], below: NDArray[np.float32], grid: Image) -> Cut | None:
    """The plane between both classes; None if the scan shows next to nothing below it.

    Args:
        proximal, below: probabilities on an upright grid, (K, J, I).
    """
    femur = proximal + below
    if float(below.sum(dtype=np.float64)) * grid.voxel_ml < _LEAST_ML:
        return None
    share = proximal / np.maximum(femur, 1e-6)
    s = grid.ijk_to_ras[2, 2] * np.arange(grid.shape[0]) + grid.ijk_to_ras[2, 3]
    # The level to start from: below it as little as possible is called proximal, above it as little as possible distal.
    wrong_below = np.cumsum(proximal.sum(axis=(1, 2), dtype=np.float64))
    wrong_above = np.cumsum(below.sum(axis=(1, 2), dtype=np.float64)[::-1])[::-1]
    level = float(s[np.argmin(wrong_below - proximal.sum(axis=(1, 2)) + wrong_above)]) - grid.spacing[2] / 2
    weight = np.where(femur > 0.3, femur, 0) * (np.abs(s - level) < _NEAR_MM)[:, None, None]
    at = np.argwhere(weight > 0)
    if len(at) < 50:
        return None
    points = at[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    weights = weight[weight > 0].astype(np.float64)
    middle = np.average(points, axis=0, weights=weights)
    solution = _logistic((points - middle) / 10.0, share[weight > 0].astype(np.float64), weights)
    direction = solution[:3]
    length = float(np.linalg.norm(direction))
    if length < 1e-6 or direction[2] / length < _STEEP_COS:
        direction, length = np.array([0.0, 0.0, 1.0]), 1.0
        offset = level
    else:
        offset = float(middle @ direction / length - 10.0 * solution[3] / length)
    cut = Cut(direction / length, offset, 0.0)
    beyond = float((femur * (cut.above(grid) < 0)).sum(dtype=np.float64)) * grid.voxel_ml
    return Cut(cut.normal, cut.offset, beyond)


def trimmed(femur: NDArray[np.float32], cut: Cut | None, grid: Image) -> NDArray[np.float32]:
    """Probability of the proximal femur: that of femur above the plane, with the share of the voxels that the plane crosses."""
    if cut is None:
        return femur
    width = np.float32(np.abs(cut.normal) @ np.abs(grid.ijk_to_ras[:3, :3]).sum(1) / 1.5)
    return np.asarray(femur * np.clip(cut.above(grid) / width + 0.5, 0, 1), np.float32)


def _logistic(points: NDArray[np.float64], share: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (3) and offset of a logistic regression, by Newton's method; a small penalty keeps perfect separation finite."""
    matrix = np.c_[points, np.ones(len(points))]
    solution = np.array([0.0, 0.0, 5.0, 0.0])
    penalty = 1e-3 * weights.sum() * np.diag([1.0, 1.0, 0.01, 0.0])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(matrix @ solution, -30, 30)))
        gradient = matrix.T @ (weights * (share - p)) - penalty @ solution
        hessian = (matrix * (weights * p * (1 - p))[:, None]).T @ matrix + penalty + 1e-9 * np.eye(4)
        step = np.linalg.solve(hessian, gradient)
        length = float(np.linalg.norm(step))
        solution = solution + step * min(1.0, 5.0 / max(length, 1e-12))
        if length < 1e-6:
            break
    return solution
