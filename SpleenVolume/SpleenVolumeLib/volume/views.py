"""Views: the outlines that a volume is estimated from, all on one grid of 1 mm so that size stays meaningful."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

GRID = 256
"""Side of the grid in pixels of 1 mm. Our choice; the paper's is not public."""
LARGE_GRID = 384
"""Side for the few spleens that do not fit into 256 mm."""
PLANES = ("coronal", "transverse", "sagittal")
"""Rows and columns: coronal superior→inferior, right→left; transverse anterior→posterior, right→left; sagittal superior→inferior,
anterior→posterior. The coronal plane is the one that every estimate needs."""
CALIPERS = {"length_mm": "craniocaudal length", "depth_mm": "anteroposterior depth"}
_CALIPER_RANGE_MM = (10.0, 450.0)
_SMALLEST_MM2 = 150.0


@dataclass(frozen=True)
class Views:
    """What is known about one spleen.

    Attributes:
        masks: plane -> outline in CT orientation on the 1 mm grid, bool (256, 256), or (384, 384) for a giant spleen, centered on its
            centroid (``on_grid`` makes it).
        calipers: lengths measured by hand in mm: "length_mm" along the body's axis, "depth_mm" from front to back; any may be missing.

    Raises:
        InputError: if the coronal outline is missing or empty, a plane or caliper is unknown, a mask has another size, or a caliper is
            no plausible length.
    """

    masks: Mapping[str, Mask]
    calipers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = [name for name in self.masks if name not in PLANES]
        if unknown:
            raise InputError(f"There is no view “{unknown[0]}”. Use {', '.join(PLANES)}.")
        if "coronal" not in self.masks:
            raise InputError("The volume needs a coronal view of the spleen. Add one.")
        for plane, mask in self.masks.items():
            if mask.shape not in ((GRID, GRID), (LARGE_GRID, LARGE_GRID)) or mask.dtype != np.bool_:
                raise InputError(f"The {plane} outline must be a mask of {GRID}×{GRID} pixels of 1 mm; use on_grid.")
            if np.count_nonzero(mask) < _SMALLEST_MM2:
                raise InputError(
                    f"The outline in the {plane} view covers {np.count_nonzero(mask) / 100:.1f} cm², too little for a spleen. "
                    "Correct the outline or the pixel size."
                )
        for name, value in self.calipers.items():
            if name not in CALIPERS:
                raise InputError(f"There is no caliper “{name}”. Use {', '.join(CALIPERS)}.")
            low, high = _CALIPER_RANGE_MM
            if not (math.isfinite(value) and low <= value <= high):
                raise InputError(f"The {CALIPERS[name]} of {value:g} mm is no length of a spleen. Give it in mm, {low:g} to {high:g}.")

    @property
    def planes(self) -> tuple[str, ...]:
        """The planes that are there, in the order of ``PLANES``."""
        return tuple(plane for plane in PLANES if plane in self.masks)


def on_grid(mask: NDArray[np.bool_] | NDArray[np.uint8], pixel_mm: tuple[float, float]) -> Mask:
    """A mask brought to the 1 mm grid, its centroid in the middle; its size is kept.

    Args:
        mask: (J, I), nonzero inside, in CT orientation.
        pixel_mm: height and width of a pixel in mm.

    Returns:
        (256, 256), or (384, 384) where that is too small.

    Raises:
        InputError: if it is empty, the pixel size is not positive, or it is longer than a spleen can be.
    """
    inside = np.asarray(mask) != 0
    if inside.ndim != 2 or not inside.any():
        raise InputError("The outline is empty. Draw the spleen, or choose another image.")
    if not all(math.isfinite(size) and size > 0 for size in pixel_mm):
        raise InputError(f"A pixel of {pixel_mm[0]:g}×{pixel_mm[1]:g} mm has no size. Give the size of a pixel in mm.")
    places = [np.nonzero(inside)[axis] * size for axis, size in enumerate(pixel_mm)]
    reach = max(float(np.abs(place - place.mean()).max()) + size for place, size in zip(places, pixel_mm, strict=True))
    if reach > LARGE_GRID / 2 - 1:
        extent = max(float(np.ptp(place)) + size for place, size in zip(places, pixel_mm, strict=True))
        raise InputError(f"The outline is {extent:.0f} mm long, which no spleen is. Check the size of a pixel.")
    side = GRID if reach <= GRID / 2 - 1 else LARGE_GRID
    middle = (side - 1) / 2
    step = 1 / pixel_mm[0], 1 / pixel_mm[1]
    # Averaging before sampling keeps the area where pixels are finer than the grid.
    soft = ndimage.gaussian_filter(inside.astype(np.float32), [max(0.0, 0.4 * (s - 1)) for s in step], mode="constant")
    offset = [float(place.mean() - middle) / size for place, size in zip(places, pixel_mm, strict=True)]
    found = ndimage.affine_transform(soft, step, offset, (side, side), order=1)
    result: Mask = found >= 0.5
    if not result.any():
        raise InputError("The outline is thinner than a millimeter. Check the size of a pixel.")
    return result


def to_ultrasound_orientation(mask: NDArray[np.generic]) -> NDArray[np.generic]:
    """A coronal or transverse picture in CT orientation turned as ultrasound shows it: the probe, at the patient's side, on top; the head,
    or the front, on the left. The paper rotates coronal masks by 90° anticlockwise."""
    return np.rot90(mask)


def from_ultrasound_orientation(mask: NDArray[np.generic]) -> NDArray[np.generic]:
    """Inverse of ``to_ultrasound_orientation``."""
    return np.rot90(mask, -1)
