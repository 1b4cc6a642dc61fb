"""The procedural brain: plausible, repeatable, and true in what it says about its tumor."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from DeepVolumetryLib.phantom.brain import Brain, brain
from DeepVolumetryLib.phantom.brain_render import render
from DeepVolumetryLib.phantom.brain_tissues import INDEX, SEQUENCES, TISSUES, draw, typical
from DeepVolumetryLib.phantom.noise import spline_noise
from GliomaUncertaintyLib import demo

COARSE = 2.5


@lru_cache
def a_brain(seed: int = 0, tumor: str = "ring", skull: bool = False) -> Brain:
    return brain(seed, COARSE, tumor, skull)


def share(one: Brain, name: str) -> float:
    return float((one.tissue[one.mask] == INDEX[name]).mean())


def test_the_same_seed_is_the_same_brain_and_another_seed_another():
    again = brain(0, COARSE)
    assert np.array_equal(a_brain().tissue, again.tissue)
    assert not np.array_equal(a_brain().tissue, a_brain(1).tissue)


def test_a_brain_is_as_large_as_a_brain_and_half_of_it_is_gray_and_white_matter():
    assert 1200 < a_brain().mask.sum() * COARSE**3 / 1000 < 1800
    assert share(a_brain(tumor="none"), "white") + share(a_brain(tumor="none"), "cortex") > 0.5
    assert 0.005 < share(a_brain(tumor="none"), "ventricle") < 0.06


@pytest.mark.parametrize("seed", range(3))
def test_the_enhancing_rim_lies_between_necrosis_and_edema(seed):
    parts = a_brain(seed).parts
    assert {1, 2, 4} <= set(np.unique(parts))
    around_necrosis = np.zeros(parts.shape, bool)
    for axis in range(3):
        for step in (-1, 1):
            around_necrosis |= np.roll(parts == 1, step, axis)
    neighbors = parts[around_necrosis & (parts != 1)]
    assert (neighbors == 4).mean() > 0.6
    assert not (neighbors == 0).any()


def test_a_low_grade_tumor_does_not_enhance_and_a_healthy_brain_has_no_tumor():
    assert not (a_brain(1, "low grade").parts == 4).any()
    assert (a_brain(1, "low grade").parts == 3).any()
    assert not a_brain(0, "none").parts.any()


def test_an_unknown_kind_of_tumor_is_refused():
    with pytest.raises(ValueError, match="ring, low grade, none"):
        brain(0, 6.0, "round")


def test_a_skull_lies_around_the_brain():
    head = a_brain(0, "none", True)
    assert (head.tissue[~head.mask] == INDEX["bone"]).any()
    assert not np.isin(head.tissue[head.mask], [INDEX["bone"], INDEX["scalp"]]).any()
    assert not (a_brain(0, "none").tissue[~a_brain(0, "none").mask] > 0).any()


def test_volumes_are_those_of_the_reference_and_nested():
    study = render(a_brain())
    volumes = study.volumes_ml
    voxel = study.reference.voxel_ml
    assert volumes["ET"] == pytest.approx((study.reference.voxels == 4).sum() * voxel)
    assert volumes["WT"] == pytest.approx(volumes["TC"] + volumes["edema"])
    assert volumes["TC"] == pytest.approx(volumes["ET"] + volumes["necrosis"])
    assert set(np.unique(study.reference.voxels)) == {0, *study.names}


def test_each_sequence_shows_what_it_is_read_for():
    study = render(a_brain(), noise=0.0)
    parts, tissue = a_brain().parts, a_brain().tissue
    white = {name: study.images[name].voxels[tissue == INDEX["white"]].mean() for name in SEQUENCES}
    assert study.images["t1ce"].voxels[parts == 4].mean() > 1.2 * white["t1ce"]
    assert study.images["t1"].voxels[parts == 4].mean() < white["t1"]
    assert study.images["flair"].voxels[parts == 2].mean() > 1.2 * white["flair"]
    assert study.images["flair"].voxels[tissue == INDEX["ventricle"]].mean() < 0.6 * white["flair"]
    assert study.images["t2"].voxels[tissue == INDEX["ventricle"]].mean() > 1.5 * white["t2"]


def test_a_stripped_brain_is_zero_around_it_and_nowhere_inside():
    study, mask = render(a_brain()), a_brain().mask
    for image in study.images.values():
        assert not image.voxels[~mask].any()
        assert (image.voxels[mask] > 0).all()


def test_the_demonstration_has_every_input_and_names_its_reference():
    made = demo.phantom(0, 3.0)
    assert tuple(made.images) == SEQUENCES
    assert made.names == {1: "necrosis", 2: "edema", 4: "ET"}
    assert all(image.same_grid(made.reference) for image in made.images.values())


def test_drawn_contrasts_keep_what_radiologists_rely_on():
    for seed in range(20):
        mean = draw(np.random.default_rng(seed)).mean
        t1, t1ce, t2, flair = ({name: row[INDEX[name]] for name in TISSUES} for row in mean)
        assert t1ce["enhancing"] > t1["enhancing"] * 1.1
        assert flair["edema"] > max(flair["white"], flair["cortex"])
        assert t2["csf"] > t2["cortex"] > t2["white"] and flair["csf"] < 0.6 * flair["white"]
    assert typical().mean.shape == (4, len(TISSUES))


def test_noise_has_unit_spread_and_its_wavelength():
    rng = np.random.default_rng(0)
    field = spline_noise((40, 90, 90), (2.0, 1.0, 1.0), 8.0, rng)
    assert field.std() == pytest.approx(1, abs=0.1)
    near = np.corrcoef(field[:, :, 1:].ravel(), field[:, :, :-1].ravel())[0, 1]
    far = np.corrcoef(field[:, :, 16:].ravel(), field[:, :, :-16].ravel())[0, 1]
    assert near > 0.95 and abs(far) < 0.15
    assert spline_noise((3, 5, 7), (1.0, 1.0, 1.0), 20.0, rng, channels=2).shape == (2, 3, 5, 7)
