"""The brain mask: read off skull-stripped images, found in whole heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from DeepVolumetryLib.errors import ModelError
from DeepVolumetryLib.image import Image
from GliomaUncertaintyLib import brain
from GliomaUncertaintyLib.parameters import Parameters
from GliomaUncertaintyLib.stripped import filled, foreground, is_stripped

SCALP, SKULL, FLUID, BRAIN = 0.9, 0.08, 0.2, 0.6
RADII = {SCALP: (78, 96, 90), SKULL: (72, 90, 84), FLUID: (66, 83, 77), BRAIN: (63, 80, 74)}


def distance(grid: Image, radii) -> np.ndarray:
    """1 on the surface of an ellipsoid around the origin, below 1 in it."""
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ grid.ijk_to_ras.T
    return np.linalg.norm(ras[..., :3] / radii, axis=-1)


def head(grid: Image, seed: int = 0, noise: float = 0.02) -> Image:
    """Scalp, skull, fluid and brain; air is noise, as scanners give it."""
    voxels = np.zeros(grid.shape)
    for value, radii in RADII.items():
        voxels[distance(grid, radii) < 1] = value
    voxels += np.abs(np.random.default_rng(seed).normal(0, noise, grid.shape))
    return Image((1000 * voxels).astype(np.float32), grid.ijk_to_ras, modality="MR")


def stripped(image: Image) -> Image:
    return image.with_voxels(np.where(distance(image, RADII[FLUID]) < 1, image.voxels, 0))


def grid(spacing=(3.0, 3.0, 3.0), size=(64, 74, 70)) -> Image:
    return Image.from_spacing(np.broadcast_to(np.float32(0), size[::-1]), spacing, -(np.array(size) - 1) / 2 * spacing)


@pytest.fixture
def a_head() -> Image:
    return head(grid())


@pytest.fixture
def a_network(monkeypatch):
    """In place of the trained one: what is as bright as the brain is brain, wherever it is."""

    class Bright(torch.nn.Module):
        def forward(self, image):
            likely = 40 * (0.1 - (image - BRAIN / (SCALP + 0.05)).abs())
            return torch.cat([-likely, likely], dim=1)

    monkeypatch.setattr(brain, "load", lambda bundle, device="cpu": (Bright(), 0.5))


def mask_of(images, tmp_path, **parameters):
    first = images.get("t1ce") or next(iter(images.values()))
    return brain.brain_mask(first, images, tmp_path / "glioma_brain", Parameters(**parameters))


def dice(one, other) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def test_a_stripped_brain_is_recognized(a_head):
    assert is_stripped(stripped(a_head))


def test_a_background_other_than_zero_is_recognized_too(a_head):
    image = stripped(a_head)
    assert is_stripped(image.with_voxels(np.where(image.voxels == 0, -1000, image.voxels)))


@pytest.mark.parametrize("air", ["noise", "zero"])
def test_a_whole_head_is_not_taken_for_a_stripped_brain(a_head, air):
    voxels = a_head.voxels if air == "noise" else np.where(distance(a_head, RADII[SCALP]) < 1, a_head.voxels, 0)
    assert not is_stripped(a_head.with_voxels(voxels))


def test_a_slab_of_a_head_with_black_air_is_not_taken_for_a_stripped_brain(a_head):
    voxels = np.where(distance(a_head, RADII[SCALP]) < 1, a_head.voxels, 0)
    slab = a_head.with_voxels(voxels).cropped((25, 0, 0), (45, *a_head.shape[1:]))
    assert not is_stripped(slab)
    assert is_stripped(stripped(a_head).cropped((25, 0, 0), (45, *a_head.shape[1:])))


def test_the_mask_of_a_stripped_brain_is_what_is_left_of_the_head_with_its_holes(a_head, tmp_path):
    image = stripped(a_head)
    voxels = image.voxels.copy()
    voxels[34:36, 36:38, 30:33] = 0  # a ventricle that a sequence shows black
    mask, warnings = mask_of({"t1ce": image.with_voxels(voxels), "flair": stripped(head(grid(), 1))}, tmp_path)
    np.testing.assert_array_equal(mask, image.voxels != 0)
    assert warnings == []


def test_a_sequence_with_skull_takes_the_mask_of_those_without(a_head, tmp_path):
    mask, warnings = mask_of({"t1": a_head, "t1ce": stripped(a_head)}, tmp_path)
    np.testing.assert_array_equal(mask, stripped(a_head).voxels != 0)
    assert warnings == ["T1 still shows the skull; the brain was taken from T1ce."]


def test_the_mask_is_what_most_stripped_sequences_show(a_head, tmp_path):
    image = stripped(a_head)
    short = image.with_voxels(np.where(np.arange(70)[:, None, None] < 60, image.voxels, 0))
    mask, _ = mask_of({"t1": image, "t1ce": short, "t2": image}, tmp_path)
    np.testing.assert_array_equal(mask, image.voxels != 0)


def test_never_takes_everything_that_is_not_background(a_head, tmp_path):
    voxels = np.where(distance(a_head, RADII[SCALP]) < 1, a_head.voxels, 0)
    mask, _ = mask_of({"t1ce": a_head.with_voxels(voxels)}, tmp_path, skull_strip="never")
    np.testing.assert_array_equal(mask, voxels != 0)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 5.0), (3.0, 3.0, 3.0), (4.0, 2.0, 1.0)])
def test_the_network_finds_the_brain_on_any_grid(a_network, tmp_path, spacing):
    size = tuple(int(np.ceil(extent / step)) for extent, step in zip((190, 220, 208), spacing, strict=True))
    image = head(grid(spacing, size))
    mask, warnings = mask_of({"t1ce": image}, tmp_path)
    assert dice(mask, distance(image, RADII[BRAIN]) < 1) > 0.96
    assert warnings == []


def test_what_only_looks_like_brain_is_left_out_and_holes_are_filled(a_network, a_head, tmp_path):
    voxels = a_head.voxels.copy()
    voxels[distance(a_head, (20, 20, 20)) < 1] = 1000 * FLUID  # a cavity
    island = a_head.with_voxels(voxels)
    away = distance(replace(a_head, ijk_to_ras=a_head.ijk_to_ras + np.eye(4, k=3) * -88), (7, 7, 7)) < 1
    voxels[away] = 1000 * BRAIN
    mask, _ = mask_of({"flair": island}, tmp_path)
    assert away.any() and not mask[away].any()
    assert mask[distance(a_head, (20, 20, 20)) < 1].all()


def test_an_unusual_volume_is_told(a_network, a_head, tmp_path):
    small = replace(a_head, ijk_to_ras=np.diag((0.7, 0.7, 0.7, 1)) @ a_head.ijk_to_ras)
    _, (warning,) = mask_of({"t1ce": small}, tmp_path)
    assert "mL, which is unusual" in warning


def test_without_the_bundle_a_whole_head_is_refused(a_head, tmp_path):
    with pytest.raises(ModelError, match="glioma_brain"):
        mask_of({"t1ce": a_head}, tmp_path)


def test_holes_are_filled_and_bays_are_not():
    mask = np.zeros((7, 7, 7), bool)
    mask[1:6, 1:6, 1:6] = True
    mask[3, 3, 3] = False
    bay = mask.copy()
    bay[:3, 3, 3] = False
    assert filled(mask).sum() == 125
    assert filled(bay).sum() == bay.sum(), "the bay reaches the hole"
    assert foreground(mask.astype(float)).sum() == 124
