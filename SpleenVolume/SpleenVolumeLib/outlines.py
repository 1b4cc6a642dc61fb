"""What is known about the outline in each view of a result: area, how much it may be off, and the mask that the estimators take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .picture import Picture, to_ct, turned_pixel
from .segments import KEY, VIEWS
from .volume import on_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.result import Result

    from .parameters import Parameters

AREA_EXPONENT = 1.5
"""Volume goes with area to the power of 1.5 in spleens of one shape; with several views each has its part of it (ours)."""
_EDGE_MM, _EDGE_LENGTH_MM = 2.5, 10.0


@dataclass(frozen=True)
class Outline:
    """One view.

    Attributes:
        area_mm2: of the mask as it is now.
        doubt: standard deviation of the logarithm of the area over the members, as far as nobody has looked at it.
        cut_off: the mask runs along the edge of the fan.
    """

    area_mm2: float
    doubt: float
    cut_off: bool


def parts_by_view(result: Result) -> dict[str, Result]:
    """The parts of a result by view; the result itself is the coronal one."""
    return {name or VIEWS[0]: part for name, part in result.parts.items()}


def outline_of(part: Result, picture: Picture, member_areas_mm2: Sequence[float]) -> Outline:
    """Area, doubt and whether the fan cuts the spleen off.

    Args:
        part: result on one view, as it is now.
        picture: its picture.
        member_areas_mm2: what each member outlined.
    """
    mask = picture.seen(part.segments[KEY])
    area = float(np.count_nonzero(mask)) * picture.pixel_mm[0] * picture.pixel_mm[1]
    found = [value for value in member_areas_mm2 if value > 0]
    spread = float(np.std(np.log(found), ddof=1)) if len(found) > 1 else 0.0
    stake = sum(region.at_stake_ml for region in part.regions)
    left = sum(region.at_stake_ml for region in part.regions if not region.reviewed)
    # Where nothing was uncertain enough to be listed there is nothing to look at, and the spread stays.
    return Outline(area, spread * (left / stake if stake > 0 else 1.0), _cut_off(mask, picture.seen(part.probability[KEY]) > 0, picture))


def masks_for_volume(result: Result, pictures: Mapping[str, Picture], parameters: Parameters) -> dict[str, NDArray[np.bool_]]:
    """View -> mask in CT orientation on the 1 mm grid; views whose mask is empty are left out.

    Raises:
        InputError: if a mask does not fit the grid.
    """
    masks = {}
    for view, part in parts_by_view(result).items():
        picture = pictures[view]
        mirrored, turn = parameters.orientation(view)
        mask = picture.seen(part.segments[KEY])
        if mask.any():
            masks[view] = on_grid(to_ct(mask, view, mirrored, turn), turned_pixel(picture.pixel_mm, view, turn))
    return masks


def doubt_of_volume(outlines: Mapping[str, Outline]) -> float:
    """Standard deviation of the logarithm of the volume that comes from the outlines alone; views are taken as independent."""
    share = AREA_EXPONENT / max(1, len(outlines))
    return math.sqrt(sum((share * outline.doubt) ** 2 for outline in outlines.values()))


def _cut_off(mask: NDArray[np.bool_], fan: NDArray[np.bool_], picture: Picture) -> bool:
    """At least 10 mm of the outline run within 2.5 mm of the edge of the fan, outside of which the probability is exactly 0."""
    from scipy import ndimage

    if not mask.any() or not fan.any():
        return False
    inward = ndimage.distance_transform_edt(np.pad(fan, 1), sampling=picture.pixel_mm)[1:-1, 1:-1]
    along = mask & ~ndimage.binary_erosion(mask) & (inward <= _EDGE_MM)
    return bool(np.count_nonzero(along) * math.sqrt(picture.pixel_mm[0] * picture.pixel_mm[1]) >= _EDGE_LENGTH_MM)
