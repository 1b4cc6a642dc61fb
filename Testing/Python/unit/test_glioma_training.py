"""Training data and settings of the tumor network, and what comes out: packs, batches, bundles."""

from __future__ import annotations

import json

import glioma_toys
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.brain_tissues import INDEX
from GliomaUncertaintyLib import synthesis
from GliomaUncertaintyLib.networks import architecture, build, nested
from GliomaUncertaintyLib.training.__main__ import main
from GliomaUncertaintyLib.training.export import export
from GliomaUncertaintyLib.training.loss import log_probabilities, nested_dice_cross_entropy
from GliomaUncertaintyLib.training.pack import Case, Head, load_pack, make_case, make_head, save_pack
from GliomaUncertaintyLib.training.run import TrainingConfig, train
from GliomaUncertaintyLib.training.samples import Anatomy, SampleSettings, draw_batch, nested_targets, present_sequences

SETTINGS = {"pack": "pack.npz"}


def as_image(voxels: np.ndarray, name: str = "") -> Image:
    return Image.from_spacing(voxels, (1, 1, 1), name=name)


@pytest.fixture(scope="module")
def a_head() -> Head:
    return make_head("a head", 0, as_image(glioma_toys.label_map()))


@pytest.fixture(scope="module")
def a_case() -> Case:
    return make_case("patient 1", *glioma_toys.patient())


@pytest.fixture(scope="module")
def a_pack(tmp_path_factory, a_head, a_case):
    path = tmp_path_factory.mktemp("pack") / "pack.npz"
    other = Head("another", 4, a_head.tissue, a_head.rim, a_head.midplane)
    save_pack(path, [a_head, other], [a_case])
    return path


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_head_is_cropped_to_its_brain_and_knows_its_sides(a_head):
    assert all(n <= m for n, m in zip(a_head.tissue.shape, glioma_toys.LABEL_MAP_SIZE, strict=True))
    middle = np.array(a_head.tissue.shape) / 2
    a, b, c, d = a_head.midplane
    assert abs(c) > 0.99 and np.sign(c) > 0  # the right is where i is large
    assert abs(middle @ (a, b, c) + d) < 2
    assert {INDEX["white"], INDEX["cortex"], INDEX["ventricle"], INDEX["bone"]} <= set(np.unique(a_head.tissue))


def test_the_rim_is_the_distance_to_the_surface_of_the_brain(a_head):
    k, j, i = (axis - (n - 1) / 2 for axis, n in zip(np.indices(a_head.rim.shape), a_head.rim.shape, strict=True))
    radius = np.sqrt((k / 0.9) ** 2 + j**2 + i**2)
    assert (a_head.rim[radius < 20] < -16).all()
    outside = a_head.rim[(radius > 31.5) & (np.abs(k) < 3)] / 4
    assert np.allclose(outside, radius[(radius > 31.5) & (np.abs(k) < 3)] - 28, atol=1.0)


def test_a_map_without_white_matter_or_at_another_spacing_is_refused():
    with pytest.raises(InputError, match="no white matter"):
        make_head("x", 0, as_image(np.ones((5, 5, 5), np.uint8)))
    with pytest.raises(InputError, match=r"2x2x2 mm\. Resample"):
        make_head("x", 0, Image.from_spacing(glioma_toys.label_map(), (2, 2, 2)))


def test_a_real_case_keeps_its_brain_and_merges_non_enhancing_into_necrosis(a_case):
    assert set(np.unique(a_case.labels)) == {0, 1, 2, 4}
    assert abs(float(a_case.images[0][a_case.brain].mean())) < 0.01
    assert not a_case.images[:, ~a_case.brain].any()


def test_a_pack_gives_back_what_was_saved_and_nothing_held_out(a_pack, a_head, a_case):
    heads, cases = load_pack(a_pack)
    assert [head.fold for head in heads] == [0, 4]
    assert np.array_equal(heads[0].tissue, a_head.tissue) and np.array_equal(cases[0].brain, a_case.brain)
    held_out, none = load_pack(a_pack, (0, 1), ("patient 1",))
    assert [head.name for head in held_out] == ["a head"]
    assert none == []


@pytest.mark.parametrize("real", [0.0, 1.0])
def test_a_batch_fits_the_network_and_its_targets_are_nested(a_head, a_case, real):
    settings = SampleSettings(shape=(48, 48), slices=4, slabs=2, real=real, shapes=0.5)
    image, target, covered = draw_batch(Anatomy([a_head], [a_case]), settings, generator(1))
    assert image.shape == (4, architecture()["in_channels"], 48, 48)
    assert target.shape == (4, 3, 48, 48) and covered.shape == (4, 48, 48)
    assert torch.isfinite(image).all() and covered.any()
    assert (target[:, 0] >= target[:, 1] - 1e-5).all() and (target[:, 1] >= target[:, 2] - 1e-5).all()
    assert float(target.min()) >= 0 and float(target.max()) <= 1


