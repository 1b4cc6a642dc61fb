"""Training data and settings of the renal networks, and what comes out: packs, samples, bundles."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError, ModelError
from RenalParenchymaLib.labels import KIDNEY, LIVER, LOCALIZER_CLASSES, REFINER_CLASSES, SINUS, SPINE
from RenalParenchymaLib.networks import architecture, build
from RenalParenchymaLib.training.__main__ import main
from RenalParenchymaLib.training.compose import Anatomy
from RenalParenchymaLib.training.export import export
from RenalParenchymaLib.training.pack import add_sinus, kidneys_of, load_pack, make_torso, save_pack, split_kidneys
from RenalParenchymaLib.training.run import TrainingConfig, train
from RenalParenchymaLib.training.samples import SampleSettings, draw_sample
from RenalParenchymaLib.training.structures import STRUCTURES, renumbered

SETTINGS = {"network": "refiner", "pack": "pack.npz"}
TORSO_NAMES = {42: "kidney_left", 43: "kidney_right", 44: "liver", 101: "vertebrae_L2"}


def two_kidneys() -> np.ndarray:
    """Ellipsoids in R, A, S order with a tumor on the right."""
    k, j, i = np.indices((36, 30, 90))
    labels = np.zeros(k.shape, np.uint8)
    for center in (18, 72):
        labels[((i - center) / 11) ** 2 + ((j - 15) / 10) ** 2 + ((k - 18) / 15) ** 2 < 1] = 1
    labels[(i - 78) ** 2 + (j - 15) ** 2 + (k - 22) ** 2 < 25] = 2
    return labels


def a_torso_map() -> np.ndarray:
    labels = np.zeros((50, 40, 60), np.uint8)
    labels[10:40, 15:25, 8:18], labels[10:40, 15:25, 42:52] = 42, 43
    labels[25:45, 20:35, 35:55][labels[25:45, 20:35, 35:55] == 0] = 44
    labels[:, 6:14, 26:34] = 101
    return labels


def write_nifti(path, labels: np.ndarray, spacing: float) -> None:
    """A file along R, A, S."""
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((spacing,) * 3)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def some_kidneys():
    return [kidney for fold in (0, 4) for kidney in kidneys_of(f"case_{fold}", fold, two_kidneys(), 2.0)]


@pytest.fixture(scope="module")
def a_torso():
    return make_torso("a torso", a_torso_map(), 4.0, TORSO_NAMES)


@pytest.fixture
def a_pack(tmp_path, some_kidneys, a_torso):
    path = tmp_path / "packs" / "pack.npz"
    save_pack(path, some_kidneys, [a_torso])
    return path


@pytest.fixture
def training_data(tmp_path):
    """Folder with label maps as they are downloaded."""
    (tmp_path / "kidneys").mkdir()
    for number in range(2):
        write_nifti(tmp_path / "kidneys" / f"case_{number}.nii.gz", two_kidneys(), 2.0)
    (tmp_path / "kidneys" / "cases.csv").write_text("case,sex,fold\ncase_0,male,0\ncase_1,female,4\n")
    (tmp_path / "torso").mkdir()
    write_nifti(tmp_path / "torso" / "labels.nii.gz", a_torso_map(), 4.0)
    (tmp_path / "labels.csv").write_text("value,name\n" + "".join(f"{value},{name}\n" for value, name in TORSO_NAMES.items()))
    return tmp_path


def test_kidneys_are_told_apart_by_side():
    sides = split_kidneys(two_kidneys())
    assert set(sides) == {"left", "right"}
    assert not sides["left"][:, :, 45:].any()
    assert not sides["right"][:, :, :45].any()


def test_a_horseshoe_kidney_is_not_cut_in_two():
    labels = two_kidneys()
    labels[15:20, 12:18, 18:72] = 1
    assert split_kidneys(labels) == {}


@pytest.mark.parametrize("spacing", [1.0, 1.25, 1.5, 2.0])
def test_packed_kidneys_keep_their_volume(spacing):
    labels = two_kidneys()
    for kidney in kidneys_of("case", 0, labels, spacing):
        true = split_kidneys(labels)[kidney.side].sum() * spacing**3
        assert (kidney.labels > 0).sum() * 1.5**3 == pytest.approx(true, rel=0.015)


def test_what_a_kidney_encloses_at_its_hilum_is_sinus():
    labels = two_kidneys()
    labels[14:22, 11:19, 18:26] = 0  # an open pocket, 16 mm wide
    filled = add_sinus(labels, 2.0)
    assert (filled == SINUS)[14:22, 11:19, 18:26].mean() > 0.6
    np.testing.assert_array_equal(filled[labels > 0], labels[labels > 0])


def test_a_convex_kidney_has_no_sinus():
    assert (add_sinus(two_kidneys(), 2.0) == SINUS).sum() < 20


def test_structures_with_another_numbering_become_the_usual_ones():
    labels = np.array([[[0, 1, 2, 300, 7]]], np.int32)
    usual = renumbered(labels, {1: "spleen", 2: "kidney_right", 300: "liver", 9: "aorta"})
    names = [STRUCTURES.get(int(value)) for value in usual[0, 0]]
    assert names == [None, "spleen", "kidney_right", "liver", None]
    assert usual[0, 0, 4] > 117  # something, but not nothing


def test_a_pack_gives_back_what_went_in(a_pack, some_kidneys, a_torso):
    kidneys, torsos = load_pack(a_pack)
    assert [(k.case, k.fold, k.side) for k in kidneys] == [(k.case, k.fold, k.side) for k in some_kidneys]
    np.testing.assert_array_equal(kidneys[0].labels, some_kidneys[0].labels)
    np.testing.assert_array_equal(torsos[0].labels, a_torso.labels)
    assert torsos[0].centers["left"] == pytest.approx(a_torso.centers["left"])


def test_patients_of_other_folds_stay_out(a_pack):
    kidneys, _ = load_pack(a_pack, folds=(0, 1, 2))
    assert {kidney.case for kidney in kidneys} == {"case_0"}


@pytest.mark.parametrize("network", ["localizer", "refiner"])
def test_samples_have_kidneys_and_are_the_same_for_the_same_seed(network, some_kidneys, a_torso):
    anatomy, settings = Anatomy(some_kidneys, [a_torso]), SampleSettings(network, (32, 32, 48), {"CT": 0.5, "T2": 0.5})
    found = set()
    for seed in range(6):
        image, target, covered = draw_sample(anatomy, settings, np.random.default_rng(seed))
        again, _, _ = draw_sample(anatomy, settings, np.random.default_rng(seed))
        assert torch.equal(image, again)
        assert (image.shape, target.shape, covered.shape) == ((1, 32, 32, 48), (32, 32, 48), (32, 32, 48))
        assert torch.isfinite(image).all()
        assert not target[~covered].any()
        found |= set(target.unique().tolist())
    assert found >= ({KIDNEY, LIVER, SPINE} if network == "localizer" else {1, 2})
    assert max(found) < 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"speed": 3}, "has no setting 'speed'; it knows batch, cases"),
        ({"network": "detector"}, "network must be localizer or refiner, not 'detector'"),
        ({"shape": [60, 64, 64]}, "shape must be three multiples of 16"),
        ({"shape": [16, 16, 16]}, "shape must be three multiples of 16, not all 16"),
        ({"shape": 64}, "shape must be three multiples"),
        ({"folds": [0.5]}, "folds must be a list of whole numbers"),
        ({"folds": []}, "folds must be a list"),
        ({"modalities": {"PET": 1}}, "modalities must be shares of CT, T2, T1, random"),
        ({"modalities": {"CT": 0}}, "modalities must be shares"),
        ({"total_minutes": 0}, "total_minutes must be a positive number"),
        ({"learning_rate": "fast"}, "learning_rate must be a positive number, not 'fast'"),
        ({"batch": 0}, "batch must be a whole number from 1"),
        ({"workers": -1}, "workers must be a whole number from 0"),
        ({"threads": True}, "threads must be a whole number from 1"),
        ({"device": 0}, "device must be auto, cpu or cuda"),
    ],
)
def test_a_wrong_setting_is_named(change, words):
    with pytest.raises(InputError, match=words):
        TrainingConfig.from_dict({**SETTINGS, **change})


@pytest.mark.parametrize("name", ["network", "pack"])
def test_a_missing_setting_is_named(name):
    with pytest.raises(InputError, match=f"must say which {name} to use"):
        TrainingConfig.from_dict({key: value for key, value in SETTINGS.items() if key != name})


def test_a_missing_or_broken_pack_says_how_to_make_one(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path / "text.npz"):
        if path.stem == "text":
            path.write_text("not a pack")
        with pytest.raises(InputError, match=r"python -m RenalParenchymaLib\.training pack"):
            train({**SETTINGS, "pack": str(path)}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folds_without_patients_are_refused(a_pack, tmp_path):
    with pytest.raises(InputError, match="has no kidneys of these folds"):
        train({**SETTINGS, "pack": str(a_pack), "folds": [1]}, tmp_path / "out")


def test_an_unknown_device_is_refused(a_pack, tmp_path):
    with pytest.raises(InputError, match="no device “abacus”"):
        train({**SETTINGS, "pack": str(a_pack), "device": "abacus"}, tmp_path / "out")


@pytest.fixture
def a_checkpoint(a_pack, tmp_path):
    """A folder where a refiner was begun."""
    out = tmp_path / "refiner"
    train({**SETTINGS, "pack": str(a_pack), "shape": [32, 16, 16], "threads": 1}, out, minutes=0.0)
    return out


def test_a_checkpoint_is_not_overwritten_by_a_new_training(a_checkpoint, a_pack):
    with pytest.raises(InputError, match="Add --resume"):
        train({**SETTINGS, "pack": str(a_pack)}, a_checkpoint, resume=False)


def test_a_checkpoint_of_the_other_network_is_refused(a_checkpoint, a_pack):
    with pytest.raises(InputError, match="is a refiner, not a localizer"):
        train({**SETTINGS, "pack": str(a_pack), "network": "localizer"}, a_checkpoint)


def test_a_training_starts_from_the_weights_of_a_bundle(two_checkpoints, a_pack, tmp_path):
    export(two_checkpoints, tmp_path / "bundle", tmp_path / "manifest.json", "1.0.0", instance_statistics=True)
    started = {**SETTINGS, "pack": str(a_pack), "shape": [32, 16, 16], "threads": 1, "seed": 5, "start_from": str(tmp_path / "bundle")}
    train(started, tmp_path / "out", minutes=0.0)
    first = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["network"]
    weights = Bundle.open(tmp_path / "bundle").state_dict("refiner")
    assert all(torch.equal(first[key], value.to(first[key].dtype)) for key, value in weights.items())


@pytest.fixture
def two_checkpoints(tmp_path):
    """Untrained networks, saved as the loop saves them."""
    paths = {}
    for name in ("localizer", "refiner"):
        torch.manual_seed(0)
        network = build(architecture(name))
        paths[name] = tmp_path / f"{name}.pt"
        torch.save({"average": network.state_dict(), "state": {"step": 3, "seconds": 1.5, "slice": 1}}, paths[name])
    return paths


def test_an_exported_bundle_opens_and_runs(two_checkpoints, tmp_path, a_ball_phantom):
    from DeepVolumetryLib.engine.progress import RunProgress
    from RenalParenchymaLib.parameters import Parameters
    from RenalParenchymaLib.pipeline import RenalPipeline, choose_device

    sizes = export(two_checkpoints, tmp_path / "bundle", tmp_path / "manifest.json", "1.2.3", instance_statistics=True)
    assert all(entry["bytes"] < 10e6 for entry in sizes.values())
    bundle = Bundle.open(tmp_path / "bundle", tmp_path / "manifest.json")
    assert (bundle.version, bundle.verified) == ("1.2.3", True)
    assert bundle.formats["localizer"].labels == LOCALIZER_CLASSES
    assert bundle.formats["refiner"].labels == bundle.labels == REFINER_CLASSES
    stored = bundle.state_dict("refiner").items()
    assert {str(value.dtype) for key, value in stored if "running_" not in key} == {"torch.float16", "torch.int64"}
    coarse = a_ball_phantom.cropped((8, 10, 20), (28, 45, 60))
    RenalPipeline(bundle, choose_device("cpu")).run({"volume": coarse}, Parameters(speed="fast"), RunProgress())


def test_exporting_again_keeps_what_was_calibrated(two_checkpoints, tmp_path):
    bundle, manifest = tmp_path / "bundle", tmp_path / "manifest.json"
    export(two_checkpoints, bundle, manifest, "1.0.0", instance_statistics=True)
    path = bundle / "configs" / "inference.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "conformal": {"kidney": 1}}))
    export(two_checkpoints, bundle, manifest, "1.0.1", instance_statistics=True)
    assert json.loads(path.read_text())["conformal"] == {"kidney": 1}


def test_a_tampered_bundle_is_refused(two_checkpoints, tmp_path):
    export(two_checkpoints, tmp_path / "bundle", tmp_path / "manifest.json", "1.2.3", instance_statistics=True)
    weights = tmp_path / "bundle" / "models" / "refiner.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError):
        Bundle.open(tmp_path / "bundle", tmp_path / "manifest.json")


def test_a_pack_is_made_by_one_command(training_data, capsys):
    arguments = ["pack", "--kidneys", training_data / "kidneys", "--torsos", training_data / "torso" / "labels.nii.gz"]
    arguments += ["--names", training_data / "labels.csv", "--procedural", 0, "--out", training_data / "pack.npz"]
    assert main([str(each) for each in arguments]) == 0
    assert "4 kidneys of 2 patients, 1 torsos" in capsys.readouterr().out
    kidneys, torsos = load_pack(training_data / "pack.npz")
    assert {(kidney.case, kidney.fold, kidney.side) for kidney in kidneys if kidney.fold == 4} == {
        ("case_1", 4, "left"),
        ("case_1", 4, "right"),
    }
    assert torsos[0].name == "torso"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kidneys", "none", "--out", "p.npz"], "There is no cases.csv in none"),
        (["--kidneys", "none", "--torsos", "a.nii.gz", "--out", "p.npz"], "add --names labels.csv"),
        (["--kidneys", "none", "--procedural", "0", "--out", "p.npz"], "Kidneys need a torso"),
    ],
)
def test_a_pack_that_cannot_be_made_says_why(arguments, words, capsys):
    assert main(["pack", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_bundle_without_checkpoint_is_not_begun(tmp_path, capsys):
    arguments = ["export", "--localizer", "none.pt", "--refiner", "none.pt", "--bundle", str(tmp_path / "b")]
    assert main([*arguments, "--manifest", str(tmp_path / "m.json"), "--version", "1"]) == 2
    assert "no checkpoint at none.pt" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
