"""What is measured again after an edit or a review; the panel, the viewer and scripts ask here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.uncertainty.conformal import ConformalTable

from .calibration import Calibration
from .measurements import TARGET, FemurMeasurements, measure_femora, remeasure
from .parameters import Parameters
from .products import DENSITY_MAP, density_map, extras_of
from .regions import Frame, divide, planes_from_dict
from .segments import BOTH, FEMUR, REGIONS, SIDES, TOTAL_HIP, display_name, key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result

MAPS = (DENSITY_MAP,)
"""Titles of the maps that a result has besides probability and uncertainty."""


def names() -> dict[str, str]:
    """What to call measured things that are no segments."""
    return {segment: display_name(segment) for segment in (*(key(side, TOTAL_HIP) for side in SIDES), BOTH)}


def measure(result: Result) -> FemurMeasurements:
    """Measure the masks of a result afresh; what is returned is handed to `measure_again`."""
    extras = result.extras
    return measure_femora(
        result.segments,
        result.image,
        Parameters.from_dict(result.provenance.parameters),
        Calibration.from_dict(extras["calibration"]) if extras.get("calibration") else None,
        extras.get("why_none", ""),
        result.probability.get(TARGET),
        extras.get("member_volumes_ml"),
        ConformalTable.from_dict(extras.get("conformal", {})),
        {side: Frame.from_dict(frame) for side, frame in extras.get("frames", {}).items()},
        {side: planes_from_dict(planes) for side, planes in extras.get("planes", {}).items()},
        further=[Measurement.from_dict(row) for row in extras.get("strength", ())],
    )


def measure_again(
    result: Result,
    measured: FemurMeasurements,
    changed: Iterable[str] | None = None,
    reviewed: NDArray[Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> FemurMeasurements:
    """The measurements after an edit (keys of the segments in ``changed``) or a review (voxels that count as certain, (K, J, I)).

    Calibration and planes stay as they are, whatever ``parameters`` say.
    """
    del parameters
    measured = remeasure(result.segments, result.image, measured, reviewed, changed)
    keep(result, measured)
    return measured


def keep(result: Result, measured: FemurMeasurements) -> None:
    """Calibration, planes and density of the result as they were measured."""
    result.extras.update(extras_of(measured))
    density = density_map(result.image, measured.sides)
    result.maps = {} if density is None else {DENSITY_MAP: density}


def regions_of(result: Result, sides: Iterable[str], masks: Mapping[str, NDArray[np.bool_]], part: Image) -> dict[str, NDArray[np.bool_]]:
    """Segment key -> mask of the regions of some femora.

    Args:
        result: its extras have frames and planes.
        sides: of the femora; those without a frame and planes are left out.
        masks: has the femora, on the grid of ``part``.
        part: the image, or what is cut out of it.
    """
    found = {}
    for side in sides:
        frame, planes = (result.extras.get(name, {}).get(side) for name in ("frames", "planes"))
        if frame and planes:
            regions = divide(masks[key(side, FEMUR)], part, Frame.from_dict(frame), planes_from_dict(planes))
            found |= {key(side, region): regions[region] for region in REGIONS}
    return found


def fitting_masks(
    result: Result, masks: Mapping[str, NDArray[np.bool_]], changed: Iterable[str], part: Image
) -> dict[str, NDArray[np.bool_]]:
    """Regions follow their femur; arguments as for `regions_of`, and the keys of the segments that were edited."""
    changed = set(changed)
    return regions_of(result, [side for side in SIDES if key(side, FEMUR) in changed], masks, part)
