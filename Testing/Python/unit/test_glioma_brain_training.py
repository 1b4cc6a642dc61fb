"""Training of the brain mask: packs, samples, slices, and the bundle that comes out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image
from GliomaUncertaintyLib import brain
from GliomaUncertaintyLib.brain_network import architecture, scaled
from GliomaUncertaintyLib.networks import build
from GliomaUncertaintyLib.training import brain_commands, brain_measure
from GliomaUncertaintyLib.training.__main__ import main
from GliomaUncertaintyLib.training.brain_pack import TISSUES, brain_of, head_of, load_pack, save_pack
from GliomaUncertaintyLib.training.brain_run import BrainTraining
from GliomaUncertaintyLib.training.brain_samples import draw_contrast, draw_sample, image_of

SHAPE = (32, 32, 32)


@dataclass(frozen=True)
class SmallTraining(BrainTraining):
    """Of small patches, which take less time."""

    shape: tuple[int, int, int] = SHAPE


def a_label_map(size=(96, 96, 96)) -> Image:
    """A head of balls with FreeSurfer's values: scalp, skull, fluid, gray and white matter, a ventricle, a fissure."""
    k, j, i = (axis - (count - 1) / 2 for axis, count in zip(np.indices(size), size, strict=True))
    radius = np.sqrt(k**2 + j**2 + i**2)
    labels = np.zeros(size, np.uint16)
    for outer, value in ((44, 507), (40, 515), (37, 24), (34, 3), (28, 2)):
        labels[radius < outer] = value
    labels[(np.abs(i) < 1.5) & (radius < 37) & (k > 0)] = 24
    labels[radius < 7] = 4
    return Image.from_spacing(labels, (1, 1, 1), name="head")


@pytest.fixture(scope="module")
def a_head():
    return head_of("head_01", a_label_map())


@pytest.fixture
def head_files(tmp_path):
    """Folder with a label map as .nii.gz."""
    (tmp_path / "heads").mkdir()
    image = sitk.GetImageFromArray(a_label_map().voxels)
    for number in range(2):
        sitk.WriteImage(image, str(tmp_path / "heads" / f"head_{number}.nii.gz"))
    return tmp_path / "heads"


def test_the_brain_has_its_ventricles_and_fissures_but_not_the_fluid_around():
    labels = a_label_map()
    found = brain_of(labels)
    center = np.array(labels.shape) // 2
    assert found[tuple(center)], "ventricle"
    assert found[center[0] + 20, center[1], center[2]], "fissure"
    assert not found[center[0], center[1] + 36, center[2]], "fluid around the brain"
    assert not found[center[0], center[1] + 39, center[2]], "skull"


def test_a_map_without_brain_is_refused():
    with pytest.raises(InputError, match="has no brain"):
        brain_of(a_label_map().with_voxels(np.full((96, 96, 96), 507, np.uint16)))


def test_a_head_keeps_the_volume_of_its_tissues(a_head):
    labels = a_label_map()
    for number, values in enumerate(TISSUES.values()):
        true = np.isin(labels.voxels, values).sum()
        assert a_head.shares[number].sum() / 255 * 27 == pytest.approx(true, rel=0.01, abs=30)
    assert a_head.shares[-1].sum() / 255 * 27 == pytest.approx(brain_of(labels).sum(), rel=0.01)


def test_axis_order_and_handedness_of_the_file_do_not_matter(a_head):
    labels = a_label_map()
    turned = Image(labels.voxels[:, ::-1].transpose(0, 2, 1), labels.ijk_to_ras[:, [1, 0, 2, 3]] @ np.diag((-1, 1, 1, 1)))
    np.testing.assert_array_equal(head_of("turned", turned).shares, a_head.shares)


def test_packs_are_read_by_number(a_head, tmp_path):
    save_pack(tmp_path / "pack.npz", [replace(a_head, name=f"head_{number}") for number in range(3)])
    assert [head.name for head in load_pack(tmp_path / "pack.npz", range(1, 5))] == ["head_1", "head_2"]
    with pytest.raises(InputError, match="has 3 heads, none of those"):
        load_pack(tmp_path / "pack.npz", range(8, 9))
    with pytest.raises(InputError, match="There is no pack"):
        load_pack(tmp_path / "none.npz", range(1))


