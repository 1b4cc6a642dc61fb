"""Grids that the networks work on: along the patient's axes, isotropic, only where it matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .networks import CROP

ABOVE_MM = 17.0
"""What a crop shows above the highest point of the femur."""


@dataclass(frozen=True)
class Sampled:
    """Part of a scan on a working grid.

    Attributes:
        image: float32 voxels on a grid along R, A, S.
        covered: where the scan has data, bool (K, J, I).
    """

    image: Image
    covered: NDArray[np.bool_]


def crop_grid(low_ras: NDArray, high_ras: NDArray, spacing: float, size: tuple[int, int, int] = CROP) -> Image:
    """The crop of one femur: centered on its box from side to side and front to back, and from just above its top downward.

    The top is the one end that every scan of the hip shows, whatever it shows of the shaft.
    """
    middle = (np.asarray(low_ras) + np.asarray(high_ras)) / 2
    count = np.array(size[::-1])
    origin = middle - (count - 1) / 2 * spacing
    origin[2] = high_ras[2] + ABOVE_MM - (count[2] - 1) * spacing
    return Image.from_spacing(np.broadcast_to(np.float32(0), size), (spacing,) * 3, origin)


def box_grid(low_ras: NDArray, high_ras: NDArray, spacing: float) -> Image:
    """An empty isotropic grid along R, A, S that covers a box in mm; its voxels take no memory."""
    counts = np.maximum(1, np.ceil((high_ras - low_ras) / spacing - 1e-6).astype(int))
    origin = (low_ras + high_ras) / 2 - (counts - 1) / 2 * spacing
    return Image.from_spacing(np.broadcast_to(np.float32(0), tuple(counts[::-1])), (spacing,) * 3, origin)


def corners_ras(image: Image, lower_kji: NDArray | tuple[int, ...] = (0, 0, 0), upper_kji: NDArray | None = None) -> NDArray[np.float64]:
    """The eight outer corners in mm, shape (8, 3), of the whole image or of a box of voxels (half open)."""
    upper = image.shape if upper_kji is None else upper_kji
    low, high = np.asarray(lower_kji, float)[::-1] - 0.5, np.asarray(upper, float)[::-1] - 0.5
    indices = np.array([(i, j, k, 1.0) for i in (low[0], high[0]) for j in (low[1], high[1]) for k in (low[2], high[2])])
    return np.asarray((indices @ image.ijk_to_ras.T)[:, :3])
