"""Ultrasound files: the right gray values, and the right pixel size or none."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from ultrasound_files import HZ, SECONDS, SPECTRUM, region, write_ultrasound

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_ultrasound, write_volume


@pytest.fixture
def a_picture() -> np.ndarray:
    """A gray ramp with a black frame, uint8 (60, 80)."""
    gray = np.zeros((60, 80), np.uint8)
    gray[10:50, 10:70] = np.linspace(40, 240, 60).astype(np.uint8)
    return gray


WHOLE = (0, 59, 0, 79)


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR"])
def test_gray_values_are_the_same_in_every_color_space(tmp_path, a_picture, kind):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [region(box=WHOLE)], kind))
    assert np.abs(frame.gray.astype(int) - a_picture).max() <= 2
    assert frame.warnings == ()


@pytest.mark.parametrize("kind", ["MONOCHROME2", "RGB"])
def test_the_chosen_frame_of_a_loop_is_read(tmp_path, a_picture, kind):
    loop = np.stack([a_picture, a_picture // 2, a_picture // 4])
    path = write_ultrasound(tmp_path / "loop.dcm", loop, [region(box=WHOLE)], kind)
    frame = read_ultrasound(path, frame=2)
    assert frame.frames == 3
    assert np.abs(frame.gray.astype(int) - a_picture // 4).max() <= 1


def test_pixel_size_comes_from_the_region_in_centimeters(tmp_path, a_picture):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [region((0.031, 0.04), WHOLE)]))
    assert frame.pixel_mm == pytest.approx((0.31, 0.4))
    assert frame.spacing_source == "ultrasound region of the file (DICOM)"


def test_a_negative_delta_counts_as_its_size(tmp_path, a_picture):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [region((-0.03, 0.03), WHOLE)]))
    assert frame.pixel_mm == pytest.approx((0.3, 0.3))


def test_only_the_region_that_holds_the_picture_is_kept(tmp_path, a_picture):
    spectrum = region((0.1, 0.01), (52, 59, 0, 79), (HZ, SECONDS), SPECTRUM)
    small = region((0.02, 0.02), (0, 9, 0, 79))
    large = region((0.05, 0.05), (10, 49, 0, 79))
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture + 9, [spectrum, small, large]))
    assert frame.pixel_mm == pytest.approx((0.5, 0.5))
    assert not frame.gray[:10].any() and not frame.gray[50:].any() and frame.gray[10:50].all()
    assert "2 calibrated regions" in frame.warnings[0]


def test_tissue_comes_before_a_color_box(tmp_path, a_picture):
    color = region((0.02, 0.02), WHOLE, data=2)
    tissue = region((0.05, 0.05), (10, 30, 10, 40))
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [color, tissue]))
    assert frame.pixel_mm is None  # both lie at the same place and contradict each other
    assert "contradicts itself" in frame.warnings[0]
    agreeing = region((0.05, 0.05), WHOLE, data=2)
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [agreeing, tissue]))
    assert frame.pixel_mm == pytest.approx((0.5, 0.5))
    assert frame.gray[20, 60] == 0 and frame.gray[20, 30] > 0


def test_a_file_without_a_size_gets_none(tmp_path, a_picture):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture))
    assert frame.pixel_mm is None and frame.spacing_source == ""


def test_one_by_one_is_not_believed(tmp_path, a_picture):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, PixelSpacing=[1, 1]))
    assert frame.pixel_mm is None
    assert "exactly 1×1 mm" in frame.warnings[0]


def test_pixel_spacing_is_used_where_there_is_no_region(tmp_path, a_picture):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, PixelSpacing=[0.25, 0.3]))
    assert frame.pixel_mm == pytest.approx((0.25, 0.3))
    assert "pixel spacing" in frame.spacing_source


def test_two_different_sizes_are_told(tmp_path, a_picture):
    path = write_ultrasound(tmp_path / "us.dcm", a_picture, [region((0.05, 0.05), WHOLE)], PixelSpacing=[0.25, 0.25])
    frame = read_ultrasound(path)
    assert frame.pixel_mm == pytest.approx((0.5, 0.5))
    assert "two pixel sizes: 0.5×0.5 mm" in frame.warnings[0]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (region((0.1, 0.1), WHOLE, (HZ, SECONDS)), "in Hz and seconds, not in centimeters"),
        (region((0.1, 0.1), WHOLE, (0, 0)), "no unit of length"),
        (region((0.0, 0.1), WHOLE), "0×1 mm, which cannot be right"),
        (region(None, WHOLE), "0×0 mm, which cannot be right"),
    ],
)
def test_a_region_without_a_usable_size_gives_none_and_says_why(tmp_path, a_picture, item, words):
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", a_picture, [item]))
    assert frame.pixel_mm is None
    assert words in frame.warnings[0]


def test_color_in_the_picture_is_told(tmp_path, a_picture):
    color = np.stack([a_picture] * 3, -1)
    color[20:30, 20:40] = (220, 30, 10)
    sitk.WriteImage(sitk.GetImageFromArray(color, isVector=True), str(tmp_path / "us.png"))
    assert "in color" in read_ultrasound(tmp_path / "us.png").warnings[0]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_picture_files_have_no_size(tmp_path, a_picture, suffix):
    image = sitk.GetImageFromArray(a_picture)
    image.SetSpacing((0.3, 0.3))  # PNG keeps it, for printers
    sitk.WriteImage(image, str(tmp_path / f"us.{suffix}"))
    frame = read_ultrasound(tmp_path / f"us.{suffix}")
    assert frame.pixel_mm is None
    assert np.abs(frame.gray.astype(int) - a_picture).mean() < 3


def test_a_volume_of_one_slice_brings_its_spacing(tmp_path, a_picture):
    write_volume(tmp_path / "us.nrrd", Image.from_spacing(a_picture[None], (0.4, 0.3, 1.0)))
    assert read_ultrasound(tmp_path / "us.nrrd").pixel_mm == pytest.approx((0.3, 0.4))
    write_volume(tmp_path / "one.nrrd", Image.from_spacing(a_picture[None], (1, 1, 1)))
    frame = read_ultrasound(tmp_path / "one.nrrd")
    assert frame.pixel_mm is None and "exactly 1×1 mm" in frame.warnings[0]


def test_sixteen_bits_become_eight(tmp_path, a_picture):
    deep = (a_picture.astype(np.uint16) << 4) | (a_picture >> 4)
    elements = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    frame = read_ultrasound(write_ultrasound(tmp_path / "us.dcm", deep, [region(box=WHOLE)], **elements))
    assert np.abs(frame.gray.astype(int) - a_picture).max() <= 1


def _refused(path, frame=0) -> str:
    with pytest.raises(InputError) as caught:
        read_ultrasound(path, frame)
    return str(caught.value)


def test_what_is_no_ultrasound_picture_is_refused_in_a_sentence(tmp_path, a_picture):
    assert "not ultrasound (DICOM modality CT)" in _refused(write_ultrasound(tmp_path / "ct.dcm", a_picture, Modality="CT"))
    assert "holds no picture" in _refused(write_ultrasound(tmp_path / "report.dcm", a_picture, PixelData=None))
    spectrum = region((0.1, 0.1), WHOLE, (HZ, SECONDS), SPECTRUM)
    assert "shows a Doppler spectrum only" in _refused(write_ultrasound(tmp_path / "pw.dcm", a_picture, [spectrum]))
    assert "has 1 frame, numbered from 0; there is no frame 3" in _refused(write_ultrasound(tmp_path / "one.dcm", a_picture), 3)
    assert "not found" in _refused(tmp_path / "missing.dcm")
    (tmp_path / "empty.png").write_bytes(b"")
    assert "is empty (0 bytes)" in _refused(tmp_path / "empty.png")
    (tmp_path / "text.dcm").write_text("no picture at all")
    assert "not a DICOM image" in _refused(tmp_path / "text.dcm")


def test_a_file_cut_short_is_refused_in_a_sentence(tmp_path, a_picture):
    whole = write_ultrasound(tmp_path / "us.dcm", np.stack([a_picture] * 4), [region(box=WHOLE)]).read_bytes()
    for share in (0.97, 0.6, 0.3):
        (tmp_path / "cut.dcm").write_bytes(whole[: int(len(whole) * share)])
        assert "cut short" in _refused(tmp_path / "cut.dcm", 3)


def test_packing_that_cannot_be_read_is_named(tmp_path, a_picture):
    from pydicom import dcmread
    from pydicom.encaps import encapsulate
    from pydicom.uid import MPEG4HP41

    path = write_ultrasound(tmp_path / "us.dcm", a_picture)
    header = dcmread(path)
    header.file_meta.TransferSyntaxUID = MPEG4HP41
    header.PixelData = encapsulate([b"\0" * 64])
    header["PixelData"].is_undefined_length = True
    header.save_as(path)
    assert "packed as MPEG-4" in _refused(path)


def test_run_length_packing_is_read(tmp_path, a_picture):
    from pydicom import dcmread
    from pydicom.uid import RLELossless

    path = write_ultrasound(tmp_path / "us.dcm", a_picture, [region(box=WHOLE)])
    header = dcmread(path)
    header.compress(RLELossless)
    header.save_as(path)
    assert np.array_equal(read_ultrasound(path).gray, a_picture)
