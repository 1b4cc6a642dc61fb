"""The procedural torso: plausible, repeatable, and true in what it says about its kidneys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.abdomen import KINDS, Abdomen, abdomen, abdomen_labels
from DeepVolumetryLib.phantom.kidney import CYST, PARENCHYMA, SINUS, TUMOR, kidney_parts
from DeepVolumetryLib.phantom.render import REFERENCE_NAMES, render, truth

COARSE = 4.0


@pytest.fixture(scope="module")
def a_torso() -> Abdomen:
    return abdomen(20, spacing_mm=3.0, extent=(-110, 110), kind="normal")


@lru_cache
def a_coarse_torso(seed: int) -> Abdomen:
    return abdomen(seed, COARSE, kind="normal")


def volume_ml(torso: Abdomen, *values: int) -> float:
    voxel = abs(np.linalg.det(torso.ijk_to_ras[:3, :3])) / 1000
    return float(np.isin(torso.labels, values).sum() * voxel)


def test_the_same_seed_is_the_same_patient_and_another_seed_another():
    one, again, other = (abdomen_labels(seed, COARSE)[0] for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_every_value_has_a_name():
    labels, _, names = abdomen_labels(1, COARSE)
    assert set(np.unique(labels)) <= set(names)


@pytest.mark.parametrize("seed", range(5))
def test_organs_have_the_volumes_of_adults(seed):
    torso = a_coarse_torso(seed)
    assert 800 < volume_ml(torso, 44) < 3200  # liver
    assert 40 < volume_ml(torso, 84) < 600  # spleen
    assert 35 < volume_ml(torso, 3) < 250  # aorta
    for kidney in torso.kidneys.values():
        assert 60 < kidney.volumes_ml["parenchyma"] + kidney.volumes_ml["sinus"] < 420


@pytest.mark.parametrize("seed", range(5))
def test_liver_lies_right_spleen_left_and_each_kidney_on_its_side(seed):
    torso = a_coarse_torso(seed)

    def x(value):
        i = np.nonzero(torso.labels == value)[2].mean()
        return torso.ijk_to_ras[0, 0] * i + torso.ijk_to_ras[0, 3]

    assert x(44) > 20 > -20 > x(84)
    assert torso.kidneys["left"].center[0] < -30
    assert torso.kidneys["right"].center[0] > 30


def test_exact_volumes_agree_with_the_voxels_of_a_fine_map():
    torso = abdomen(20, 1.25, extent=(-90, 100))
    for value, name in ((PARENCHYMA, "parenchyma"), (TUMOR, "tumor"), (CYST, "cyst"), (SINUS, "sinus")):
        exact = sum(kidney.volumes_ml[name] for kidney in torso.kidneys.values())
        assert volume_ml(torso, value) == pytest.approx(exact, rel=0.02)


def test_a_kidney_without_lesions_has_parenchyma_around_an_open_sinus():
    kidney = kidney_parts(5, tumors=0, cysts=0)
    volumes = kidney.volumes_ml
    assert volumes["tumor"] == volumes["cyst"] == 0
    assert volumes["kidney"] == pytest.approx(volumes["parenchyma"] + volumes["sinus"])
    assert 0.03 < volumes["sinus"] / volumes["kidney"] < 0.35


def test_lesions_are_as_many_as_asked_for():
    kidney = kidney_parts(5, tumors=2, cysts=1)
    assert [lesion.value for lesion in kidney.lesions] == [CYST, TUMOR, TUMOR]
    assert kidney.volumes_ml["tumor"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_rare_anatomy_can_be_asked_for(kind):
    torso = abdomen(7, COARSE, kind=kind)
    assert torso.kind == kind
    assert len(torso.kidneys) == (1 if kind == "solitary" else 2)
    height = [kidney.center[2] for kidney in torso.kidneys.values()]
    assert (min(height) < -95) == (kind == "ectopic")


def test_a_horseshoe_kidney_is_one_piece():
    torso = abdomen(7, 2.0, extent=(-130, 110), kind="horseshoe")
    pieces, count = ndimage.label(np.isin(torso.labels, (PARENCHYMA, TUMOR, CYST, SINUS)))
    assert np.bincount(pieces.ravel())[1:].max() > 0.99 * (pieces > 0).sum(), f"{count} pieces"


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="pancake"):
        abdomen(1, COARSE, kind="pancake")


def test_ct_shows_tissue_in_hounsfield_units(a_torso):
    study = render(a_torso, "CT", spacing_mm=3.0)
    hu = study.image.voxels
    parenchyma = ndimage.binary_erosion(study.reference.voxels % 10 == 1)
    assert study.image.modality == "CT"
    assert 130 < hu[parenchyma].mean() < 210
    assert -1024 <= hu.min() < -900
    assert -120 < np.median(hu[ndimage.binary_erosion(a_torso.labels == 200, iterations=3)]) < -80


def test_mr_suppresses_fat_and_is_never_negative(a_torso):
    study = render(a_torso, "MR", spacing_mm=3.0)
    parenchyma = ndimage.binary_erosion(study.reference.voxels % 10 == 1)
    fat = ndimage.binary_erosion(a_torso.labels == 200, iterations=2)
    assert study.image.voxels.min() >= 0
    assert study.image.voxels[parenchyma].mean() > 3 * study.image.voxels[fat].mean()


def test_truth_keeps_volumes_on_thick_slices(a_torso):
    study = render(abdomen(20, 2.0, extent=(-110, 110)), "CT", spacing_mm=(2, 2, 5))
    counts = np.bincount(study.reference.voxels.ravel(), minlength=20) * study.image.voxel_ml
    for value, name in REFERENCE_NAMES.items():
        if study.volumes_ml[name] > 20:
            assert counts[value] == pytest.approx(study.volumes_ml[name], rel=0.05)


def test_an_oblique_left_handed_grid_shows_the_same_patient(a_torso):
    angle = np.deg2rad(25)
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1]])
    size = np.array([90, 80, 70])
    origin = np.array([0, 20, 0]) - turned @ (size / 2 * 4.0)
    grid = Image.from_spacing(np.zeros(size[::-1]), 4.0, origin, turned)
    seen, straight = truth(a_torso, grid), truth(a_torso, Image(a_torso.labels, a_torso.ijk_to_ras))
    for value in (1, 11):
        volume = (straight.voxels == value).sum() * straight.voxel_ml
        assert (seen.voxels == value).sum() * seen.voxel_ml == pytest.approx(volume, rel=0.06)


def test_the_demo_patient_has_a_tumor_and_a_cyst():
    from RenalParenchymaLib import demo

    labels, names = demo.reference(0)
    assert {"left_tumor", "left_cyst"} <= {names[value] for value in np.unique(labels.voxels) if value}
    assert labels.same_grid(demo.study(0)["volume"])
