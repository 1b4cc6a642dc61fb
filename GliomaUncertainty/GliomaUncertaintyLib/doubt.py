"""How uncertain a mask is on average, and how uncertain its boundary is; quick to update after an edit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.measure.volumes import bounding_box
from DeepVolumetryLib.uncertainty.maps import error_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.uncertainty.stake import OpenVoxels


@dataclass(frozen=True)
class Rim:
    """Voxels of a mask that share a face with what is outside of it.

    Attributes:
        count: how many there are.
        open_here: which of the open voxels are among them, one flag per open voxel.
    """

    count: int
    open_here: NDArray[np.bool_]

    @classmethod
    def find(cls, mask: NDArray[Any], voxels: OpenVoxels) -> Rim:
        """The rim of a mask (K, J, I), and the open voxels on it. Beyond the edge of the image the mask goes on."""
        box = bounding_box(mask, margin=1)
        if box is None:
            return cls(0, np.zeros(voxels.index.shape, bool))
        part = mask[box].astype(bool, copy=False)
        inner = part.copy()
        for axis in range(3):
            ahead, behind = _halves(axis, part.ndim)
            inner[ahead] &= part[behind]
            inner[behind] &= part[ahead]
        rim = np.zeros(mask.shape, bool)
        np.logical_xor(part, inner, out=rim[box])
        return cls(int(np.count_nonzero(rim[box])), np.take(rim, voxels.index))


@dataclass(frozen=True)
class Doubt:
    """Mean uncertainty (0-100, see ``maps.error_map``) over a mask and over its rim; NaN for an empty mask."""

    mask: float
    rim: float


def doubt_of(voxels: OpenVoxels, rim: Rim, mask: NDArray[Any], certain: NDArray[np.bool_] | None = None) -> Doubt:
    """Mean uncertainty of a mask as it is now.

    Settled voxels (the model is more than 99 % sure), reviewed voxels and those that were edited by hand count as 0.

    Args:
        voxels: open voxels of the mask.
        rim: its rim as it is now.
        mask: as it is now, (K, J, I).
        certain: voxels that were reviewed, (K, J, I).
    """
    total = np.count_nonzero(mask)
    if not total:
        return Doubt(math.nan, math.nan)
    still = voxels.inside & np.take(mask, voxels.index).astype(bool, copy=False)
    if certain is not None:
        still &= ~np.take(certain, voxels.index)
    uncertainty = np.where(still, error_map(voxels.probability), 0).astype(np.float64)
    return Doubt(float(uncertainty.sum() / total), float(uncertainty[rim.open_here].sum() / rim.count) if rim.count else 0.0)


def _halves(axis: int, axes: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Everything but the first, and everything but the last index along an axis."""
    ahead, behind = ([slice(None)] * axes for _ in range(2))
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    return tuple(ahead), tuple(behind)
