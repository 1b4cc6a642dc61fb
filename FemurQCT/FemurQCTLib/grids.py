"""The grid of one femur's crop; the others are the foundation's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .networks import CROP

ABOVE_MM = 17.0
"""What a crop shows above the highest point of the femur."""


def crop_grid(low_ras: NDArray, high_ras: NDArray, spacing: float, size: tuple[int, int, int] = CROP) -> Image:
    """The crop of one femur: centered on its box from side to side and front to back, and from just above its top downward.

    The top is the one end that every scan of the hip shows, whatever it shows of the shaft.
    """
    middle = (np.asarray(low_ras) + np.asarray(high_ras)) / 2
    count = np.array(size[::-1])
    origin = middle - (count - 1) / 2 * spacing
    origin[2] = high_ras[2] + ABOVE_MM - (count[2] - 1) * spacing
    return Image.from_spacing(np.broadcast_to(np.float32(0), size), (spacing,) * 3, origin)
