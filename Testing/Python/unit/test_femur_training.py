"""Training of FemurQCT: settings, samples, loss, folds."""

from __future__ import annotations

import json

import femur_patients
import numpy as np
import pytest
import torch

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from FemurQCTLib.anatomy.pelvis import procedural_context
from FemurQCTLib.networks import CROP, architecture, build
from FemurQCTLib.training.__main__ import main
from FemurQCTLib.training.export import export
from FemurQCTLib.training.folds import parts_of
from FemurQCTLib.training.loss import dice_of_shares
from FemurQCTLib.training.pack import UNIT_MM, Shape, load_pack, save_pack
from FemurQCTLib.training.run import TrainingConfig, train
from FemurQCTLib.training.samples import FINDER_SHAPE, Anatomy, finder_sample, vnet_sample


@pytest.fixture(scope="module")
def shapes():
    """Two femora of the small model, one of them in a fold that is held out."""
    femur = femur_patients.person().femora[0]
    tenths = femur.distance.with_voxels(np.clip(np.rint(femur.distance.voxels / UNIT_MM), -127, 127).astype(np.int8))
    return [Shape(f"draw_{fold}", fold, sex, tenths, femur.landmarks) for fold, sex in ((0, "female"), (4, "male"))]


@pytest.fixture(scope="module")
def a_pack(shapes, tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "femur.npz"
    save_pack(path, shapes, [procedural_context(1)])
    return path


def test_a_pack_gives_back_what_went_in_and_keeps_folds_apart(a_pack, shapes):
    kept, contexts = load_pack(a_pack, (0, 1, 2))
    assert [shape.name for shape in kept] == ["draw_0"]
    np.testing.assert_array_equal(kept[0].distance.voxels, shapes[0].distance.voxels)
    np.testing.assert_allclose(kept[0].landmarks.lesser, shapes[0].landmarks.lesser)
    assert contexts[0].name == "procedural 1" and contexts[0].heads["left"][0] < 0


def test_samples_have_the_shape_of_the_crop_and_shares_of_one(a_pack):
    shapes, contexts = load_pack(a_pack)
    image, target, covered = vnet_sample(Anatomy(shapes, contexts), np.random.default_rng(2))
    assert image.shape == (1, *CROP) and target.shape == (3, *CROP) and covered.shape == CROP
    assert float(target[1].float().sum()) * 1.6**3 / 1000 > 60  # mL of proximal femur
    total = target.float().sum(0)[covered]
    assert float(total.min()) > 0.99 and float(total.max()) < 1.01
    image, target, _ = finder_sample(Anatomy(shapes, contexts), np.random.default_rng(3))
    assert image.shape == (1, *FINDER_SHAPE) and target.shape == (3, *FINDER_SHAPE)


def test_the_same_seed_gives_the_same_sample(a_pack):
    anatomy = Anatomy(*load_pack(a_pack))
    one, other = (vnet_sample(anatomy, np.random.default_rng(5))[0] for _ in range(2))
    assert torch.equal(one, other)


def test_the_loss_is_that_of_the_paper_where_all_is_certain():
    truth = torch.zeros(1, 3, 4, 4, 4)
    truth[:, 1, :2], truth[:, 0, 2:] = 1, 1
    sure = torch.where(truth > 0, 20.0, -20.0)
    everywhere = torch.ones(1, 4, 4, 4, dtype=torch.bool)
    assert float(dice_of_shares(sure, truth, everywhere)) == pytest.approx(0, abs=1e-3)
    assert float(dice_of_shares(-sure, truth, everywhere)) > 1
    nowhere = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    assert float(dice_of_shares(sure, truth, nowhere)) == pytest.approx(1)  # nothing counts: no term but the constant


def test_half_a_voxel_is_best_answered_with_a_half():
    truth = torch.full((1, 2, 2, 2, 2), 0.5)
    everywhere = torch.ones(1, 2, 2, 2, dtype=torch.bool)
    half, sure = torch.zeros(1, 2, 2, 2, 2), torch.stack([torch.full((1, 2, 2, 2), -5.0), torch.full((1, 2, 2, 2), 5.0)], 1)
    assert dice_of_shares(half, truth, everywhere) < dice_of_shares(sure, truth, everywhere)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"network": "vnet"}, "must say which pack"),
        ({"network": "unet", "pack": "x"}, "network must be finder or vnet"),
        ({"network": "vnet", "pack": "x", "epochs": 3}, "no setting 'epochs'"),
        ({"network": "vnet", "pack": "x", "batch": 0}, "batch must be a whole number from 1"),
    ],
)
def test_wrong_settings_are_named(values, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainingConfig.from_dict(values)


def test_a_missing_pack_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match=r"python -m FemurQCTLib\.training pack"):
        train({"network": "vnet", "pack": str(tmp_path / "none.npz")}, tmp_path / "out")