def test_samples_are_heads_with_their_brain_and_the_same_for_a_seed(a_head):
    image, target, covered = draw_sample([a_head], np.random.default_rng(4), SHAPE)
    assert image.shape == (1, *SHAPE) and target.shape == covered.shape == SHAPE
    assert image.min() == 0 and image.max() == 1 and covered.all()
    again = draw_sample([a_head], np.random.default_rng(4), SHAPE)
    assert torch.equal(image, again[0]) and torch.equal(target, again[1])
    sizes = [int(draw_sample([a_head], np.random.default_rng(seed), SHAPE)[1].sum()) * 27 / 1000 for seed in range(6)]
    true = brain_of(a_label_map()).sum() / 1000
    assert 0.4 * true < np.median(sizes) < 1.8 * true


@pytest.mark.parametrize(("kind", "brighter", "darker"), [("t1", "white", "csf"), ("t2", "csf", "white"), ("flair", "gray", "csf")])
def test_contrasts_are_those_of_their_sequence(a_head, kind, brighter, darker):
    rng = np.random.default_rng(0)
    shares = torch.from_numpy(a_head.shares[:-1]).float() / 255
    image = image_of(shares, torch.zeros(shares.shape[1:]), draw_contrast(rng, kind), 3.0, rng)
    names = list(TISSUES)
    one, other = (image[shares[names.index(name)] > 0.95].mean() for name in (brighter, darker))
    assert one > other + 0.15


def test_scaling_ignores_offset_unit_and_a_few_bright_voxels():
    voxels = np.random.default_rng(0).random((20, 20, 20))
    bright = voxels.copy()
    bright[0, 0, :5] = 1000
    np.testing.assert_allclose(scaled(50 * voxels + 7), scaled(voxels), atol=1e-6)
    np.testing.assert_allclose(scaled(bright)[1:], scaled(voxels)[1:], atol=0.01)


def test_pack_train_and_export_by_command(head_files, tmp_path, capsys, monkeypatch):
    pack, out, bundle, manifest = (tmp_path / name for name in ("pack.npz", "run", "Models/glioma_brain", "manifest.json"))
    assert main(["brain-pack", "--heads", str(head_files), "--out", str(pack)]) == 0
    assert "2 heads" in capsys.readouterr().out
    monkeypatch.setattr(brain_commands, "BrainTraining", SmallTraining)
    train = ["brain-train", "--pack", str(pack), "--out", str(out), "--steps", "2", "--device", "cpu"]
    assert main([*train, "--minutes", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] is True
    export = ["brain-export", "--checkpoint", str(out / "checkpoint.pt"), "--bundle", str(bundle), "--manifest", str(manifest)]
    assert main([*export, "--version", "0.1.0"]) == 0
    opened = Bundle.open(bundle, manifest)
    assert (opened.version, opened.license, opened.labels) == ("0.1.0", "Apache-2.0", ("background", "brain"))
    network, threshold = brain.load(bundle)
    assert threshold == 0.5
    mask = brain.find(a_label_map().with_voxels(np.random.default_rng(0).random((96, 96, 96), np.float32)), network, threshold)
    assert mask.shape == (96, 96, 96)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["brain-pack", "--heads", "none", "--out", "pack.npz"], "There are no label maps (.nii.gz) in none."),
        (["brain-train", "--pack", "none.npz", "--out", "run"], "There is no pack at none.npz."),
        (
            ["brain-export", "--checkpoint", "none.pt", "--bundle", "b", "--manifest", "m.json", "--version", "1"],
            "There is no checkpoint at none.pt.",
        ),
    ],
)
def test_commands_explain_what_is_missing(tmp_path, monkeypatch, capsys, command, words):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert words in capsys.readouterr().err
    assert not Path("b").exists()


def test_the_figures_are_those_of_the_heads_that_are_reported_on(head_files, monkeypatch):
    class Everything(torch.nn.Module):
        def forward(self, image):
            return torch.cat([-torch.ones_like(image), torch.ones_like(image)], dim=1)

    monkeypatch.setattr(brain, "load", lambda bundle, device="cpu": (Everything(), 0.5))
    monkeypatch.setattr(brain_measure, "REPORTED", range(1, 2))
    figures = brain_measure.measured(head_files, Path("bundle"), 0.5)
    assert set(figures) == {"t1ce", "flair", "t1", "t2"}
    labels = read_image(head_files / "head_1.nii.gz")
    share = brain_of(labels).sum() / (labels.voxels > 0).sum()
    assert figures["flair"]["heads"] == 1
    assert 0.2 * share < figures["flair"]["dice"] < 2 * share / (1 + share) + 0.02, "everything in the head's box was called brain"


def test_the_network_is_small():
    assert sum(parameter.numel() for parameter in build(architecture()).parameters()) < 1_000_000
