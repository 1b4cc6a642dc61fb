"""Reports as PDF: what a reader finds on the pages, for short and long, plain and odd reports."""

from __future__ import annotations

from dataclasses import replace

import dicom_toys
import numpy as np
import pypdfium2
import pytest

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.pdf import write_pdf
from DeepVolumetryLib.report.pictures import window
from DeepVolumetryLib.report.plates import draw_places, draw_plates
from DeepVolumetryLib.report.report import InputRecord, Report
from DeepVolumetryLib.report.words import unit_text
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

SHA = "0123456789abcdef" * 4


@pytest.fixture
def a_result(a_kidney_phantom):
    result = dicom_toys.result_on(a_kidney_phantom)
    center = tuple((a_kidney_phantom.ijk_to_ras @ (9, 14, 10, 1))[:3])
    first = ReviewRegion(1, "kidney", 2.25, center, 4.0, kind="boundary", reviewed="looks right")
    return replace(result, regions=[first, replace(first, rank=2, at_stake_ml=0.75, kind="outside", reviewed="")])


@pytest.fixture
def a_report(a_result):
    made = replace(Report.from_result(a_result), warnings=("The left kidney reaches the edge of the image.",))
    record = InputRecord("volume", "/home/Meier_Anna/ct", SHA, "1.2.826.0.1.1", (36, 28, 20), (2.0, 2.0, 3.0))
    return replace(made, inputs=(record,), notes=("Kidney: 95 % intervals; 94 % measured on 80 calibration cases.",))


def pages(path) -> list[str]:
    document = pypdfium2.PdfDocument(path)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def test_pages_hold_numbers_with_intervals_units_and_verdicts(a_report, tmp_path):
    text = "\n".join(pages(write_pdf(a_report, tmp_path / "r.pdf", specs=dicom_toys.SPECS, names={"total_kidney": "Both kidneys"})))
    left = a_report.measurements[0]
    assert f"Left kidney {left.value:.1f} mL {left.low:.1f} – {left.high:.1f} (95 %) below the reference range" in text
    assert "6.0 – 9.0 (90 %)" in text  # levels differ, so each row says its own
    assert "Both kidneys" in text
    assert "77.0 mL/min/1.73 m²" in text
    assert "not measured" in text


def test_pages_say_what_was_reviewed_corrected_and_how_it_was_made(a_report, tmp_path):
    text = "\n".join(pages(write_pdf(a_report, tmp_path / "r.pdf", specs=dicom_toys.SPECS)))
    for sentence in (
        "1 of 2 places were reviewed; 0.8 of 3.0 mL at stake remain.", "Corrected by hand: Left renal tumor.", "looks right", "missed?",
        "renal_toy 2.0, license Apache-2.0", "ab" * 32, "members 5", SHA, "series UID 1.2.826.0.1.1", "The left kidney reaches the edge",
        "94 % measured on 80 calibration cases", "Not a medical device.",
    ):  # fmt: skip
        assert sentence in text


def test_every_page_is_numbered_and_says_for_research(a_report, tmp_path):
    rows = [Measurement(f"segment_{n}", f"Number {n} with a rather long name", n + 0.5, "mL", n, n + 1.0, 0.95) for n in range(120)]
    found = pages(write_pdf(replace(a_report, measurements=tuple(rows)), tmp_path / "long.pdf"))
    assert len(found) > 2
    for number, text in enumerate(found, 1):
        assert f"page {number} of {len(found)}" in text
        assert "For research. Not for diagnosis." in text
    assert all("Assessment" in text for text in found[:3])  # the head of the table is repeated


def test_many_numbers_of_many_segments_fit_on_two_pages(a_report, tmp_path):
    columns = [
        ("Integral vBMD", "mg/cm3{CHA}"),
        ("Mean HU", "[hnsf'U]"),
        ("Voxels", "1"),
        ("aBMD (projected)", "g/cm2{CHA}"),
        ("BMC", "g{CHA}"),
    ]
    rows = [
        Measurement(f"part_{n}", name, 0.9176 if unit.startswith("g/cm2") else 100.0 + n, unit, 0.8, 1.25, 0.95)
        for n in range(11)
        for name, unit in columns
    ]
    told = Measurement("part_3", "T-score", -2.1, "1", verdict="osteopenia")
    found = pages(write_pdf(replace(a_report, measurements=(*rows, told)), tmp_path / "dense.pdf"))
    assert len(found) <= 2
    text = " ".join(found)
    assert all(f"Part {n}" in text for n in range(11)) and "mg/cm³ CHA" in text and "below: 95 % interval" in text
    assert text.count("0.918 0.800–1.250") == 11 and text.count("Mean HU HU") == 0
    assert "T-score -2.10 osteopenia" in text  # of what somebody must read, a list


