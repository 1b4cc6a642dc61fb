"""What bad input of gliomas gets: exit code, a sentence that helps, nothing half written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("torch")

import glioma_toys

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume

NETWORKS = ("unet", "unet_2", "unet_3")  # as the bundle that ships: one with fewer is refused


@pytest.fixture(scope="module")
def a_bundle(tmp_path_factory) -> Path:
    return glioma_toys.write_bundle(tmp_path_factory.mktemp("models") / "toy_glioma", networks=NETWORKS)


@pytest.fixture(scope="module")
def a_head() -> dict[str, Image]:
    return glioma_toys.head()


@pytest.fixture
def segment(a_bundle, tmp_path, monkeypatch, capsys):
    """Writes the images, segments them, and gives exit code and what was printed on stderr."""
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))

    def run(*arguments, **images) -> tuple[int, str]:
        words = []
        for name, image in images.items():
            path = image
            if isinstance(image, Image):
                path = tmp_path / f"{name}.nrrd"
                write_volume(path, image)
            words += ["--input", f"{name}={path}"]
        options = ("--out", tmp_path / "out", "--bundle", a_bundle, "--members", 1)
        code = main(["segment", "glioma", *words, *map(str, (*options, *arguments))])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def refused(segment, tmp_path):
    """Checks that it was refused with one sentence and left nothing behind, and gives the sentence."""

    def run(*arguments, **images) -> str:
        code, err = segment(*arguments, **images)
        assert code == 2, err
        assert "Traceback" not in err
        assert err.count("\n") == 1, err
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".out*")), "something half written is left"
        return err.strip()

    return run


def test_without_t1ce_and_flair_both_are_named(refused, a_head):
    sentence = "The input t1ce or flair is missing. Add --input t1ce=PATH or --input flair=PATH."
    assert refused(t1=a_head["t1"], t2=a_head["t2"]) == sentence


def test_a_file_that_does_not_say_which_sequence_it_is_asks_for_it(segment, a_head, tmp_path):
    write_volume(tmp_path / "series5.nrrd", a_head["flair"])
    code, err = segment("--input", tmp_path / "series5.nrrd")
    assert code == 2
    assert f"Say which input {tmp_path / 'series5.nrrd'} is: --input NAME={tmp_path / 'series5.nrrd'}, with NAME one of t1, t1ce" in err


def test_ct_is_refused(refused, tmp_path):
    assert "t1ce is CT (DICOM modality CT), but this needs MR" in refused(t1ce=series(tmp_path / "ct", modality="CT"))


def test_a_time_series_is_refused(refused, tmp_path):
    series = sitk.JoinSeries([sitk.GetImageFromArray(np.random.default_rng(0).random((8, 9, 10)))] * 3)
    sitk.WriteImage(series, str(tmp_path / "series.nii.gz"))
    assert "3 values per voxel" in refused(t1ce=tmp_path / "series.nii.gz")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_not_numbers_are_counted(refused, a_head, value):
    voxels = a_head["t2"].voxels.copy()
    voxels[10, 10, 5:8] = value
    sentence = refused(t1ce=a_head["t1ce"], t2=a_head["t2"].with_voxels(voxels))
    assert sentence.startswith("t2 has 3 voxels that are not numbers")


def test_one_slice_is_refused(refused, a_head):
    assert "single slice" in refused(flair=a_head["flair"].cropped((20, 0, 0), (21, 72, 64)))


def test_an_empty_image_is_refused(refused, a_head):
    sentence = refused(t1ce=a_head["t1ce"], t1=a_head["t1"].with_voxels(np.zeros((50, 72, 64), np.float32)))
    assert sentence == "t1 is empty: every voxel is 0. Choose another image."


def test_one_image_for_two_sequences_is_refused(refused, a_head):
    sentence = refused(t1=a_head["t1ce"], t1ce=a_head["t1ce"])
    assert sentence.startswith("T1 and T1ce are the same image. Choose the right one for each")


def test_images_of_two_places_are_refused(refused, a_head):
    away = replace(a_head["flair"], ijk_to_ras=a_head["flair"].ijk_to_ras + np.eye(4, k=3)[[2, 0, 1, 3]] * 500)
    assert "FLAIR does not lie where T1ce lies" in refused(t1ce=a_head["t1ce"], flair=away)


def test_two_patients_are_refused(refused, tmp_path):
    one, two = series(tmp_path / "one"), series(tmp_path / "two", patient="B", number=2)
    assert refused(t1ce=one, flair=two) == "FLAIR is of another patient than T1ce. Choose images of one patient."


def test_two_frames_of_reference_are_refused(refused, tmp_path):
    one, two = series(tmp_path / "one"), series(tmp_path / "two", frame="1.2.5", number=2)
    assert "another frame of reference" in refused(t1ce=one, flair=two)


def series(folder: Path, patient: str = "A", frame: str = "1.2.4", number: int = 1, modality: str = "MR") -> Path:
    """A DICOM folder with a few slices of a noisy block."""
    folder.mkdir()
    uid = f"1.2.826.0.1.3680043.8.498.{number}"
    kind = {"MR": "1.2.840.10008.5.1.4.1.1.4", "CT": "1.2.840.10008.5.1.4.1.1.2"}[modality]
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    voxels = np.random.default_rng(number).integers(0, 50, (6, 16, 16)).astype(np.int16)
    voxels[:, 4:12, 4:12] += 300
    for k, pixels in enumerate(voxels):
        image = sitk.GetImageFromArray(pixels[None])
        image.SetSpacing((8, 8, 10))
        for tag, value in {
            "0008|0016": kind, "0008|0018": f"{uid}.{k + 1}", "0008|0060": modality, "0010|0020": patient,
            "0020|000d": "1.2.3", "0020|000e": uid, "0020|0013": str(k + 1), "0020|0032": f"0\\0\\{10 * k}",
            "0020|0037": "1\\0\\0\\0\\1\\0", "0020|0052": frame,
        }.items():  # fmt: skip
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(image)
    return folder


def test_another_grid_is_resampled_and_told(segment, a_head, tmp_path):
    thick = glioma_toys.head(glioma_toys.grid_over((2.0, 2.0, 4.0), (64, 72, 25)), sequences=("flair",))["flair"]
    code, err = segment(t1ce=a_head["t1ce"], flair=thick)
    assert code == 0, err
    assert "FLAIR (2×2×4 mm) was put on the grid of T1ce (2×2×2 mm)" in err


def test_sheared_and_left_handed_images_are_measured(segment, tmp_path):
    grid = glioma_toys.grid_over()
    matrix = grid.ijk_to_ras.copy()
    matrix[:, 0] *= -1
    matrix[0, 3] *= -1
    matrix[0, 2] += 0.2
    matrix[0, 3] -= 0.1 * grid.size[2]
    images = glioma_toys.head(replace(grid, ijk_to_ras=matrix))
    code, err = segment(**images)
    assert code == 0, err
    assert (tmp_path / "out" / "report.json").exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--scheme", "brats1999", "Scheme “brats1999” is not known; choose brats2021,"),
        ("--method", "magic", "Method “magic” is not known; choose spu,"),
        ("--members", "40", "Members 40 is out of range; give 1 to 25."),
        ("--prior", "gone.json", "gone.json"),
        ("--age", "50", "GliomaUncertainty has no parameter “age”"),
    ],
)
def test_options_that_are_wrong_are_explained(refused, a_head, option, value, words):
    assert words in refused(option, value, t1ce=a_head["t1ce"])
