"""Whether the skull was removed from an image before it came here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image

_LEAST_BACKGROUND = 0.2
_BRAIN_ML = (150.0, 2300.0)
_RIM_MM, _INNER_MM = (5.0, 11.0), (18.0, 45.0)
_LEAST_RIM = 0.7
_WORKING_MM = 3.0


def background(voxels: NDArray) -> float:
    """The most frequent value on the faces of a volume: what surrounds a brain that was cut out, usually exactly 0."""
    faces = np.concatenate([np.take(voxels, index, axis).ravel() for axis in range(3) for index in (0, -1)])
    values, counts = np.unique(faces, return_counts=True)
    return float(values[np.argmax(counts)])


def foreground(voxels: NDArray) -> NDArray[np.bool_]:
    """Everything that is not the background, bool (K, J, I)."""
    return voxels != background(voxels)


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with the holes in it: what no path outside of it joins to a face of the volume.

    scipy's binary_fill_holes gives the same and takes ten times as long.
    """
    outside, count = ndimage.label(~mask)
    if not count:
        return mask
    reaches_face = np.zeros(count + 1, bool)
    for axis in range(3):
        for index in (0, -1):
            reaches_face[np.take(outside, index, axis)] = True
    reaches_face[0] = False
    return ~reaches_face[outside]


def is_stripped(image: Image) -> bool:
    """True if an image shows a brain and nothing else.

    It does where a good part is one exact value, the rest has the volume of a brain, and there is no dark shell a finger's
    breadth below its surface: that would be the skull of a head whose air was set to 0.
    """
    outside = background(image.voxels)
    if np.count_nonzero(image.voxels == outside) < _LEAST_BACKGROUND * image.voxels.size:
        return False
    step = [max(1, int(_WORKING_MM / spacing)) for spacing in image.spacing[::-1]]
    voxels = image.voxels[tuple(slice(None, None, each) for each in step)].astype(np.float32)
    spacing = np.array(image.spacing[::-1]) * step
    inside = filled(ndimage.binary_opening(voxels != outside))
    volume = float(np.count_nonzero(inside) * image.voxel_ml * np.prod(step))
    if not _BRAIN_ML[0] <= volume <= _BRAIN_ML[1]:
        return False
    # Where the scan ends is no surface: the volume is continued beyond its faces.
    depth = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"), sampling=spacing)[1:-1, 1:-1, 1:-1]
    rim, inner = (inside & (depth >= low) & (depth <= high) for low, high in (_RIM_MM, _INNER_MM))
    if not rim.any() or not inner.any():
        return False
    darkest = float(voxels[inside].min())
    return float(np.median(voxels[rim])) - darkest >= _LEAST_RIM * (float(np.median(voxels[inner])) - darkest)
