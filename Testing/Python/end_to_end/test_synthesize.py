"""``deepvolumetry synthesize renal``: an image with known truth from a label map, ready to be evaluated."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def a_small_field_of_view(monkeypatch):
    from RenalParenchymaLib import synthesis

    monkeypatch.setattr(synthesis, "_EXTENT_MM", (72.0, 60.0, 192.0))


@pytest.fixture
def label_maps(tmp_path, monkeypatch):
    """kidneys.nrrd and, in a folder with its table, torso/labels.nrrd."""
    monkeypatch.chdir(tmp_path)
    k, j, i = np.indices((36, 30, 90))
    labels = np.zeros(k.shape, np.uint8)
    for center in (18, 72):
        labels[((i - center) / 11) ** 2 + ((j - 15) / 10) ** 2 + ((k - 18) / 15) ** 2 < 1] = 1
    labels[(i - 76) ** 2 + (j - 15) ** 2 + (k - 22) ** 2 < 16] = 2
    write_volume(tmp_path / "kidneys.nrrd", Image.from_spacing(labels, (2, 2, 2)))
    torso = np.zeros((50, 40, 60), np.uint8)
    torso[10:40, 15:25, 8:18], torso[10:40, 15:25, 42:52] = 5, 6
    torso[:, 6:14, 26:34] = 9
    (tmp_path / "torso").mkdir()
    write_volume(tmp_path / "torso" / "labels.nrrd", Image.from_spacing(torso, (4, 4, 4)))
    (tmp_path / "torso" / "labels.csv").write_text("value,name\n5,kidney_left\n6,kidney_right\n9,vertebrae_L2\n")
    return tmp_path


def synthesize(*more: str) -> int:
    return main(["synthesize", "renal", "--labels", "kidneys.nrrd", "--context", "torso/labels.nrrd", *more])


def test_image_truth_and_a_row_for_evaluate_are_written(label_maps, capsys):
    assert synthesize("--modality", "T2", "--seed", "3", "--out", "study") == 0
    image, truth = (read_image(label_maps / "study" / f"{name}.nrrd") for name in ("volume", "reference"))
    assert image.same_grid(truth)
    assert image.voxels.std() > 0
    assert {1, 2} <= set(np.unique(truth.voxels)) <= {0, 1, 2, 3, 4}
    labels = read_image(label_maps / "kidneys.nrrd")
    true_ml = np.isin(labels.voxels, (1, 2)).sum() * labels.voxel_ml
    assert np.isin(truth.voxels, (1, 2)).sum() * truth.voxel_ml == pytest.approx(true_ml, rel=0.03)
    (row,) = csv.DictReader((label_maps / "study" / "cases.csv").open())
    assert row["labels"] == "1=parenchyma;2=tumor;3=cyst;4=sinus"
    assert row["group"] == "synthesized T2"
    document = json.loads((label_maps / "study" / "synthesis.json").read_text(encoding="utf-8"))
    assert (document["modality"], document["seed"]) == ("T2", 3)


def test_the_same_seed_writes_the_same_image(label_maps):
    for out in ("one", "two"):
        assert synthesize("--seed", "5", "--out", out, "--quiet") == 0
    one, two = (read_image(label_maps / out / "volume.nrrd") for out in ("one", "two"))
    np.testing.assert_array_equal(one.voxels, two.voxels)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--modality", "PET"], "There is no modality “PET”. Choose one of CT, T2, T1, random."),
        (["--labels", "none.nrrd"], "none.nrrd"),
        (["--labels", "torso/labels.nrrd"], "has no kidney"),
        (["--context", "kidneys.nrrd"], "needs the names of its values"),
    ],
)
def test_what_cannot_be_used_is_explained(label_maps, capsys, more, words):
    assert synthesize("--out", "study", *more) == 2
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert not (label_maps / "study").exists()
