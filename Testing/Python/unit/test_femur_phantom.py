"""The phantom patient: what is said to be true about a scan is true."""

from __future__ import annotations

import femur_patients
import numpy as np
import pytest

from FemurQCTLib.anatomy.bone import Bone
from FemurQCTLib.anatomy.context import draw_tissues
from FemurQCTLib.calibration import calibrate, preset_of
from FemurQCTLib.phantom import complete_ml, rod_hu


def test_the_reference_has_the_volume_that_is_stated():
    study = femur_patients.study()
    for value, side in ((1, "left"), (2, "right")):
        counted = float((study.reference.voxels == value).sum()) * study.image.voxel_ml
        assert counted == pytest.approx(study.truth[side].volume_ml, rel=0.01)
        assert study.truth[side].volume_ml == pytest.approx(study.truth[side].complete_ml, rel=0.01)


def test_both_femora_are_mirror_images():
    left, right = (complete_ml(femur) for femur in femur_patients.person().femora)
    assert left == pytest.approx(right, rel=1e-6)


def test_left_is_at_the_left():
    study = femur_patients.study()
    at = {value: np.argwhere(study.reference.voxels == value)[:, ::-1].mean(0) for value in (1, 2)}
    r = {value: (study.image.ijk_to_ras @ (*place, 1))[0] for value, place in at.items()}
    assert r[1] < -60 and r[2] > 60


@pytest.mark.parametrize("phantom", ["qrm_bdc_3", "mindways_3", "bmas_200"])
def test_the_rods_give_the_scale_of_the_patient_back(phantom):
    patient = femur_patients.person()
    study = femur_patients.study(phantom=phantom, spacing=(1.5, 1.5, 5.0), below_mm=40.0, above_mm=20.0)
    found = calibrate(study.image, phantom)
    for density in (0.0, 100.0, 300.0):
        hu = patient.scale.hu(np.array(density))
        # The cupping of the scanner lowers what lies in the middle of the body, not what lies below it.
        assert float(found.density(hu)) == pytest.approx(density, abs=4)


def test_rods_in_water_and_solid_rods_have_the_same_scale():
    patient = femur_patients.person()
    solid = rod_hu(preset_of("qrm_bdc_3"), patient.scale)
    np.testing.assert_allclose(solid * patient.scale.slope + patient.scale.intercept, (100, 400, 800))
    assert rod_hu(preset_of("mindways_3"), patient.scale)[4] > 300


def test_a_tilted_gantry_shears_the_grid_and_keeps_the_volume():
    study = femur_patients.study(tilt_deg=12.0)
    j, k = study.image.ijk_to_ras[:3, 1], study.image.ijk_to_ras[:3, 2]
    assert abs(j @ k) / np.linalg.norm(j) / np.linalg.norm(k) == pytest.approx(np.sin(np.deg2rad(12)), abs=1e-6)
    assert study.truth["left"].volume_ml == pytest.approx(femur_patients.study().truth["left"].volume_ml, rel=0.01)


def test_a_scan_that_ends_early_shows_less_than_the_whole():
    cut = femur_patients.study(below_mm=45.0)
    assert cut.truth["left"].volume_ml < 0.85 * cut.truth["left"].complete_ml


def test_density_is_between_marrow_and_cortex():
    study = femur_patients.study()
    assert 200 < study.truth["left"].density < 500
    assert study.density.voxels.max() < 1.15 * Bone().cortex
    assert study.truth["left"].mineral_g == pytest.approx(study.truth["left"].density * study.truth["left"].volume_ml / 1000)


def test_contrast_medium_is_in_the_vessels_only_where_it_is_asked_for():
    assert draw_tissues(np.random.default_rng(0), contrast=True).artery > 120
    assert draw_tissues(np.random.default_rng(0), contrast=False).artery < 60
