"""``deepvolumetry segment --pdf --dicom``: a DICOM series in, a report to print and DICOM objects out."""

from __future__ import annotations

import json
from pathlib import Path

import dicom_series
import highdicom
import pydicom
import pypdfium2
import pytest

from DeepVolumetryLib.image_io import write_volume
from DeepVolumetryLib.report.plates import draw_places, draw_plates


@pytest.fixture
def a_dicom_series(a_kidney_phantom, tmp_path) -> Path:
    dicom_series.write_series(tmp_path / "Mueller_Joerg", a_kidney_phantom)
    return tmp_path / "Mueller_Joerg"


@pytest.fixture
def drawn_by_matplotlib(monkeypatch):
    """Slicer's views are tested by themselves; here they would only take time."""
    monkeypatch.setattr("DeepVolumetryLib.study.plates.platesOf", lambda result, nodes: (draw_plates(result), draw_places(result)))


def words(path: Path) -> str:
    return " ".join(" ".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(path))


def test_a_dicom_series_gets_a_pdf_and_dicom_objects(deepvolumetry, drawn_by_matplotlib, a_dicom_series, tmp_path):
    answer = deepvolumetry("segment", "renal", "-i", a_dicom_series, "-o", tmp_path / "out", "--pdf", "--dicom", "--json")
    assert answer.code == 0, answer.err
    volume = next(m for m in answer.json["measurements"] if m["segment"] == "left_kidney" and m["name"] == "Volume")
    text = words(tmp_path / "out" / "report.pdf")
    assert f"{volume['value']:.0f} mL" in text
    assert answer.json["inputs"][0]["sha256"] in text
    assert "Mueller" not in text
    maps = {f"uncertainty_{target}.dcm" for target in ("kidney", "parenchyma")}
    assert {path.name for path in (tmp_path / "out" / "dicom").iterdir()} == {"segmentation.dcm", "report.dcm", *maps}
    groups = highdicom.sr.srread(tmp_path / "out" / "dicom" / "report.dcm").content.get_volumetric_roi_measurement_groups()
    measured = {group.tracking_identifier: group.get_measurements()[0].value for group in groups}
    assert measured["Left kidney"] == pytest.approx(volume["value"])


def test_without_identity_neither_report_nor_objects_name_the_patient(deepvolumetry, drawn_by_matplotlib, a_dicom_series, tmp_path):
    options = ("--pdf", "--dicom", "--deidentify", "--label", "Study 17")
    answer = deepvolumetry("segment", "renal", "-i", a_dicom_series, "-o", tmp_path / "out", *options)
    assert answer.code == 0, answer.err
    report = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    original = dicom_series.uid("study", "series")
    assert "Mueller" not in report
    assert original not in report
    assert "Study 17" in words(tmp_path / "out" / "report.pdf")
    assert original not in words(tmp_path / "out" / "report.pdf")
    segmentation = pydicom.dcmread(tmp_path / "out" / "dicom" / "segmentation.dcm")
    assert "ller" not in str(segmentation.PatientName)
    assert (
        json.loads(report)["inputs"][0]["uid"]
        == pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm")
        .CurrentRequestedProcedureEvidenceSequence[0]
        .ReferencedSeriesSequence[0]
        .SeriesInstanceUID
    )


def test_dicom_of_an_input_that_was_none_is_refused_before_the_run(deepvolumetry, a_kidney_phantom, tmp_path):
    write_volume(tmp_path / "ct.nrrd", a_kidney_phantom)
    answer = deepvolumetry("segment", "renal", "-i", tmp_path / "ct.nrrd", "-o", tmp_path / "out", "--dicom")
    assert answer.code == 2
    assert answer.sentence == (
        "volume is no DICOM image, and DICOM results must name the images that they belong to. "
        "Choose the DICOM files as input, or leave --dicom out."
    )
    assert not (tmp_path / "out").exists()


def test_slicer_draws_the_pictures_where_it_is_installed(deepvolumetry_process, a_dicom_series, tmp_path):
    pytest.importorskip("slicer")
    answer = deepvolumetry_process("segment", "renal", "-i", a_dicom_series, "-o", tmp_path / "out", "--pdf")
    assert answer.code == 0, answer.err
    assert (tmp_path / "out" / "report.pdf").read_bytes().count(b"/Height 480") >= 2  # matplotlib's are not so high
