"""DICOM objects of a result, read back with highdicom and pydicom: where the masks lie, what they are called, what they refer to."""

from __future__ import annotations

from dataclasses import replace

import dicom_series
import dicom_toys
import highdicom
import numpy as np
import pydicom
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io.flat import read_flat
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.dicom import read_source, write_dicom
from DeepVolumetryLib.result import Result


def tilted(image: Image) -> Image:
    """Slices shifted against each other, as with a tilted gantry."""
    matrix = image.ijk_to_ras.copy()
    matrix[:3, 2] += 0.3 * matrix[:3, 1]
    return replace(image, ijk_to_ras=matrix)


@pytest.fixture
def a_study(a_kidney_phantom, tmp_path):
    return dicom_toys.study(tmp_path, a_kidney_phantom)


def voxels_of(segmentation, number: int) -> dict[tuple[float, ...], np.ndarray]:
    """Position of each frame of a segment -> its mask."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    found = {}
    for frame, pixels in zip(segmentation.PerFrameFunctionalGroupsSequence, segmentation.pixel_array, strict=True):
        owner = frame if "SegmentIdentificationSequence" in frame else shared
        if owner.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            found[tuple(np.round(position, 3))] = pixels.astype(bool)
    return found


@pytest.mark.parametrize("kind", ["straight", "tilted", "enhanced"])
def test_masks_lie_on_the_frames_of_the_images(a_kidney_phantom, tmp_path, kind):
    image = tilted(a_kidney_phantom) if kind == "tilted" else a_kidney_phantom
    study = dicom_toys.study(tmp_path, image, kind)
    write_dicom(study.result, study.sources, tmp_path / "out")
    frames = voxels_of(pydicom.dcmread(tmp_path / "out" / "segmentation.dcm"), 1)
    mask, lps = study.result.segments["left_kidney"], np.diag([-1, -1, 1, 1]) @ study.result.image.ijk_to_ras
    assert len(frames) == mask.any(axis=(1, 2)).sum()
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        assert np.array_equal(frames[tuple(np.round((lps @ (0, 0, k, 1))[:3], 3))], mask[k])


def test_a_result_on_another_grid_of_the_same_place_is_put_on_the_frames(a_study, tmp_path):
    canonical = a_study.result.image.canonical()
    flipped = {key: a_study.result.image.with_voxels(mask).canonical().voxels for key, mask in a_study.result.segments.items()}
    turned = replace(a_study.result, image=canonical, segments=flipped, uncertainty={})
    write_dicom(a_study.result, a_study.sources, tmp_path / "straight")
    write_dicom(turned, a_study.sources, tmp_path / "turned")
    first, second = (pydicom.dcmread(tmp_path / name / "segmentation.dcm") for name in ("straight", "turned"))
    assert np.array_equal(first.pixel_array, second.pixel_array)


def test_segments_have_their_names_codes_colors_and_algorithm(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path)
    left, right, tumor = pydicom.dcmread(tmp_path / "segmentation.dcm").SegmentSequence  # the empty cyst is left out
    assert [item.SegmentLabel for item in (left, right, tumor)] == ["Left kidney", "Right kidney", "Left renal tumor"]
    kind = left.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning) == ("64033007", "Left")
    region = tumor.AnatomicRegionSequence[0]
    assert (region.CodeMeaning, region.AnatomicRegionModifierSequence[0].CodeMeaning) == ("Kidney", "Left")
    assert (left.SegmentAlgorithmType, tumor.SegmentAlgorithmType) == ("AUTOMATIC", "SEMIAUTOMATIC")
    assert left.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "DeepVolumetry renal"
    assert "ab" * 32 in str(left.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters)
    assert highdicom.color.CIELabColor.from_dicom_value(left.RecommendedDisplayCIELabValue).to_rgb() == pytest.approx((185, 102, 83), abs=1)


def test_all_images_of_the_series_are_named_and_the_patient_is_theirs(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path)
    for name in ("segmentation.dcm", "uncertainty_kidney.dcm", "report.dcm"):
        dataset = pydicom.dcmread(tmp_path / name)
        assert dataset.PatientName == dicom_series.PATIENT_NAME
        assert dataset.StudyInstanceUID == dicom_series.uid("study")
        assert dataset.ContentDate == dicom_series.STUDY_DATE
        if name != "report.dcm":
            assert len(dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 20
            assert dataset.FrameOfReferenceUID == dicom_series.uid("study", "frame")


def test_the_map_holds_percent_on_the_frames(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path)
    chart = (
        highdicom.pm.pmread(tmp_path / "uncertainty_kidney.dcm")
        if hasattr(highdicom.pm, "pmread")
        else pydicom.dcmread(tmp_path / "uncertainty_kidney.dcm")
    )
    values = np.frombuffer(chart.FloatPixelData, "<f4").reshape(-1, 28, 36)
    assert set(np.unique(values)) == {0.0, 30.5}
    assert np.count_nonzero(values) == np.count_nonzero(a_study.result.uncertainty["kidney"])
    mapping = chart.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert (mapping.DoubleFloatRealWorldValueFirstValueMapped, mapping.DoubleFloatRealWorldValueLastValueMapped) == (0, 100)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "%"


def properties(measurement) -> dict[str, float | str]:
    """What follows a measurement in the report, by meaning."""
    found = {}
    for item in measurement[0].ContentSequence:
        value = item.MeasuredValueSequence[0].NumericValue if item.ValueType == "NUM" else item.TextValue
        found[item.ConceptNameCodeSequence[0].CodeMeaning] = value
    return found


def test_the_report_has_values_units_intervals_and_verdicts(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path, {"total_kidney": "Both kidneys"})
    content = highdicom.sr.srread(tmp_path / "report.dcm").content
    groups = {group.tracking_identifier: group for group in content.get_volumetric_roi_measurement_groups()}
    assert list(groups) == ["Left kidney", "Right kidney", "Left renal tumor"]
    volume, length = groups["Left kidney"].get_measurements()
    truth = a_study.result.measurements[0]
    assert (volume.name.value, volume.unit.value, volume.value) == ("118565006", "mL", pytest.approx(truth.value))
    assert properties(volume) == {
        "-, range of lower measurement uncertainty": pytest.approx(1.5),
        "+, range of upper measurement uncertainty": pytest.approx(2.5),
        "Nominal coverage of the uncertainty range": 95,
        "Comment": "below the reference range",
    }
    assert (length.name.scheme_designator, length.name.value, length.value) == ("99DEEPVOLUMETRY", "length", 26.5)
    sums = {group.tracking_identifier: group.get_measurements() for group in content.get_image_measurement_groups()}
    assert list(sums) == ["Left renal cyst", "Both kidneys", "both kidneys"]
    assert sums["Left renal cyst"][0].value == 0
    assert sums["both kidneys"][0].unit.value == "mL/min/{1.73_m2}"
    assert len(sums["both kidneys"]) == 1  # what was not measured is left out


def test_the_report_refers_to_the_segments_and_to_all_images(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path)
    segmentation, report = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("segmentation", "report"))
    group = highdicom.sr.srread(tmp_path / "report.dcm").content.get_volumetric_roi_measurement_groups()[1]
    (reference,) = group.referenced_segment[0].ReferencedSOPSequence
    assert (reference.ReferencedSOPInstanceUID, reference.ReferencedSegmentNumber) == (segmentation.SOPInstanceUID, 2)
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    counts = {series.SeriesInstanceUID: len(series.ReferencedSOPSequence) for series in evidence}
    assert counts == {dicom_series.uid("study", "series"): 20, segmentation.SeriesInstanceUID: 1}


def test_the_same_result_gives_the_same_bytes_and_another_one_other_uids(a_study, tmp_path):
    first = write_dicom(a_study.result, a_study.sources, tmp_path / "1")
    again = write_dicom(a_study.result, a_study.sources, tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    a_study.result.segments["left_kidney"][10, 14, 9] = False
    other = write_dicom(a_study.result, a_study.sources, tmp_path / "3")
    uids = [{pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in paths} for paths in (first, other)]
    assert not uids[0] & uids[1]


def test_nothing_of_the_patient_is_left_when_deidentified(a_study, tmp_path):
    paths = write_dicom(a_study.result, a_study.sources, tmp_path, deidentify=True)
    secrets = ("Jörg", "ller", "MRN", "0042", "20260314", "101500", "Phantom Hospital", "Doe", "A-77", "1960", "Abdomen of")
    known = {dicom_series.uid("study"), dicom_series.uid("study", "series"), dicom_series.uid("study", "frame")}
    for path in paths:
        text = str(pydicom.dcmread(path))
        bytes_ = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in bytes_ or secret in text]
        assert not [uid for uid in known if uid.encode() in bytes_]
        assert "PatientIdentityRemoved" in pydicom.dcmread(path)


def test_deidentified_objects_still_belong_together(a_study, tmp_path):
    write_dicom(a_study.result, a_study.sources, tmp_path, deidentify=True)
    objects = [pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("segmentation", "uncertainty_kidney", "report")]
    assert len({each.StudyInstanceUID for each in objects}) == 1
    assert len({each.PatientID for each in objects}) == 1
    assert objects[0].FrameOfReferenceUID == objects[1].FrameOfReferenceUID
    named = {item.ReferencedSOPInstanceUID for item in objects[0].ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    library = {item.ReferencedSOPInstanceUID for item in objects[1].ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert named == library


def test_a_result_without_any_segment_gets_a_report_alone(a_study, tmp_path):
    empty = replace(a_study.result, segments={key: np.zeros_like(mask) for key, mask in a_study.result.segments.items()}, uncertainty={})
    assert [path.name for path in write_dicom(empty, a_study.sources, tmp_path)] == ["report.dcm"]


def test_images_that_were_no_dicom_are_refused_in_words(a_study, tmp_path):
    with pytest.raises(InputError, match=r"volume is no DICOM image.*leave --dicom out"):
        read_source(tmp_path / "nowhere", "volume")
    with pytest.raises(InputError, match="was not loaded from DICOM"):
        write_dicom(a_study.result, {}, tmp_path)


def test_pictures_have_outlines_with_an_area_and_the_frame_is_named(tmp_path):
    gray = np.zeros((60, 80))
    gray[20:40, 30:60] = 200
    parts, sources = [], {}
    for name, frames in (("coronal", 1), ("transverse", 5)):
        path = dicom_series.write_ultrasound(tmp_path / f"{name}.dcm", gray, frames=frames)
        image, _ = read_flat(path, name, frame=2 if frames > 1 else None)
        rows = [Measurement("left_kidney", "Volume", 210.0, "mL", 150.0, 290.0, 0.95, dicom_toys.VOLUME)] if not parts else []
        masks = {"left_kidney": image.voxels > 100}
        parts.append(Result(image, dicom_toys.SPECS[:1], masks, {}, {}, rows, [], dicom_toys.PROVENANCE))
        sources[name if sources else ""] = read_source(path, name, image.uid, 2)
    parts[0].companions = {"transverse": parts[1]}
    write_dicom(parts[0], sources, tmp_path / "out")
    second = pydicom.dcmread(tmp_path / "out" / "segmentation_transverse.dcm")
    (item,) = second.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
    assert item.ReferencedFrameNumber == 3
    assert item.ReferencedSOPClassUID.name == "Ultrasound Multi-frame Image Storage"
    assert np.array_equal(second.pixel_array.astype(bool), gray > 100)
    content = highdicom.sr.srread(tmp_path / "out" / "report.dcm").content
    areas = {group.tracking_identifier: group.get_measurements()[0].value for group in content.get_planar_roi_measurement_groups()}
    assert areas == {"Left kidney, coronal": pytest.approx(54), "Left kidney, transverse": pytest.approx(54)}
    (volume,) = content.get_image_measurement_groups()
    assert volume.get_measurements()[0].value == 210
