"""Tumors that are grown in a head or taken from a patient, and the slabs that show them."""

from __future__ import annotations

import glioma_toys
import numpy as np
import pytest
import torch

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.brain_tissues import INDEX, draw
from GliomaUncertaintyLib.intensity import HIGHEST, LOWEST
from GliomaUncertaintyLib.training.acquisition import acquire, normalized, thick_slices, varied
from GliomaUncertaintyLib.training.pack import Case, Head, make_case, make_head
from GliomaUncertaintyLib.training.real import real_slab
from GliomaUncertaintyLib.training.scene import Grid, Pose, compose, random_pose
from GliomaUncertaintyLib.training.transplant import transplant
from GliomaUncertaintyLib.training.tumor import CORE_LEVEL, EDEMA, EDEMA_LEVEL, ENHANCING, FAR_MM, NONE, grow, parts_at


@pytest.fixture(scope="module")
def a_head() -> Head:
    return make_head("a head", 0, Image.from_spacing(glioma_toys.label_map(), (1, 1, 1)))


@pytest.fixture(scope="module")
def a_case() -> Case:
    return make_case("patient 1", *glioma_toys.patient())


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def parts_of(tumor, head: Head) -> torch.Tensor:
    grid = Grid(head.tissue.shape, (1.0, 1.0, 1.0))
    pose = Pose(np.eye(3), (np.array(head.tissue.shape) - 1) / 2)
    soft = torch.from_numpy(np.isin(head.tissue, [INDEX["white"], INDEX["cortex"]]))
    hull = torch.from_numpy(head.rim < 0)
    return parts_at(tumor.at(pose.applied(grid.points())), torch.zeros(2, 1, 1, 1), hull, soft)


@pytest.mark.parametrize("seed", range(6))
def test_a_grown_tumor_stays_in_the_brain_and_edema_out_of_the_fluid(a_head, seed):
    parts = parts_of(grow(a_head, generator(seed)), a_head)
    assert (parts != NONE).any()
    assert not parts[torch.from_numpy(a_head.rim >= 0)].any()
    fluid = torch.from_numpy(np.isin(a_head.tissue, [INDEX["ventricle"], INDEX["csf"]]))
    assert not (parts[fluid] == EDEMA).any()


def test_a_tumor_is_as_large_as_it_says_and_the_same_for_the_same_seed(a_head):
    tumor, again = grow(a_head, generator(3)), grow(a_head, generator(3))
    assert torch.equal(tumor.levels, again.levels)
    measured = torch.bincount(parts_of(tumor, a_head).reshape(-1).int(), minlength=5)[1:].numpy() / 1000
    assert measured.sum() == pytest.approx(tumor.volumes_ml.sum(), rel=0.25)


def test_far_from_the_tumor_its_levels_are_far(a_head):
    tumor = grow(a_head, generator(1))
    assert (tumor.at(torch.full((3, 2, 2, 2), 500.0)) == FAR_MM).all()


def test_tumors_of_all_grades_are_drawn(a_head):
    tumors = [grow(a_head, generator(seed)) for seed in range(24)]
    enhancing = np.array([tumor.volumes_ml[ENHANCING - 1] > 0 for tumor in tumors])
    assert 0.4 < enhancing.mean() < 0.95
    assert any(tumor.push > 0 for tumor in tumors) and any(tumor.push == 0 for tumor in tumors)


def test_a_real_shape_is_set_into_another_head_at_about_its_size(a_case, a_head):
    tumor = transplant(a_case, a_head, generator(0))
    true_ml = np.array([(a_case.labels == value).sum() for value in (1, 2, 4)]).sum() / 1000
    assert 0.3 * true_ml < tumor.volumes_ml.sum() < 2.5 * true_ml
    assert tumor.levels[CORE_LEVEL].min() < 0 and tumor.levels[EDEMA_LEVEL].min() < 0
    empty = Case("healthy", a_case.images, a_case.brain, np.zeros_like(a_case.labels))
    with pytest.raises(InputError, match="healthy has no tumor"):
        transplant(empty, a_head, generator(0))


def test_a_slab_shows_the_tumor_that_it_was_posed_for(a_head):
    grid = Grid((4, 80, 76), (2.0, 1.0, 1.0))
    seen = 0
    for seed in range(6):
        rng = generator(seed)
        tumor = grow(a_head, rng)
        scene = compose(a_head, tumor, grid, random_pose(a_head, rng, tumor, reach=0.3), rng)
        seen += bool(scene.parts.any())
        assert not scene.parts[~scene.brain].any()
        assert float(scene.infiltration.min()) >= 0 and float(scene.infiltration.max()) <= 1
    assert seen >= 5


def test_mass_effect_pushes_tissue_away_from_the_tumor(a_head):
    tumor = next(t for t in (grow(a_head, generator(seed)) for seed in range(20)) if t.push > 1)
    grid = Grid(a_head.tissue.shape, (1.0, 1.0, 1.0))
    pose = Pose(np.eye(3), (np.array(a_head.tissue.shape) - 1) / 2)
    flat = type(tumor)(tumor.levels, tumor.origin, tumor.center, tumor.radius, 0.0, tumor.volumes_ml)
    pushed, still = ((compose(a_head, t, grid, pose, generator(0)).parts != NONE).sum() for t in (tumor, flat))
    assert pushed > 1.02 * still


def a_scene(head: Head, seed: int = 3):
    rng = generator(seed)
    tumor = grow(head, rng)
    grid = Grid(head.tissue.shape, (1.0, 1.0, 1.0))
    scene = compose(head, tumor, grid, Pose(np.eye(3), (np.array(head.tissue.shape) - 1) / 2), rng)
    return tumor, grid, scene, rng


def test_a_slab_is_scaled_about_as_the_whole_brain_would_be(a_head):
    tumor, grid, scene, rng = a_scene(a_head)
    contrast = varied(draw(rng), rng)
    images = normalized(acquire(scene, contrast, grid, rng), scene, contrast, a_head, tumor, rng)
    inside = images[:, scene.brain]
    assert inside.mean(1).abs().max() < 0.6
    assert inside.std(1).min() > 0.6 and inside.std(1).max() < 1.5
    assert float(images.min()) >= LOWEST and float(images.max()) <= HIGHEST
    assert not images[:, ~scene.brain].any()


def test_thick_slices_keep_the_mean_and_blur_along_their_axis_only():
    image = torch.zeros(12, 8, 8)
    image[6, 4, 4] = 1
    thick = thick_slices(image, 0, 3.0, generator(0))
    assert (thick[:, 4, 4] > 0).sum() > 2
    assert not thick[:, :4].any()
    even = thick_slices(torch.ones(12, 8, 8), 0, 3.3, generator(1))
    assert torch.allclose(even, torch.ones(12, 8, 8), atol=1e-5)
    assert thick_slices(image, 0, 1.0, generator(0)) is image


def test_a_real_slab_has_flair_and_t1ce_and_its_tumor(a_case):
    grid = Grid((4, 64, 56), (2.0, 1.0, 1.0))
    images, targets, brain = real_slab(a_case, grid, generator(2), tumor_share=1.0)
    assert not images[0].any() and not images[2].any()
    assert images[1].any() and images[3].any() and targets[0].any()
    assert (targets[0] >= targets[1] - 1e-5).all() and (targets[1] >= targets[2] - 1e-5).all()
    assert not images[:, ~brain].any()
