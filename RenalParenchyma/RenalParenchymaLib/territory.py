"""Which voxels may belong to one kidney: near its place, not in another kidney, liver or spleen."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image

from .grids import corners_ras, index_box
from .localizer import Located

_REACH_MM = 12.0  # how far beyond the coarse outline the refiner may find kidney
_NEIGHBOR = 0.7


def owned(located: Located, number: int, side: str, grid: Image) -> NDArray[np.bool_]:
    """Voxels of a fine grid that the refiner may call kidney.

    Args:
        located: what step 1 found.
        number: the candidate, from 1.
        side: "" or, for a fused kidney, the side of the spine that is wanted.
        grid: along R, A, S.

    Step 1 sees the whole abdomen and names liver and spleen; inside a small box a spleen can look just like a kidney.
    """
    spacing = located.grid.spacing[0]
    # A voxel in reach of this kidney that is nearer to another one has that within twice the reach.
    low, high = index_box(located.grid, corners_ras(grid), margin=ceil(2 * _REACH_MM / spacing))
    coarse, here = located.grid.cropped(low, high), tuple(map(slice, low, high))
    components = located.components[here]
    own = components == number
    if not own.any():
        return np.zeros(grid.shape, bool)
    distance = ndimage.distance_transform_edt(~own) * spacing
    others = (components > 0) & ~own
    if others.any():
        # Signed so that the border between two kidneys runs halfway, smooth after interpolation.
        margin = np.minimum(_REACH_MM - distance, (ndimage.distance_transform_edt(~others) * spacing - distance) / 2)
    else:
        margin = _REACH_MM - distance
    near = coarse.with_voxels(margin.astype(np.float32)).resampled(grid, fill=-1.0).voxels >= 0
    neighbor = coarse.with_voxels(located.neighbor[here]).resampled(grid, fill=0.0).voxels > _NEIGHBOR
    result = near & ~neighbor
    if side:
        s = grid.ijk_to_ras[2, 2] * np.arange(grid.shape[0]) + grid.ijk_to_ras[2, 3]
        r = grid.ijk_to_ras[0, 0] * np.arange(grid.shape[2]) + grid.ijk_to_ras[0, 3]
        middle = np.array([located.midline_at(float(value)) for value in s])
        on_right = r[None, None, :] > middle[:, None, None]
        result &= on_right if side == "right" else ~on_right
    return result
