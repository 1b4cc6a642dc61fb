"""Smooth random fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]


def smooth_field(x: Field, y: Field, scale_mm: float, rng: np.random.Generator) -> Field:
    """A field of mean 0 and SD about 1 that changes over ``scale_mm``, at the points (x, y) in mm."""
    low_x, low_y = float(x.min()), float(y.min())
    count = [int((float(axis.max()) - low) / scale_mm) + 4 for axis, low in ((y, low_y), (x, low_x))]
    coarse = rng.standard_normal(count).astype(np.float32)
    places = np.stack([(y - low_y) / scale_mm + 1, (x - low_x) / scale_mm + 1])
    return np.asarray(ndimage.map_coordinates(coarse, places, order=1, mode="nearest"), np.float32) * np.float32(1.4)


def blurred(field: NDArray, lines: float, samples: float) -> NDArray:
    """Gaussian over (lines, samples) with these standard deviations."""
    if samples > 0:
        field = ndimage.gaussian_filter1d(field, samples, axis=1, mode="nearest", truncate=3)
    if lines > 0:
        field = ndimage.gaussian_filter1d(field, lines, axis=0, mode="nearest", truncate=3)
    return field
