"""What tissues look like: every structure has a tissue, every draw stays where tissue can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DeepVolumetryLib.phantom import tissues
from DeepVolumetryLib.phantom.label_names import LABEL_NAMES
from DeepVolumetryLib.phantom.tissues import INDEX, TISSUES, draw, tissue_of, typical
from RenalParenchymaLib.training.structures import STRUCTURES

MODALITIES = ("CT", "T2", "T1", "random")
any_seed = st.integers(0, 2**32 - 1)


def test_every_structure_of_a_torso_has_a_tissue_of_its_own():
    unspecific = [name for name in STRUCTURES.values() if tissue_of(name) == "other"]
    assert unspecific == []


@pytest.mark.parametrize(
    ("structure", "tissue"),
    [
        ("vertebrae_L1", "marrow"),
        ("rib_left_12", "marrow"),
        ("kidney_left", "cortex"),
        ("kidney_cyst_right", "cyst"),
        ("aorta", "artery"),
        ("inferior_vena_cava", "vein"),
        ("iliac_vena_left", "vein"),
        ("iliac_artery_left", "artery"),
        ("heart", "heart"),
        ("small_bowel", "bowel_wall"),
        ("urinary_bladder", "urine"),
        ("lung_upper_lobe_left", "lung"),
        ("fat", "fat"),
        ("something new", "other"),
    ],
)
def test_structures_are_told_by_their_names(structure, tissue):
    assert tissue_of(structure) == tissue


def test_the_structures_of_the_procedural_torso_are_known_too():
    parts_of_kidneys = {"parenchyma", "tumor", "cyst", "sinus"}
    assert [name for name in LABEL_NAMES.values() if tissue_of(name) == "other" and name not in parts_of_kidneys] == []


def test_structures_are_numbered_as_in_the_procedural_torso():
    shared = {value: name for value, name in LABEL_NAMES.items() if value in STRUCTURES}
    assert {value: STRUCTURES[value] for value in shared} == shared
    assert len(STRUCTURES) == 117


@pytest.mark.parametrize("modality", MODALITIES)
@settings(max_examples=40, deadline=None)
@given(seed=any_seed)
def test_every_draw_gives_each_tissue_a_finite_mean_and_some_texture(modality, seed):
    contrast = draw(modality, np.random.default_rng(seed))
    assert contrast.mean.shape == contrast.texture.shape == (len(TISSUES),)
    assert np.isfinite(contrast.mean).all()
    assert (contrast.texture > 0).all()


@settings(max_examples=60, deadline=None)
@given(seed=any_seed)
def test_hounsfield_units_stay_where_tissue_can_be(seed):
    mean = draw("CT", np.random.default_rng(seed)).mean
    assert -1100 < mean.min() <= mean[INDEX["air"]] < -950
    assert mean.max() < 1000
    assert -150 < mean[INDEX["fat"]] < -50
    assert 10 < mean[INDEX["cortex"]] < 330
    assert mean[INDEX["cortical_bone"]] > 200


@pytest.mark.parametrize("modality", ["T2", "T1"])
@settings(max_examples=60, deadline=None)
@given(seed=any_seed)
def test_mr_signal_stays_in_the_ranges_of_the_table_and_cortex_is_one(modality, seed):
    contrast = draw(modality, np.random.default_rng(seed))
    table = tissues._mr_table(modality)
    assert contrast.mean[INDEX["cortex"]] == pytest.approx(1)
    for name, (low, high, _) in table.items():
        assert low * 0.999 <= contrast.mean[INDEX[name]] <= high * 1.001


@settings(max_examples=200, deadline=None)
@given(seed=any_seed)
def test_a_random_contrast_keeps_the_kidney_apart_from_fat_muscle_and_liver(seed):
    mean = draw("random", np.random.default_rng(seed)).mean
    for name in ("fat", "muscle", "liver", "soft"):
        assert abs(mean[INDEX[name]] - mean[INDEX["cortex"]]) >= 0.12 - 1e-9
    assert mean[INDEX["air"]] <= 0.08


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_same_seed_draws_the_same_contrast(modality):
    one, same, other = (draw(modality, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.mean, same.mean)
    assert (one.mean != other.mean).any()


def test_typical_ct_shows_enhanced_kidneys_between_fat_and_bone():
    mean = typical("CT").mean
    order = ["air", "fat", "cyst", "muscle", "tumor", "cortex", "cortical_bone"]
    assert [order[n] for n in np.argsort([mean[INDEX[name]] for name in order])] == order


def test_fat_suppressed_t2_shows_fluid_bright_and_fat_dark():
    mean = typical("T2").mean
    assert mean[INDEX["cyst"]] > 2 * mean[INDEX["cortex"]]
    assert mean[INDEX["fat"]] < 0.3 * mean[INDEX["cortex"]]


@pytest.mark.parametrize("function", [typical, lambda modality: draw(modality, np.random.default_rng(0))])
def test_a_modality_without_a_table_is_named(function):
    with pytest.raises(ValueError, match="'PET'"):
        function("PET")
