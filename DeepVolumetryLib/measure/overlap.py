"""How well two masks agree: overlap and distances between their surfaces.

Distances are taken in millimeters in the patient, between surface voxels, through a search tree; unlike a distance map it
is right on sheared grids too. On upright grids it gives what SimpleITK's Hausdorff filter gives (a test compares them).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .volumes import bounding_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..image import Image


@dataclass(frozen=True)
class Overlap:
    """Agreement of a mask with a reference.

    NaN where a number is not defined: sensitivity without reference, specificity without background, distances if exactly
    one of the masks is empty. If both are empty they agree: Dice 1, distances 0.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|).
        sensitivity, specificity: over the whole array.
        hd_mm: Hausdorff distance.
        hd95_mm: larger of the two 95th percentiles of the distances from one surface to the other.
        assd_mm: average symmetric surface distance, over the surface voxels of both.
        volume_ml, reference_ml: volumes.
    """

    dice: float
    sensitivity: float
    specificity: float
    hd_mm: float
    hd95_mm: float
    assd_mm: float
    volume_ml: float
    reference_ml: float

    def to_dict(self) -> dict[str, float | None]:
        """For JSON; what is not defined is None."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


def overlap(mask: NDArray[Any], reference: NDArray[Any], image: Image) -> Overlap:
    """Compare a mask with a reference on the same grid.

    Args:
        mask, reference: (K, J, I), nonzero is foreground.
        image: the grid; its voxels are not used.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if mask.shape != image.shape or reference.shape != image.shape:
        raise ValueError(f"masks {mask.shape} and {reference.shape} must be on the grid {image.shape}")
    box = _union_box(mask, reference)
    a, b = (np.asarray(m)[box] != 0 for m in (mask, reference))
    both, in_mask, in_reference = (int(np.count_nonzero(m)) for m in (a & b, a, b))
    negative = mask.size - in_reference
    false_positive = in_mask - both
    grid = image.cropped([s.start for s in box], [s.stop for s in box])
    hd, hd95, assd = surface_distances(a, b, grid)
    return Overlap(
        dice=2 * both / (in_mask + in_reference) if in_mask + in_reference else 1.0,
        sensitivity=both / in_reference if in_reference else math.nan,
        specificity=(negative - false_positive) / negative if negative else math.nan,
        hd_mm=hd,
        hd95_mm=hd95,
        assd_mm=assd,
        volume_ml=in_mask * image.voxel_ml,
        reference_ml=in_reference * image.voxel_ml,
    )


def surface_distances(mask: NDArray[np.bool_], reference: NDArray[np.bool_], image: Image) -> tuple[float, float, float]:
    """Hausdorff distance, its 95th percentile and the average symmetric surface distance in mm; see ``Overlap``."""
    surfaces = [_surface(m, image) for m in (mask, reference)]
    if not all(len(points) for points in surfaces):
        value = math.nan if any(len(points) for points in surfaces) else 0.0
        return value, value, value
    there, back = (cKDTree(target).query(points)[0] for points, target in (surfaces, surfaces[::-1]))
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return float(max(there.max(), back.max())), float(hd95), float(np.concatenate([there, back]).mean())


def _union_box(mask: NDArray[Any], reference: NDArray[Any]) -> tuple[slice, slice, slice]:
    boxes = [box for box in (bounding_box(mask), bounding_box(reference)) if box is not None]
    if not boxes:
        return slice(0, 1), slice(0, 1), slice(0, 1)
    k, j, i = (slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True))
    return k, j, i


def _surface(mask: NDArray[np.bool_], image: Image) -> NDArray[np.float64]:
    """Centers of the voxels that have a face neighbor outside of the mask, RAS in mm."""
    kji = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    return kji[:, ::-1].astype(float) @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
