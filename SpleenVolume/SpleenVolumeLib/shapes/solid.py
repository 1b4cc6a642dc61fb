"""A spleen in 3D as a signed distance: how it is made from a label map, and its volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Distance = NDArray[np.float32]

SPACING_MM = 1.5
"""Voxels of templates. Axes everywhere: superior→inferior, anterior→posterior, right→left, so that a coronal slice is [:, j, :], a
transverse one [k] and a sagittal one [:, :, i], each in CT orientation."""


def from_mask(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], step_mm: float = SPACING_MM, margin_mm: float = 9.0
) -> Distance:
    """Signed distance in mm (negative inside) on a grid of ``step_mm`` around a mask, smooth between slices far apart.

    Args:
        mask: (K, J, I) with the axes of ``SPACING_MM``; the largest connected component counts, accessory spleens do not.
        spacing_mm: of ``mask``.
        margin_mm: of free space around it.

    Raises:
        InputError: if it is empty.

    Distances of a coarse mask are interpolated, which rounds its steps; half a voxel is given back by taking distances to the middle of
    the boundary.
    """
    mask = largest_component(mask)
    pad = [int(np.ceil(margin_mm / s)) + 1 for s in spacing_mm]
    mask = np.pad(mask, [(p, p) for p in pad])
    signed = _boundary_distance(mask, spacing_mm)
    if max(spacing_mm) > step_mm:
        signed = ndimage.gaussian_filter(signed, [0.5 if s > step_mm else 0.0 for s in spacing_mm])
    shape = [int(np.ceil(n * s / step_mm)) for n, s in zip(mask.shape, spacing_mm, strict=True)]
    scale = [step_mm / s for s in spacing_mm]
    offset = [0.5 * (r - 1) for r in scale]
    fine: Distance = ndimage.affine_transform(signed, scale, offset, tuple(shape), order=1, mode="nearest").astype(np.float32)
    wanted = np.count_nonzero(mask) * np.prod(spacing_mm)
    return _same_volume(fine, float(wanted), step_mm)


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected component (26 neighbors), cropped to its box.

    Raises:
        InputError: if the mask is empty.
    """
    found, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if not count:
        raise InputError("The label map holds no spleen. Check the value of its label.")
    sizes = np.bincount(found.ravel())
    sizes[0] = 0
    box = ndimage.find_objects(found)[int(sizes.argmax()) - 1]
    return np.asarray(found[box] == sizes.argmax())


def occupancy(distance: Distance, step_mm: float) -> NDArray[np.float32]:
    """Share of each voxel that is inside; the field need not be an exact distance, its gradient is divided out."""
    slopes = np.gradient(distance, step_mm)
    steepness = np.sqrt(sum(s * s for s in slopes))
    return np.clip(0.5 - distance / (np.maximum(steepness, 0.2) * step_mm), 0, 1).astype(np.float32)


def volume_ml(distance: Distance, step_mm: float) -> float:
    """Volume in mL, with partial voxels at the surface."""
    return float(occupancy(distance, step_mm).sum()) * step_mm**3 / 1000


def _boundary_distance(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    outside = ndimage.distance_transform_edt(~mask, spacing_mm)
    inside = ndimage.distance_transform_edt(mask, spacing_mm)
    half = 0.5 * min(spacing_mm)
    return (np.where(mask, half - inside, outside - half)).astype(np.float32)


def _same_volume(distance: Distance, wanted_mm3: float, step_mm: float) -> Distance:
    """The field shifted by a fraction of a millimeter so that interpolation does not change the volume."""
    shift = 0.0
    for _ in range(8):
        have = float(occupancy(distance - shift, step_mm).sum()) * step_mm**3
        surface = max((float(occupancy(distance - shift - 0.5, step_mm).sum()) * step_mm**3 - have) / 0.5, 1.0)
        shift += float(np.clip((wanted_mm3 - have) / surface, -2, 2))
    return (distance - np.float32(shift)).astype(np.float32)