def test_neighbors_of_a_slice_are_the_slices_beside_it(a_head):
    settings = SampleSettings(shape=(48, 48), slices=3, slabs=1, views={"identity": 1.0})
    image, *_ = draw_batch(Anatomy([a_head], []), settings, generator(0))
    below, here, above = image[:, :4], image[:, 4:8], image[:, 8:]
    assert torch.equal(here[:-1], below[1:])
    assert torch.equal(above[:-1], here[1:])


def test_the_same_seed_draws_the_same_batch(a_head):
    settings = SampleSettings(shape=(48, 48), slices=2, slabs=1)
    one, again = (draw_batch(Anatomy([a_head], []), settings, generator(5))[0] for _ in range(2))
    assert torch.equal(one, again)


def test_t1ce_or_flair_is_always_there_and_each_sequence_is_missing_at_times():
    here = torch.stack([present_sequences(generator(seed)) for seed in range(400)])
    assert ((here[:, 1] + here[:, 3]) >= 1).all()
    assert 0.25 < 1 - here[:, 0].mean() < 0.6 and 0.25 < 1 - here[:, 2].mean() < 0.6
    assert 0 < 1 - here[:, 1].mean() < 0.1 and 0 < 1 - here[:, 3].mean() < 0.1


def test_probabilities_through_logarithms_are_those_of_the_network():
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 3
    inside, outside = log_probabilities(logits)
    assert torch.allclose(inside.exp(), nested(logits), atol=1e-6)
    assert torch.allclose(outside.exp(), 1 - nested(logits), atol=1e-6)


def test_the_loss_stays_finite_where_the_network_is_very_sure_and_wrong():
    logits = torch.full((1, 3, 4, 4), 80.0, requires_grad=True)
    loss = nested_dice_cross_entropy(logits, torch.zeros(1, 3, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool))
    loss.backward()
    assert torch.isfinite(loss) and loss > 50
    assert torch.isfinite(logits.grad).all()


def test_the_loss_counts_what_is_covered_only():
    covered = torch.zeros(1, 8, 8, dtype=torch.bool)
    covered[:, :4] = True
    target = torch.zeros(1, 3, 8, 8)
    target[:, :, :4] = 1
    logits = torch.full_like(target, 20.0)  # wrong where it is not covered
    assert float(nested_dice_cross_entropy(logits, target, covered)) < 0.01


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pace": 1}, "no setting 'pace'"),
        ({"real": 1.5}, "real must be a share from 0 to 1"),
        ({"shape": [100, 112]}, "shape must be two multiples of 16"),
        ({"views": {"fish eye": 1}}, "views must be shares of identity"),
        ({"without": "patient"}, "without must be a list of patients"),
        ({"folds": []}, "folds must be a list"),
        ({"slices": 8, "slabs": 3}, "slices must be a multiple of slabs"),
        ({"threads": True}, "threads must be a whole number from 1"),
    ],
)
def test_a_wrong_setting_is_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainingConfig.from_dict({**SETTINGS, **change})


def test_a_missing_or_useless_pack_is_told(a_pack, tmp_path):
    with pytest.raises(InputError, match="which pack"):
        TrainingConfig.from_dict({})
    with pytest.raises(InputError, match="no training pack at"):
        train({"pack": str(tmp_path / "none.npz")}, tmp_path / "out")
    (tmp_path / "text.npz").write_text("no pack")
    with pytest.raises(InputError, match="is not a training pack"):
        train({"pack": str(tmp_path / "text.npz")}, tmp_path / "out")
    with pytest.raises(InputError, match="no heads of these folds"):
        train({"pack": str(a_pack), "folds": [2]}, tmp_path / "out")
    with pytest.raises(InputError, match="no real cases"):
        train({"pack": str(a_pack), "real": 0.5, "without": ["patient 1"]}, tmp_path / "out")


@pytest.fixture(scope="module")
def a_training(a_pack, tmp_path_factory):
    out = tmp_path_factory.mktemp("training")
    config = {"pack": str(a_pack), "shape": [32, 32], "slices": 2, "slabs": 1, "total_steps": 4, "device": "cpu"}
    return out, config, train(config, out, minutes=5)