def test_no_path_and_no_name_is_printed_unless_asked(a_report, tmp_path):
    plain = "\n".join(pages(write_pdf(a_report, tmp_path / "r.pdf")))
    assert "Meier" not in plain
    labeled = "\n".join(pages(write_pdf(a_report, tmp_path / "l.pdf", label="Study 17, Meier <Anna> & Söhne")))
    assert "Study 17, Meier <Anna> & Söhne" in labeled


def test_the_same_report_gives_the_same_bytes(a_report, a_result, tmp_path):
    first, second = (write_pdf(a_report, tmp_path / f"{n}.pdf", draw_plates(a_result), draw_places(a_result)) for n in range(2))
    assert first.read_bytes() == second.read_bytes()


def test_fonts_are_embedded_and_pictures_are_in(a_report, a_result, tmp_path):
    path = write_pdf(a_report, tmp_path / "r.pdf", draw_plates(a_result), draw_places(a_result), dicom_toys.SPECS)
    content = path.read_bytes()
    assert b"/FontFile2" in content
    assert content.count(b"/DCTDecode") == 3
    picture = np.asarray(pypdfium2.PdfDocument(path)[0].render(scale=1).to_pil(), float)
    colored = np.abs(picture[..., 0] - picture[..., 2]) > 60
    assert colored.mean() > 0.002  # outlines and the colors of the uncertainty


def test_a_report_of_almost_nothing_is_still_a_page(a_report, tmp_path):
    bare = replace(a_report, measurements=(), review=(), warnings=(), notes=(), inputs=(), edited_segments=())
    (text,) = pages(write_pdf(bare, tmp_path / "bare.pdf"))
    assert "No place was uncertain enough to be listed for review." in text
    assert "No segment was corrected by hand." in text


def test_long_names_and_odd_characters_do_not_break_the_page(a_report, tmp_path):
    odd = Measurement("x", "Name" * 60, 1.0, "mL", 0.5, 2.0, 0.95, verdict="腹部 <b> & ≥ 3 µL " * 30)
    text = "\n".join(pages(write_pdf(replace(a_report, measurements=(odd,), warnings=("w" * 400,)), tmp_path / "odd.pdf")))
    assert "≥ 3 µL" in text
    assert "?" in text  # what the font lacks


def test_pictures_of_a_flat_study_show_every_view(a_result):
    flat = a_result.image.cropped((10, 0, 0), (11, 28, 36))
    part = dicom_toys.result_on(replace(flat, modality="CT", name="coronal"))
    part.companions = {"transverse": dicom_toys.result_on(flat)}
    outlines, uncertainty = draw_plates(part)
    assert outlines.titles == ("Coronal", "Transverse")
    assert uncertainty.uncertainty
    assert draw_places(part) is None


def test_bone_is_shown_in_a_window_of_bone():
    voxels = np.full((4, 20, 20), 40, np.int16)
    voxels[:, 5:9, 5:9] = 900
    bone, muscle = voxels > 500, voxels < 500
    ct = Image.from_spacing(voxels, (1, 1, 3), modality="CT")
    assert window(ct, [bone]) == window(ct, [bone, muscle & False]) and window(ct, [bone])[1] > 900
    assert window(ct, [muscle]) == window(ct) and window(ct)[1] < 400
    mr = Image.from_spacing(voxels, (1, 1, 3), modality="MR")
    assert window(mr, [bone]) == window(mr)


@pytest.mark.parametrize(
    ("ucum", "text"),
    [
        ("mL", "mL"),
        ("1", ""),
        ("mm2", "mm²"),
        ("mL/m2", "mL/m²"),
        ("mg/cm3{K2HPO4}", "mg/cm³ K2HPO4"),
        ("g/cm2", "g/cm²"),
        ("[hnsf'U]", "HU"),
    ],
)
def test_units_are_written_as_people_write_them(ucum, text):
    assert unit_text(ucum) == text
