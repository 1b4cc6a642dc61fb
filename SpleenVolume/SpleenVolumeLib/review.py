"""Places worth a look in the pictures, ranked by what they may change in the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.uncertainty.rank import review_regions

from .outlines import AREA_EXPONENT
from .segments import KEY, VIEWS

if TYPE_CHECKING:
    from DeepVolumetryLib.result import Result

    from .picture import Picture

_LEAST_SHARE = 0.002
"""Places that may change the volume by less than this share are not listed."""
_MOST = 20


def places_to_review(result: Result, pictures: Mapping[str, Picture], volume_ml: float) -> None:
    """Fill the regions of every view; ranks run through all of them.

    What is at stake in a picture is an area. It stands for the change of the volume that it would make: volume goes with the area of one
    view to the power of 1.5, of each of n views to the power of 1.5 / n (ours). So a pixel counts as a column of tissue as thick as
    that asks for.
    """
    share = AREA_EXPONENT / len(result.parts)
    found = []
    for name, part in result.parts.items():
        pixel_mm2 = float(np.prod(pictures[name or VIEWS[0]].pixel_mm))
        area = max(float(np.count_nonzero(part.segments[KEY])) * pixel_mm2, 100.0)
        volume = volume_ml or area / 1000
        thickness = share * volume * 1000 / area
        least = _LEAST_SHARE * volume
        slab = _as_thick(part, thickness)
        regions = review_regions(part.probability[KEY], part.uncertainty[KEY], slab, KEY, part.segments[KEY], least_ml=least, most=_MOST)
        found += [(name, region) for region in regions]
    found.sort(key=lambda each: -each[1].at_stake_ml)
    for name, part in result.parts.items():
        part.regions = [replace(region, rank=rank) for rank, (where, region) in enumerate(found[:_MOST], 1) if where == name]


def _as_thick(part: Result, thickness_mm: float):  # type: ignore[no-untyped-def]
    """The grid of a picture as a slab of a thickness."""
    image = part.image
    axis = int(np.argmin(image.size))
    matrix = image.ijk_to_ras.copy()
    matrix[:3, axis] *= thickness_mm / image.spacing[axis]
    return replace(image, ijk_to_ras=matrix)