def test_training_reaches_its_last_step_and_keeps_snapshots(a_training):
    out, config, state = a_training
    assert state["step"] == 4 and state["done"]
    assert sorted(path.name for path in out.glob("*.pt")) == ["checkpoint.pt", "snapshot_70.pt", "snapshot_85.pt"]
    with pytest.raises(InputError, match="--resume"):
        train(config, out, resume=False)


def test_a_training_becomes_a_bundle_whose_weights_start_the_next_one(a_training, a_pack, tmp_path):
    out, config, _ = a_training
    folder = tmp_path / "glioma_spu"
    sizes = export(out, folder, tmp_path / "manifest.json", "1.2.3")
    assert set(sizes) == {"unet", "unet_2", "unet_3"}
    assert all(size["bytes"] < 10e6 for size in sizes.values())
    bundle = Bundle.open(folder)
    for name in sizes:
        build(bundle.inference["networks"][name]).load_state_dict(bundle.state_dict(name))
    assert "unet" in (tmp_path / "manifest.json").read_text()
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    assert metadata["version"] == "1.2.3" and str(a_pack) not in json.dumps(metadata)
    more = {**config, "start_from": str(folder), "real": 0.5, "total_steps": 1}
    assert train(more, tmp_path / "more", minutes=5)["step"] == 1


def test_exporting_without_a_checkpoint_says_so(tmp_path, capsys):
    options = ["--training", str(tmp_path), "--bundle", str(tmp_path / "b"), "--manifest", str(tmp_path / "m"), "--version", "1"]
    assert main(["export", *options]) == 2
    assert "There is no checkpoint in" in capsys.readouterr().err


def write_nifti(path, voxels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(path))


def test_packing_from_folders(tmp_path, capsys):
    for number in range(2):
        write_nifti(tmp_path / "heads" / f"{number}.nii.gz", glioma_toys.label_map())
    brain = np.ones((10, 10, 10), np.int16)
    case = tmp_path / "cases" / "brats_2013_a"
    case.mkdir(parents=True)
    for name in ("flair", "t1ce"):
        write_nifti(case / f"{name}.nii.gz", brain * np.arange(1, 11, dtype=np.int16))
    write_nifti(case / "labels.nii.gz", brain.astype(np.uint8))
    out = tmp_path / "pack.npz"
    assert main(["pack", "--heads", str(tmp_path / "heads"), "--cases", str(tmp_path / "cases"), "--out", str(out)]) == 0
    assert "2 heads, 1 real cases" in capsys.readouterr().out
    heads, cases = load_pack(out)
    assert len(heads) == 2 and cases[0].patient == "brats_2013_a"
    assert main(["pack", "--heads", str(tmp_path / "nowhere"), "--out", str(out)]) == 2


def test_a_synthesized_study_has_four_sequences_and_the_truth_on_one_grid():
    labels = as_image(glioma_toys.label_map(), "head")
    images, truth = synthesis.synthesize_study(labels, seed=3)
    assert tuple(images) == ("t1", "t1ce", "t2", "flair")
    assert all(image.same_grid(truth) and image.modality == "MR" for image in images.values())
    assert set(np.unique(truth.voxels)) <= {0, 1, 2, 4} and truth.voxels.any()
    assert all((image.voxels[truth.voxels > 0] > 0).all() for image in images.values())
    again, _ = synthesis.synthesize_study(labels, seed=3)
    assert np.array_equal(again["flair"].voxels, images["flair"].voxels)


def test_a_study_can_be_healthy_or_take_the_shape_of_a_label_map():
    labels = as_image(glioma_toys.label_map(), "head")
    _, healthy = synthesis.synthesize_study(labels, 0, "none")
    assert not healthy.voxels.any()
    shape = np.zeros((30, 30, 30), np.uint8)
    shape[8:22, 8:22, 8:22] = 2
    shape[11:19, 11:19, 11:19] = 4
    _, truth = synthesis.synthesize_study(labels, 1, as_image(shape))
    assert {2, 4} <= set(np.unique(truth.voxels)) and not (truth.voxels == 1).any()
    with pytest.raises(InputError, match="no kind of tumor “round”"):
        synthesis.synthesize_study(labels, 0, "round")
    with pytest.raises(InputError, match="has no tumor"):
        synthesis.synthesize_study(labels, 0, as_image(np.zeros((5, 5, 5), np.uint8)))


def test_targets_of_parts_are_nested():
    targets = nested_targets(torch.tensor([0, 1, 2, 3, 4]))
    assert targets.tolist() == [[0, 1, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1]]
