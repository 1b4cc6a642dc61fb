"""The measurements of a result as a DICOM structured report of template TID 1500.

One group per segment refers to the segment in the SEG object (TID 1411; TID 1410 for pictures); sums over segments and what belongs to the
patient are groups of their own (TID 1501). An interval is written as TID 310 has it, as the ranges below and above the value; its
nominal coverage and the verdict in words follow as further properties of the measurement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measure.measurement import Measurement
from ...result import Code
from . import stamp as stamps
from .codes import COVERAGE, LOWER, UPPER, VERDICT, concept, own, procedure, unit
from .segmentation import facts

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import ComprehensiveSR
    from pydicom import Dataset

    from ...result import Provenance, Result, SegmentSpec
    from .source import Source
    from .stamp import Stamp

_LIBRARY = ("SOPClassUID", "SOPInstanceUID", "Modality", "Rows", "Columns", "FrameOfReferenceUID", "SpacingBetweenSlices")
_LIBRARY_OF_SLICES = ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SliceThickness")
AREA = Code("SCT", "42798000", "Area")


@dataclass(frozen=True)
class Written:
    """A SEG object that the report refers to: of which part, and the number of each of its segments by key."""

    segmentation: Segmentation
    numbers: Mapping[str, int]


def build_report(
    result: Result,
    sources: Mapping[str, Source],
    written: Mapping[str, Written],
    stamp: Stamp,
    names: Mapping[str, str],
    number: int,
) -> ComprehensiveSR:
    """The report.

    Args:
        result: with its measurements; those without a value are left out.
        sources: the images, by the name of the part, then those of further inputs by their names.
        written: SEG objects by the name of the part.
        stamp: of the result.
        names: what sums and other keys without a segment are called.
        number: of the series.
    """
    from highdicom.sr import (
        ComprehensiveSR,
        DeviceObserverIdentifyingAttributes,
        MeasurementReport,
        ObservationContext,
        ObserverContext,
    )
    from pydicom.sr.codedict import codes

    made = result.provenance
    observer = DeviceObserverIdentifyingAttributes(
        uid=stamps.uid("device", made.module, made.version),
        name=f"DeepVolumetry {made.module}",
        manufacturer_name=stamps.MANUFACTURER,
        model_name=f"{made.model_name} {made.model_version}".strip() or "unknown",
    )
    headers = [header for source in sources.values() for header in source.headers]
    first = sources[""].headers[0]
    report = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=observer)
        ),
        procedure_reported=_procedures(first),
        imaging_measurements=list(_groups(result, sources, written, stamp, names)),
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=[_card(header) for header in headers],
    )
    dataset = ComprehensiveSR(
        evidence=[*headers, *(each.segmentation for each in written.values())],
        content=report,
        series_instance_uid=stamp.uid("series", "SR"),
        series_number=number,
        sop_instance_uid=stamp.uid("SR"),
        instance_number=1,
        manufacturer=stamps.MANUFACTURER,
        is_complete=True,
        is_final=False,
        series_description=f"DeepVolumetry {made.module} measurements"[:64],
    )
    device = stamps.device()
    dataset.ManufacturerModelName, dataset.SoftwareVersions = device["manufacturer_model_name"], device["software_versions"]
    for source in sources.values():
        source.name_frame(dataset)
    stamp.settle(dataset)
    return dataset


def _card(header: Dataset) -> Dataset:
    """What the image library says of an image. Places and sizes only where one image has one of each and all are stated."""
    from pydicom import Dataset

    card = Dataset()
    for keyword in (*_LIBRARY, *_LIBRARY_OF_SLICES):
        if header.get(keyword, None) not in (None, ""):
            setattr(card, keyword, header[keyword].value)
    if not all(keyword in card for keyword in _LIBRARY_OF_SLICES):
        card.Modality = "NONE"  # never written; highdicom then asks for no more
    return card


def _procedures(header: Dataset) -> list[Any]:
    """What the study says it is; else what its modality is."""
    from highdicom.sr import CodedConcept

    stated = header.get("ProcedureCodeSequence", None) or []
    known = [CodedConcept.from_dataset(item) for item in stated if "CodeValue" in item and "CodingSchemeDesignator" in item]
    return known or [concept(procedure(str(header.get("Modality", ""))))]


def _groups(
    result: Result, sources: Mapping[str, Source], written: Mapping[str, Written], stamp: Stamp, names: Mapping[str, str]
) -> Iterator[Any]:
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        ReferencedSegment,
        SourceImageForMeasurementGroup,
        SourceSeriesForSegmentation,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )

    specs = {spec.key: spec for spec in result.specs}
    flat = sources[""].grid is None
    for key, measurements in _by_segment(result.measurements).items():
        spec, numbers = specs.get(key), written[""].numbers if "" in written else {}
        common = {
            "tracking_identifier": _tracking(stamp, "group", key, spec.name if spec else names.get(key, key.replace("_", " "))),
            "algorithm_id": _algorithm(result.provenance),
            "measurements": [_measurement(each) for each in measurements],
            **(_found(spec) if spec else {}),
        }
        if key in numbers and not flat:
            seg = written[""].segmentation
            series = SourceSeriesForSegmentation(sources[""].uid)
            segment = ReferencedSegment(seg.SOPClassUID, seg.SOPInstanceUID, numbers[key], source_series=series)
            yield VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **common)
        else:
            images = [SourceImageForMeasurementGroup.from_source_image(source.headers[0]) for source in sources.values()] if flat else None
            yield MeasurementsAndQualitativeEvaluations(source_images=images, **common)
    if flat:
        yield from _outlines(result, sources, written, stamp)


def _outlines(result: Result, sources: Mapping[str, Source], written: Mapping[str, Written], stamp: Stamp) -> Iterator[Any]:
    """The outline on each picture with its area: what the volume was estimated from."""
    from highdicom.sr import PlanarROIMeasurementsAndQualitativeEvaluations, ReferencedSegmentationFrame, SourceImageForSegmentation

    for name, part in result.parts.items():
        for spec in part.specs:
            if name not in written or spec.key not in written[name].numbers:
                continue
            seg, header = written[name].segmentation, sources[name].headers[0]
            number = written[name].numbers[spec.key]
            image = SourceImageForSegmentation(header.SOPClassUID, header.SOPInstanceUID)
            frame = ReferencedSegmentationFrame(seg.SOPClassUID, seg.SOPInstanceUID, number, number, image)
            del frame[0].ReferencedSOPSequence[0].ReferencedSegmentNumber  # a frame says it; PS3.3 10.3 allows one of the two
            sides = np.delete(part.image.spacing, int(np.argmin(part.image.size)))
            area = Measurement(spec.key, "Area", float(np.count_nonzero(part.segments[spec.key]) * np.prod(sides)), "mm2", code=AREA)
            yield PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=_tracking(stamp, "outline", f"{name} {spec.key}", f"{spec.name}, {name or part.image.name}"),
                referenced_segment=frame,
                algorithm_id=_algorithm(part.provenance),
                measurements=[_measurement(area)],
                **_found(spec),
            )


def _by_segment(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    found: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        if math.isfinite(measurement.value):
            found.setdefault(measurement.segment, []).append(measurement)
    return found


def _tracking(stamp: Stamp, kind: str, key: str, name: str) -> Any:
    from highdicom.sr import TrackingIdentifier

    return TrackingIdentifier(uid=stamp.uid(kind, key), identifier=name)


def _algorithm(made: Provenance) -> Any:
    from highdicom.sr import AlgorithmIdentification

    return AlgorithmIdentification(
        name=f"DeepVolumetry {made.module}",
        version=made.version or "unknown",
        parameters=[f"{name}={value}" for name, value in facts(made)],
    )


def _found(spec: SegmentSpec) -> dict[str, Any]:
    """Finding, its category and its site."""
    from highdicom.sr import FindingSite

    found: dict[str, Any] = {"finding_type": concept(spec.type), "finding_category": concept(spec.category)}
    place, side = (spec.region, spec.region_modifier) if spec.region else (spec.type, spec.modifier)
    if place is not None and (spec.region or side):
        found["finding_sites"] = [FindingSite(concept(place), laterality=concept(side) if side else None)]
    return found


def _measurement(measurement: Measurement) -> Any:
    from highdicom import sr

    interval, units = _interval(measurement), concept(unit(measurement.unit))
    item = sr.Measurement(name=concept(measurement.code or own(measurement.name)), value=measurement.value, unit=units)
    more: list[Any] = []
    has = sr.RelationshipTypeValues.HAS_PROPERTIES
    if interval:  # highdicom's MeasurementProperties would write the ranges without a unit
        more.append(sr.NumContentItem(concept(LOWER), measurement.value - interval[0], units, relationship_type=has))
        more.append(sr.NumContentItem(concept(UPPER), interval[1] - measurement.value, units, relationship_type=has))
    if interval and measurement.level is not None:
        more.append(sr.NumContentItem(concept(COVERAGE), 100 * measurement.level, concept(unit("%")), relationship_type=has))
    if measurement.verdict:
        more.append(sr.TextContentItem(concept(VERDICT), measurement.verdict, relationship_type=has))
    if more:
        content = item[0].get("ContentSequence", None) or sr.ContentSequence()
        content.extend(more)
        item[0].ContentSequence = content
    return item


def _interval(measurement: Measurement) -> tuple[float, float] | None:
    low, high = measurement.low, measurement.high
    return None if low is None or high is None or not math.isfinite(high - low) else (low, high)
