"""Segments of a result as one DICOM segmentation object (SEG), on the frames of the images that they were drawn on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import stamp as stamps
from .codes import concept
from .stamp import Stamp

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom import Dataset

    from ...result import Provenance, Result, SegmentSpec
    from .source import Source

_TEXT = 64


def build_segmentation(
    part: Result, source: Source, stamp: Stamp, name: str, number: int, edited: Collection[str] = ()
) -> tuple[Segmentation, dict[str, int]] | None:
    """The segments of one image of a result.

    Args:
        part: the result on that image.
        source: the image.
        stamp: of the whole result.
        name: of the part, "" for the first.
        number: of the series.
        edited: keys of the segments that were corrected by hand.

    Returns:
        The object, and the number of each segment in it by key; None if nothing was found. Empty segments are left out.
    """
    from highdicom.seg import Segmentation

    specs = [spec for spec in part.specs if spec.key in part.segments and part.segments[spec.key].any()]
    if not specs:
        return None
    planes = [source.on_frames(np.asarray(part.segments[spec.key], bool), part.image) for spec in specs]
    shown = np.logical_or.reduce([plane.any(axis=(1, 2)) for plane in planes])
    specs, planes = _still_there(specs, planes)
    if not specs:
        return None
    images, kept = used(source, shown)
    pixels = np.stack([plane[kept] for plane in planes], axis=-1).astype(np.uint8)
    made = part.provenance
    dataset = Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[_description(n, spec, made, stamp, name, spec.key in edited) for n, spec in enumerate(specs, 1)],
        series_instance_uid=stamp.uid("series", "SEG", name),
        series_number=number,
        sop_instance_uid=stamp.uid("SEG", name),
        instance_number=1,
        content_label="SEGMENTATION",
        content_description=f"{made.module.capitalize()} segments"[:_TEXT],
        series_description=f"DeepVolumetry {made.module} segments {name}".strip()[:_TEXT],
        **stamps.device(),
    )
    for item, spec in zip(dataset.SegmentSequence, specs, strict=True):
        _add_modifiers(item, spec)
    refer_to(dataset, source)
    dataset.ContentCreatorName = ""  # type 2: must be there; nobody's name stands in it
    stamp.settle(dataset)
    return dataset, {spec.key: n for n, spec in enumerate(specs, 1)}


def algorithm(made: Provenance) -> AlgorithmIdentificationSequence:
    """The module, its version and model as DICOM names an algorithm."""
    from highdicom import AlgorithmIdentificationSequence
    from pydicom.sr.codedict import codes

    return AlgorithmIdentificationSequence(
        name=f"DeepVolumetry {made.module}",
        family=codes.cid7162.ArtificialIntelligence,
        version=made.version or "unknown",
        source="DeepVolumetry",
        parameters=dict(facts(made)),
    )


def facts(made: Provenance) -> list[tuple[str, str]]:
    """Model, device and parameters of a run; those that are not set are left out."""
    model = {"model": f"{made.model_name} {made.model_version}".strip(), "model_sha256": made.model_sha256, "device": made.device}
    found = {**model, **{name: "" if value is None else str(value) for name, value in made.parameters.items()}}
    return [(name, value.replace("\\", "/")) for name, value in found.items() if value]


def used(source: Source, shown: np.ndarray) -> tuple[list[Dataset], Any]:
    """Images to hand to highdicom and which frames of an array they have: those with something in them, or the one file that holds all."""
    if len(source.headers) == 1:
        return [source.headers[0]], slice(None)
    kept = np.flatnonzero(shown)
    return [source.headers[n] for n in kept], kept


def refer_to(dataset: Dataset, source: Source) -> None:
    """Name the frame of a file of pictures; of a series name all images, not only those with something in them:
    programs find the images to show by this list."""
    if source.grid is None:
        dataset.PatientOrientation = ""  # not known
    source.name_frame(dataset)
    _name_all(dataset, source)


def _name_all(dataset: Dataset, source: Source) -> None:
    from pydicom import Dataset

    (series,) = dataset.ReferencedSeriesSequence
    known = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    missing = []
    for header in source.headers:
        if header.SOPInstanceUID not in known:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
            missing.append(item)
    series.ReferencedInstanceSequence.extend(missing)


def _still_there(specs: Sequence[SegmentSpec], planes: Sequence[np.ndarray]) -> tuple[list[SegmentSpec], list[np.ndarray]]:
    """A tiny segment may lie between the voxels of another grid."""
    pairs = [(spec, plane) for spec, plane in zip(specs, planes, strict=True) if plane.any()]
    return [spec for spec, _ in pairs], [plane for _, plane in pairs]


def _description(number: int, spec: SegmentSpec, made: Provenance, stamp: Stamp, part: str, edited: bool) -> SegmentDescription:
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription

    return SegmentDescription(
        segment_number=number,
        segment_label=spec.name[:_TEXT],
        segmented_property_category=concept(spec.category),
        segmented_property_type=concept(spec.type),
        algorithm_type="SEMIAUTOMATIC" if edited else "AUTOMATIC",
        algorithm_identification=algorithm(made),
        tracking_uid=stamp.uid("segment", part, spec.key),
        tracking_id=f"{part} {spec.name}".strip()[:_TEXT],
        anatomic_regions=[concept(spec.region)] if spec.region else None,
        display_color=CIELabColor.from_rgb(*spec.color),
    )


def _add_modifiers(item: Dataset, spec: SegmentSpec) -> None:
    """Laterality of the type and of the region, for which highdicom has no argument."""
    if spec.modifier:
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [concept(spec.modifier)]
    if spec.region and spec.region_modifier:
        item.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [concept(spec.region_modifier)]
