"""Studies with known truth: right volumes, same seed same study, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from RenalParenchymaLib import synthesis
from RenalParenchymaLib.synthesis import read_names, synthesize_study
from RenalParenchymaLib.training.structures import STRUCTURES

NAMES = {3: "spleen", 5: "kidney_left", 6: "kidney_right", 9: "vertebrae_L1", 70: "liver"}  # a numbering of its own


@pytest.fixture(autouse=True)
def a_small_field_of_view(monkeypatch):
    monkeypatch.setattr(synthesis, "_EXTENT_MM", (96.0, 84.0, 204.0))


def kidneys(spacing=(1.25, 1.25, 1.25)) -> Image:
    """Two ellipsoids; a tumor on the left and a cyst on the right. L and P first, as CT files are."""
    size = [round(length / step) for length, step in zip((200, 70, 80), spacing, strict=True)]
    image = Image.from_spacing(np.zeros(size[::-1], np.uint8), spacing, (100, 35, -40), np.diag([-1.0, -1.0, 1.0]))
    k, j, i = np.indices(image.shape)
    r, a, s = (row[0] * i + row[1] * j + row[2] * k + row[3] for row in image.ijk_to_ras[:3])
    for side, value, at in ((-1, 2, 12), (1, 3, -14)):
        image.voxels[((r - 60 * side) / 22) ** 2 + (a / 20) ** 2 + (s / 32) ** 2 < 1] = 1
        image.voxels[(r - 60 * side - 16) ** 2 + a**2 + (s - at) ** 2 < 10**2] = value
    return image


def torso() -> Image:
    """A trunk with spine, liver, spleen and two kidneys, 3 mm."""
    image = Image.from_spacing(np.zeros((60, 60, 90), np.uint8), (3, 3, 3), (-133.5, -88.5, -88.5))
    k, j, i = np.indices(image.shape)
    r, a, s = 3 * i - 133.5, 3 * j - 88.5, 3 * k - 88.5
    image.voxels[np.hypot(r / 100, a / 65) < 1] = 120  # has no name
    image.voxels[np.hypot(r, a + 35) < 18] = 9
    for value, (x, y, z), radius in ((70, (65, 30, 50), 40), (3, (-75, 10, 50), 25), (5, (-60, 0, 0), 28), (6, (60, 0, 0), 28)):
        image.voxels[(r - x) ** 2 + (a - y) ** 2 + (s - z) ** 2 < radius**2] = value
    return image


def study(modality="CT", seed=0, labels=None, **more):
    return synthesize_study(kidneys() if labels is None else labels, modality, seed, **{"context": torso(), "names": NAMES, **more})


def milliliters(labels: Image) -> dict[int, float]:
    return {value: float((labels.voxels == value).sum() * labels.voxel_ml) for value in (1, 2, 3)}


def test_the_truth_has_the_volumes_of_the_label_map():
    labels = kidneys()
    for seed in (0, 1):  # slices of 3 and of 1.5 mm
        _, truth = study(labels=labels, seed=seed)
        assert milliliters(truth) == pytest.approx(milliliters(labels), rel=0.03)


def test_a_label_map_with_thick_slices_is_taken_too():
    labels = kidneys((0.9, 0.9, 2.5))
    _, truth = study(labels=labels)
    assert sum(milliliters(truth).values()) == pytest.approx(sum(milliliters(labels).values()), rel=0.03)
    assert milliliters(truth) == pytest.approx(milliliters(labels), rel=0.12)


def test_kidneys_keep_their_sides():
    _, truth = study()
    r = truth.ijk_to_ras[0, 0] * np.argwhere(truth.voxels == 2)[:, 2] + truth.ijk_to_ras[0, 3]
    assert r.max() < 0  # the tumor was in the left kidney


def test_the_same_seed_gives_the_same_study_and_another_one_another():
    (one, truth), (same, same_truth), (other, _) = study(seed=4), study(seed=4), study(seed=5)
    assert one.voxels.tobytes() == same.voxels.tobytes()
    assert truth.voxels.tobytes() == same_truth.voxels.tobytes()
    assert one.shape != other.shape or (one.voxels != other.voxels).any()


@pytest.mark.parametrize("modality", synthesis.MODALITIES)
def test_image_and_truth_share_a_grid_and_the_modality_is_named(modality):
    image, truth = study(modality)
    assert image.same_grid(truth)
    assert image.modality == ("CT" if modality == "CT" else "MR")
    assert image.voxels.dtype == np.int16
    assert set(np.unique(truth.voxels)) <= {0, 1, 2, 3, 4}


def test_a_ct_has_hounsfield_units():
    image, truth = study()
    assert image.voxels.min() < -90  # fat
    assert 0 < np.median(image.voxels[truth.voxels == 1]) < 330
    assert -60 < np.median(image.voxels[truth.voxels == 3]) < 60  # a cyst holds water


def test_the_numbering_of_the_torso_does_not_matter():
    renamed = {name: value for value, name in STRUCTURES.items()}
    table = np.zeros(256, np.uint8)
    table[120] = 255
    for value, name in NAMES.items():
        table[value] = renamed[name]
    usual = torso().with_voxels(table[torso().voxels])
    one, _ = study()
    other, _ = study(context=usual, names=STRUCTURES)
    np.testing.assert_array_equal(one.voxels, other.voxels)


def test_an_unknown_modality_lists_the_known_ones():
    with pytest.raises(InputError, match="'PET' is not known; choose one of CT, T2, T1, random"):
        study("PET")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": Image(np.zeros((8, 8, 8), np.uint8), np.eye(4))}, "has no kidney"),
        ({"labels": Image(np.ones((8, 60, 60), np.uint8), np.eye(4))}, "could not be told apart"),
        ({"names": None}, "needs the names of its values"),
        ({"names": {5: "kidney_left"}}, "lack kidney_left and kidney_right"),
        ({"names": {50: "kidney_left", 60: "kidney_right"}}, "shows fewer than two kidneys"),
        ({"context": Image(np.full((8, 8, 8), -1, np.int16), np.eye(4))}, "values of structures must be 0 to 65535"),
    ],
)
def test_what_cannot_be_used_is_explained(change, words):
    with pytest.raises(InputError, match=words):
        study(**change)


def test_names_are_read_from_a_table(tmp_path):
    (tmp_path / "labels.csv").write_text("value,name\n42,kidney_left \n43,kidney_right\n")
    assert read_names(tmp_path / "labels.csv") == {42: "kidney_left", 43: "kidney_right"}
