"""What bad input gets: exit code, a sentence that helps, nothing half written. One test per row of the design's list."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume


@pytest.fixture
def refused(deepvolumetry, tmp_path):
    """Segments a file, checks that it was refused with one sentence and left nothing behind, and gives the sentence."""

    def run(path, *words: str, code: int = 2) -> str:
        answer = deepvolumetry("segment", "renal", "--input", path, "--out", tmp_path / "out")
        assert answer.code == code, answer.err
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert answer.err.count("\n") == 1, answer.err
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".out*")), "something half written is left"
        for word in words:
            assert word in answer.sentence
        return answer.sentence

    return run


def file_with(path: Path, voxels, like: Image) -> Path:
    """A volume with other voxels on the grid of another one."""
    write_volume(path, like.with_voxels(np.asarray(voxels)))
    return path


def nrrd(path, sizes="4 4 4", space="left-posterior-superior", directions="(1,0,0) (0,1,0) (0,0,1)", data=b"\0\1" * 64, extra=""):
    """An NRRD written by hand, for headers that no program should write."""
    header = f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: {sizes}\nspace directions: {directions}\nspace origin: (0,0,0)\n"
    path.write_bytes((header + extra + "kinds: domain domain domain\nendian: little\nencoding: raw\n\n").encode() + data)
    return path


def dicom_series(folder, modality="CT", uid="1.2.826.0.1.3680043.8.498.1", slices=6):
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    kinds = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4", "PT": "1.2.840.10008.5.1.4.1.1.128"}
    for number in range(slices):
        pixels = np.full((1, 16, 16), 30, np.int16)
        pixels[0, 4:12, 4:12] = 170
        image = sitk.GetImageFromArray(pixels)
        image.SetSpacing((4, 4, 5))
        image.SetOrigin((0, 0, 5 * number))
        for tag, value in {
            "0008|0016": kinds[modality], "0008|0018": f"{uid}.{number + 1}", "0008|0060": modality, "0020|000d": "1.2.3", "0020|000e": uid,
            "0020|0013": str(number + 1), "0020|0032": f"0\\0\\{5 * number}", "0020|0037": "1\\0\\0\\0\\1\\0", "0020|0052": "1.2.4",
        }.items():  # fmt: skip
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid[-1]}_{number}.dcm"))
        writer.Execute(image)
    return folder


def test_a_missing_file_is_named(refused, tmp_path):
    refused(tmp_path / "gone.nrrd", "gone.nrrd", "not found", "Check the path")


def test_a_missing_input_option_is_asked_for(deepvolumetry, tmp_path):
    answer = deepvolumetry("segment", "renal", "--out", tmp_path / "out")
    assert answer.code == 2
    assert "--input" in answer.sentence


def test_an_unknown_input_name_lists_the_names(refused, a_kidney_file):
    refused(f"t1={a_kidney_file}", "t1", "volume")


def test_the_same_input_twice_is_refused(deepvolumetry, a_kidney_file, tmp_path):
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-i", a_kidney_file, "-o", tmp_path / "out")
    assert (answer.code, answer.sentence) == (2, "The input volume was given twice. Give it once.")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_numbers_are_counted(refused, a_kidney_phantom, tmp_path, value):
    voxels = a_kidney_phantom.voxels.astype(np.float32)
    voxels[3, 4, 5:7] = value
    refused(file_with(tmp_path / "nan.nrrd", voxels, a_kidney_phantom), "2 voxels", "not numbers")


def test_a_time_series_is_refused_for_its_many_values(refused, a_kidney_phantom, tmp_path):
    series = sitk.JoinSeries([sitk.GetImageFromArray(a_kidney_phantom.voxels)] * 3)
    sitk.WriteImage(series, str(tmp_path / "series.nii.gz"))
    refused(tmp_path / "series.nii.gz", "3 values per voxel", "one value per voxel")


@pytest.mark.parametrize("components", [2, 3])
def test_rgb_and_vector_images_are_refused(refused, tmp_path, components):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, components), np.uint8), isVector=True), str(tmp_path / "rgb.nrrd"))
    refused(tmp_path / "rgb.nrrd", f"{components} values per voxel")


def test_a_picture_is_not_a_volume(refused, tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((20, 30), np.uint8)), str(tmp_path / "scan.png"))
    refused(tmp_path / "scan.png", "slice")


def test_a_single_slice_is_refused(refused, a_kidney_phantom, tmp_path):
    grid = a_kidney_phantom.cropped((10, 0, 0), (11, 40, 60))
    refused(file_with(tmp_path / "slice.nrrd", grid.voxels, grid), "single slice", "60×40×1")


def test_a_single_voxel_is_refused(refused, tmp_path):
    write_volume(tmp_path / "voxel.nrrd", Image.from_spacing(np.ones((1, 1, 1), np.int16), 1.0))
    refused(tmp_path / "voxel.nrrd", "single voxel")


def test_an_image_of_no_size_is_refused(refused, tmp_path):
    refused(nrrd(tmp_path / "none.nrrd", sizes="4 4 0", data=b""))


def test_an_image_of_one_value_is_refused(refused, a_kidney_phantom, tmp_path):
    refused(file_with(tmp_path / "flat.nrrd", np.zeros(a_kidney_phantom.shape, np.int16), a_kidney_phantom), "empty", "every voxel is 0")


def test_zero_spacing_is_refused(refused, tmp_path):
    refused(nrrd(tmp_path / "zero.nrrd", directions="(1,0,0) (0,1,0) (0,0,0)"))


def test_absurd_spacing_is_refused(refused, a_kidney_phantom, tmp_path):
    huge = Image(a_kidney_phantom.voxels, np.diag([4.0, 4.0, 900.0, 1.0]))
    refused(file_with(tmp_path / "huge.nrrd", huge.voxels, huge), "4×4×900 mm", "cannot be right")


def test_negative_spacing_is_a_direction_and_is_measured(deepvolumetry, a_kidney_phantom, tmp_path):
    mirrored = a_kidney_phantom.ijk_to_ras.copy()
    mirrored[:, 0] *= -1
    mirrored[0, 3] *= -1
    write_volume(tmp_path / "negative.nrrd", Image(a_kidney_phantom.voxels, mirrored))
    answer = deepvolumetry("segment", "renal", "-i", tmp_path / "negative.nrrd", "-o", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    volumes = {m["segment"]: m["value"] for m in answer.json["measurements"] if m["name"] == "Volume"}
    assert volumes["left_kidney"] == pytest.approx(108, rel=0.06)


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".nii", ".mha", ".dcm"])
def test_an_empty_file_is_refused(refused, tmp_path, suffix):
    (tmp_path / f"empty{suffix}").touch()
    refused(tmp_path / f"empty{suffix}", "empty")


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".nii", ".mha"])
def test_a_truncated_file_is_refused(refused, a_kidney_phantom, tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(a_kidney_phantom.voxels), str(whole))
    content = whole.read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(content[: len(content) // 2])
    refused(tmp_path / f"cut{suffix}", f"cut{suffix}")


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha", ".dcm", ".txt"])
def test_a_file_that_is_no_image_is_refused(refused, tmp_path, suffix):
    (tmp_path / f"noise{suffix}").write_bytes(np.random.default_rng(0).bytes(5000))
    refused(tmp_path / f"noise{suffix}", f"noise{suffix}")


def test_a_folder_without_images_is_refused(refused, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("nothing")
    refused(tmp_path / "folder")


def test_a_dicom_folder_is_read_with_modality_and_uid(deepvolumetry, tmp_path):
    folder = dicom_series(tmp_path / "ct")
    answer = deepvolumetry("segment", "renal", "-i", folder, "-o", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["inputs"][0]["uid"] == "1.2.826.0.1.3680043.8.498.1"
    assert answer.json["inputs"][0]["spacing_mm"] == [4, 4, 5]


def test_another_modality_is_refused_by_name(refused, tmp_path):
    refused(dicom_series(tmp_path / "pet", modality="PT"), "PET", "CT or MR")


def test_two_series_in_one_folder_are_refused(refused, tmp_path):
    folder = dicom_series(tmp_path / "both")
    dicom_series(folder, uid="1.2.826.0.1.3680043.8.498.2")
    refused(folder, "2")


def test_an_unknown_module_lists_the_modules(deepvolumetry, a_kidney_file, tmp_path):
    answer = deepvolumetry("segment", "liver", "-i", a_kidney_file, "-o", tmp_path / "out")
    assert (answer.code, answer.sentence) == (2, "There is no module “liver”. Choose one of: renal, glioma, spleen, femur.")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--members", "0", "Members 0 is out of range"),
        ("--age", "200", "Age 200 years is out of range"),
        ("--creatinine", "88", "µmol/L must be divided by 88.4"),
        ("--sex", "other", "Sex “other” is not known"),
        ("--members", "many", "valid integer"),
    ],
)
def test_parameters_out_of_range_say_the_range(deepvolumetry, a_kidney_file, tmp_path, option, value, words):
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", option, value)
    assert answer.code == 2
    assert words in answer.sentence
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused_and_left_alone(deepvolumetry, a_kidney_file, tmp_path):
    (tmp_path / "notes").write_text("mine")
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "notes")
    assert answer.code == 2
    assert "is a file" in answer.sentence
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "mine"


def test_a_full_disk_is_noticed_before_writing(deepvolumetry, a_kidney_file, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    assert answer.code == 4
    assert "Not enough disk space" in answer.sentence
    assert not (tmp_path / "out").exists()


def test_too_little_memory_is_noticed_before_the_run(deepvolumetry, a_kidney_file, tmp_path, monkeypatch):
    from DeepVolumetryLib.engine import memory

    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    assert answer.code == 4
    assert "memory" in answer.sentence
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_nothing_behind(deepvolumetry, a_kidney_file, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_CANCELS", "1")
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    assert (answer.code, answer.sentence) == (130, "Cancelled. Nothing was changed.")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for single processes")
def test_ctrl_c_ends_a_run_in_the_middle_of_the_work(deepvolumetry_process, a_kidney_file, tmp_path):
    started = tmp_path / "started"
    command = ("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    answer = deepvolumetry_process(*command, interrupt_when=started, TOY_SLEEPS=str(started))
    assert (answer.code, answer.sentence) == (130, "Cancelled. Nothing was changed.")
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


def test_a_defect_shows_a_traceback_only_with_debug(deepvolumetry_process, a_kidney_file, tmp_path):
    command = ("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    plain = deepvolumetry_process(*command, TOY_BREAKS="1")
    debug = deepvolumetry_process(*command, "--debug", TOY_BREAKS="1")
    assert plain.code == debug.code == 1
    assert "a defect" in plain.sentence
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err


def test_a_scene_without_slicer_core_says_what_to_install(deepvolumetry, a_kidney_file, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", "--scene")
    assert answer.code == 2
    assert "pip install" in answer.sentence


def test_no_patient_name_reaches_the_files(deepvolumetry, tmp_path):
    folder = dicom_series(tmp_path / "ct")
    for file in folder.iterdir():
        image = sitk.ReadImage(str(file))
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(file))
        reader.LoadPrivateTagsOff()
        reader.ReadImageInformation()
        for key in reader.GetMetaDataKeys():
            image.SetMetaData(key, reader.GetMetaData(key))
        image.SetMetaData("0010|0010", "SECRET^NAME")
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(file))
        writer.Execute(image)
    answer = deepvolumetry("segment", "renal", "-i", folder, "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    for path in (tmp_path / "out").rglob("*"):
        assert b"SECRET" not in path.read_bytes()
    assert "SECRET" not in answer.err