def test_a_slice_of_training_leaves_a_checkpoint_that_ships(a_pack, tmp_path):
    state = train({"network": "finder", "pack": str(a_pack), "total_minutes": 1}, tmp_path / "finder", minutes=0.01)
    assert state["step"] >= 1 and (tmp_path / "finder" / "checkpoint.pt").exists()
    with pytest.raises(InputError, match="Add --resume"):
        train({"network": "finder", "pack": str(a_pack)}, tmp_path / "finder", resume=False)
    with pytest.raises(InputError, match="is a finder, not a vnet"):
        train({"network": "vnet", "pack": str(a_pack)}, tmp_path / "finder")
    network = build(architecture("vnet"))
    torch.save({"average": network.state_dict(), "state": {"step": 1, "seconds": 1.0}}, tmp_path / "vnet.pt")
    checkpoints = {"finder": tmp_path / "finder" / "checkpoint.pt", "vnet": tmp_path / "vnet.pt"}
    sizes = export(checkpoints, tmp_path / "bundle", tmp_path / "manifest.json", "0.0.1")
    assert sizes["vnet"]["bytes"] < 10e6
    inference = json.loads((tmp_path / "bundle" / "configs" / "inference.json").read_text())
    assert inference["networks"]["vnet"]["kind"] == "vnet"


def test_the_vnet_gives_three_classes_on_the_grid_that_it_got():
    network = build(architecture("vnet")).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 16, 24, 32)).shape == (1, 3, 16, 24, 32)


class TestFolds:
    def some(self, count=24):
        image = Image(np.zeros((2, 2, 2), np.int8), np.eye(4))
        return [Shape(f"draw_{n}", 0, ("female", "male")[n // 5 % 2], image, None) for n in range(count)]

    def test_every_subject_is_left_out_once(self):
        parts = parts_of(self.some(), 10, "all")
        assert sorted(name for part in parts for name in part) == sorted(shape.name for shape in self.some())
        assert {len(part) for part in parts} == {2, 3}

    def test_a_cohort_has_one_sex(self):
        women = {shape.name for shape in self.some() if shape.sex == "female"}
        assert {name for part in parts_of(self.some(), 4, "women") for name in part} == women

    def test_impossible_divisions_are_named(self):
        with pytest.raises(InputError, match="no cohort “children”"):
            parts_of(self.some(), 4, "children")
        with pytest.raises(InputError, match="cannot be divided into 10 parts"):
            parts_of(self.some(5), 10, "men")


def test_commands_answer_with_a_sentence(tmp_path, capsys):
    assert main(["export", "--finder", str(tmp_path / "x"), "--vnet", "y", "--bundle", "b", "--manifest", "m", "--version", "1"]) == 2
    assert "There is no checkpoint" in capsys.readouterr().err
    assert main(["pack", "--femur", str(tmp_path), "--procedural", "0", "--out", str(tmp_path / "p.npz")]) == 2
    assert "need a pelvis" in capsys.readouterr().err
