"""The network's grid around a fan: pixels of a fixed size in millimeters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image


@dataclass(frozen=True, eq=False)
class WorkingGrid:
    """A grid of square pixels centered on the fan's box in a picture.

    Attributes:
        picture: grid of the picture, one slice.
        work: the network's grid, one slice.
        box: rows and columns of the fan in the picture.
    """

    picture: Image
    work: Image
    box: tuple[slice, slice]

    @classmethod
    def of(cls, fan: NDArray[np.bool_], pixel_mm: tuple[float, float], step_mm: float, multiple: int, least: int = 1) -> WorkingGrid:
        """A grid that holds the fan.

        Args:
            fan: bool (J, I), not empty.
            pixel_mm: height and width of the picture's pixels.
            step_mm: of the grid's pixels.
            multiple: sides of the grid are multiples of this.
            least: and at least so long.
        """
        picture = Image.from_spacing(np.zeros((1, *fan.shape), bool), (pixel_mm[1], pixel_mm[0], 1.0))
        rows, columns = (np.flatnonzero(fan.any(axis=axis)) for axis in (1, 0))
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        size, start = [], []
        for part, step in zip(box, pixel_mm, strict=True):
            length = (part.stop - part.start) * step
            count = max(least, -(-int(np.ceil(length / step_mm)) // multiple) * multiple)
            size.append(count)
            start.append((part.start + part.stop - 1) / 2 * step - (count - 1) / 2 * step_mm)
        work = Image.from_spacing(np.zeros((1, *size), bool), (step_mm, step_mm, 1.0), (start[1], start[0], 0))
        return cls(picture, work, box)

    def sample(self, values: NDArray) -> NDArray[np.float32]:
        """A field on the picture's grid, averaged onto this one; 0 beyond the picture."""
        field = self.picture.with_voxels(values.astype(np.float32)[None])
        return field.resampled(self.work, order=1, fill=0.0, antialias=True).voxels[0].astype(np.float32, copy=False)

    def back(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """A field on this grid, interpolated onto the picture's; computed in the fan's box, 0 elsewhere."""
        whole = np.zeros(self.picture.shape[1:], np.float32)
        low, high = (0, self.box[0].start, self.box[1].start), (1, self.box[0].stop, self.box[1].stop)
        part = self.work.with_voxels(values[None]).resampled(self.picture.cropped(low, high), order=1, fill=0.0)
        whole[self.box] = part.voxels[0]
        return whole
