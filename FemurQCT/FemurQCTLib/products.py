"""What measured femora give besides the table: region masks, a density map, and the facts that later steps need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.zeros import lazy_zeros

from .measurements import FemurMeasurements
from .regions import planes_to_dict
from .segments import REGIONS, key
from .side import SideMeasured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image

DENSITY_MAP = "density [mg/cm3]"
"""Name of the density among the maps of a result."""


def region_masks(image: Image, sides: Mapping[str, SideMeasured]) -> dict[str, NDArray[np.bool_]]:
    """Segment key ("left_neck") -> mask of the size of the scan, for regions that are not empty."""
    masks = {}
    for side, measured in sides.items():
        for region in REGIONS:
            part = measured.regions.get(region)
            if part is None or not part.any():
                continue
            mask = lazy_zeros(image.shape, bool)
            mask[measured.box] = part
            masks[key(side, region)] = mask
    return masks


def density_map(image: Image, sides: Mapping[str, SideMeasured]) -> NDArray[np.float32] | None:
    """Density in mg/cm3 within the femora, 0 elsewhere, (K, J, I); None without calibration."""
    if not any(measured.density is not None for measured in sides.values()):
        return None
    volume = lazy_zeros(image.shape, np.float32)
    for measured in sides.values():
        if measured.density is not None:
            volume[measured.box] += measured.density
    return volume


def extras_of(measured: FemurMeasurements) -> dict[str, Any]:
    """What a panel needs to measure a result again, and what a report states: calibration, frames, planes."""
    return {
        "notes": measured.notes,
        "member_volumes_ml": {name: list(map(float, values)) for name, values in measured.member_volumes_ml.items()},
        "conformal": measured.conformal.to_dict(),
        "calibration": None if measured.calibration is None else measured.calibration.to_dict(),
        "why_none": measured.why_none,
        "frames": {side: entry.frame.to_dict() for side, entry in measured.sides.items() if entry.frame is not None},
        "planes": {side: planes_to_dict(entry.planes) for side, entry in measured.sides.items() if entry.planes},
        "strength": [row.to_dict() for row in measured.further],
    }
