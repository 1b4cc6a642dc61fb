"""The slices that are looked at: four sequences inside the brain's box, and the brain seen from above."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .intensity import normalized
from .labels import SEQUENCES
from .projection import Points
from .sampling import Raster


class Stack:
    """Normalized slices of one patient.

    Args:
        images: sequence -> image; all on one grid whose K axis runs across the slices. Missing ones are seen as their mean, 0.
        brain: bool (K, J, I), on the same grid; not empty.

    Attributes:
        grid: the box of the brain; everything below is on it.
        brain: bool (K, J, I).
        values: float32 (J·I, K, 4), sequences as in ``SEQUENCES``; 0 outside of the brain. Pixels come first, so that a sampling
            matrix takes all slices and sequences at once.
        plane: pixels of one slice.
    """

    def __init__(self, images: Mapping[str, Image], brain: NDArray[np.bool_]) -> None:
        whole = next(iter(images.values()))
        self.low, self.high = _box(brain)
        self.grid = whole.cropped(self.low, self.high)
        box = tuple(map(slice, self.low, self.high))
        self.brain = np.ascontiguousarray(brain[box])
        k, j, i = self.brain.shape
        self.values = np.zeros((j * i, k, len(SEQUENCES)), np.float32)
        for channel, name in enumerate(SEQUENCES):
            if name in images:
                slices = normalized(images[name].voxels[box], self.brain)
                self.values[:, :, channel] = slices.reshape(k, j * i).T
        spacing = self.grid.spacing
        self.plane = Raster((j, i), (spacing[1], spacing[0]))
        self.step_mm = spacing[2]

    @cached_property
    def silhouette(self) -> NDArray[np.int64]:
        """Pixels (flat) that are brain in some slice."""
        return np.flatnonzero(self.brain.any(axis=0))

    @cached_property
    def points(self) -> Points:
        """Places of the silhouette's pixels in mm, (n, 2)."""
        return self.plane.points().reshape(-1, 2)[self.silhouette]

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """Voxels that are brain: where they are in an array (silhouette, slice), in ascending order."""
        return np.flatnonzero(self.brain.reshape(len(self.brain), -1)[:, self.silhouette].T)

    def volume(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the brain's voxels (…, n) as volumes (…, K, J, I) on ``grid``; 0 elsewhere."""
        k, j, i = self.brain.shape
        pixel, slice_ = np.divmod(self.voxels, k)
        flat = slice_ * (j * i) + self.silhouette[pixel]
        result = np.zeros((*values.shape[:-1], k * j * i), np.float32)
        result[..., flat] = values
        return result.reshape(*values.shape[:-1], k, j, i)


def _box(mask: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Smallest box (k, j, i), half open, around what is True."""
    above = np.any(mask, axis=0)
    at = [np.flatnonzero(np.any(array, axis=axis)) for array, axis in ((mask, (1, 2)), (above, 1), (above, 0))]
    return [int(a[0]) for a in at], [int(a[-1]) + 1 for a in at]
