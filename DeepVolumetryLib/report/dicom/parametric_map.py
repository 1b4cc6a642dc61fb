"""Uncertainty of a target as a DICOM parametric map, 0 to 100, on the frames of the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import stamp as stamps
from .codes import UNCERTAINTY, concept, unit
from .segmentation import refer_to, used

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highdicom.pm import ParametricMap
    from pydicom import Dataset

    from ...result import Result, SegmentSpec
    from .source import Source
    from .stamp import Stamp

TOP = 100.0
_SIDES = {"7771000": "L", "24028007": "R"}


def build_map(part: Result, target: str, source: Source, stamp: Stamp, name: str, number: int) -> ParametricMap | None:
    """The uncertainty of one target on one image of a result.

    Args:
        part: the result on that image.
        target: key of the map.
        source: the image.
        stamp: of the whole result.
        name: of the part, "" for the first.
        number: of the series.

    Returns:
        The object, float32, only the frames where something is uncertain; None if nothing is, and for pictures without a place in the
        patient, for which highdicom makes none.
    """
    if source.grid is None:
        return None
    from highdicom import VOILUTTransformation
    from highdicom.pm import ParametricMap, RealWorldValueMapping

    values = source.on_frames(np.asarray(part.uncertainty[target], np.float32), part.image)
    shown = np.any(values > 0, axis=(1, 2))
    if not shown.any():
        return None
    images, kept = used(source, shown)
    mapping = RealWorldValueMapping(
        lut_label="UNCERTAINTY",
        lut_explanation="Uncertainty of the segmentation: 0 certain, 100 most uncertain",
        unit=concept(unit("%")),
        value_range=(0.0, TOP),
        slope=1.0,
        intercept=0.0,
        quantity_definition=concept(UNCERTAINTY),
    )
    module = part.provenance.module
    dataset = ParametricMap(
        source_images=images,
        pixel_array=values[kept],
        series_instance_uid=stamp.uid("series", "PM", name, target),
        series_number=number,
        sop_instance_uid=stamp.uid("PM", name, target),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[VOILUTTransformation(window_center=TOP / 2, window_width=TOP)],
        content_label="UNCERTAINTY",
        content_description=f"Uncertainty of {target}"[:64],
        series_description=f"DeepVolumetry {module} uncertainty {name} {target}".replace("  ", " ")[:64],
        **stamps.device(),
    )
    refer_to(dataset, source)
    dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [_anatomy(part.specs)]
    body = str(source.headers[0].get("BodyPartExamined", ""))
    if body:
        dataset.BodyPartExamined = body
    else:
        dataset.Laterality = ""  # not known; must be there for lack of the body part
    dataset.ContentCreatorName = ""  # type 2: must be there; nobody's name stands in it
    stamp.settle(dataset)
    return dataset


def _anatomy(specs: Sequence[SegmentSpec]) -> Dataset:
    """Region and side of all frames. The standard leaves it to us; dcmqi, with which Slicer reads maps, cannot do without."""
    from pydicom import Dataset

    sides = {side.value for spec in specs if (side := spec.modifier or spec.region_modifier)}
    item = Dataset()
    item.AnatomicRegionSequence = [concept(specs[0].region or specs[0].type)]
    item.FrameLaterality = _SIDES.get(next(iter(sides)), "U") if len(sides) == 1 else "B" if sides else "U"
    return item
