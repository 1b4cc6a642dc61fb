"""Rods are found in a scan, whatever its grid, and recovered within 1 mg/cm³."""

import numpy as np
import pytest
from femur_toys import rod_scan

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from FemurQCTLib.calibration import PRESETS, CalibrationError, calibrate

HARD = {"noise": 15.0, "tilt_deg": (3.0, 2.0), "blur_mm": 2.0, "body_hu": 60.0, "slices": 24, "turn_deg": 2.0}


def worst(calibration) -> float:
    return max(abs(rod.fitted - rod.density) for rod in calibration.rods)


@pytest.mark.parametrize("key", PRESETS)
def test_rods_are_recovered_within_1_mg_with_noise_tilt_and_blur(key):
    scan = rod_scan(key, **HARD)
    calibration = calibrate(scan.image, key)
    assert worst(calibration) < 1
    assert [rod.hu_mean for rod in calibration.rods] == pytest.approx(list(scan.hu), abs=1.5)
    centers = np.array([rod.center_ras for rod in calibration.rods])
    assert np.abs(centers[:, 0] - scan.centers[:, 0] - np.tan(np.radians(3)) * centers[:, 2]).max() < 0.6


def test_a_phantom_that_lies_the_other_way_round_is_read_from_its_other_end():
    scan = rod_scan("mindways_3", reverse=True, **HARD)
    calibration = calibrate(scan.image, "mindways_3")
    assert worst(calibration) < 1
    assert calibration.rods[0].center_ras[0] > 50 > -50 > calibration.rods[-1].center_ras[0]


def test_a_rod_that_nobody_can_see_is_taken_to_lie_where_the_row_goes_on():
    scan = rod_scan("bmas_200", body_hu=-3.7, noise=12)
    calibration = calibrate(scan.image, "bmas_200")
    assert worst(calibration) < 1
    assert calibration.rods[0].center_ras[0] == pytest.approx(scan.centers[0, 0], abs=2)


def test_any_grid_shows_the_same_rods():
    scan = rod_scan("qrm_bdc_3", body_hu=60, noise=8, slices=16)
    expected = calibrate(scan.image, "qrm_bdc_3")
    flipped = Image(np.ascontiguousarray(scan.image.voxels[::-1, ::-1]), _flipped(scan.image), modality="CT")
    turned = Image(np.moveaxis(scan.image.voxels, 0, 2), scan.image.ijk_to_ras[:, [2, 0, 1, 3]], modality="CT")
    for image in (flipped, turned):
        found = calibrate(image, "qrm_bdc_3")
        assert found.slope == pytest.approx(expected.slope, rel=1e-3)
        assert np.allclose([r.center_ras for r in found.rods], [r.center_ras for r in expected.rods], atol=0.5)


def _flipped(image: Image) -> np.ndarray:
    matrix = image.ijk_to_ras.copy()
    for axis in (1, 2):
        matrix[:, 3] += matrix[:, axis] * (image.size[axis] - 1)
        matrix[:, axis] *= -1
    return matrix


@pytest.mark.parametrize(
    ("true", "chosen"),
    [
        ("bmas_200", "image_analysis"),  # every other rod of the one lies on the line of the other
        ("qrm_bdc_6", "qrm_bdc_3"),
        ("image_analysis", "qrm_bdc_3"),
        ("mindways_3", "bmas_200"),
        ("bmas_200", "siemens_osteo"),
    ],
)
def test_a_wrong_phantom_is_caught_and_the_right_one_named(true, chosen):
    with pytest.raises(CalibrationError) as error:
        calibrate(rod_scan(true, noise=12, body_hu=60, slices=12).image, chosen)
    assert f"They would fit {PRESETS[true].name}" in str(error.value)


def test_a_scan_without_a_phantom_says_what_to_do():
    scan = rod_scan("bmas_200", hu=np.full(5, 10.0), body_hu=10, slices=8)
    with pytest.raises(CalibrationError, match=r"No row of 5 rods was found.*only HU are measured"):
        calibrate(scan.image, "bmas_200")


def test_rods_are_not_looked_for_in_bone():
    scan = rod_scan("bmas_200", noise=10, body_hu=60, slices=12)
    with pytest.raises(CalibrationError, match="No row"):
        calibrate(scan.image, "bmas_200", masks_to_avoid=np.ones(scan.image.shape, bool))


def test_marked_rods_need_no_precise_hand():
    scan = rod_scan("mindways_3", **HARD)
    rng = np.random.default_rng(1)
    points = scan.centers + rng.uniform(-3, 3, (5, 3))
    calibration = calibrate(scan.image, "mindways_3", rods=points)
    assert worst(calibration) < 1.5
    assert calibration.source == "rods marked"
    with pytest.raises(CalibrationError, match="order seems to be wrong: rods 2, 1, 3, 4, 5"):
        calibrate(scan.image, "mindways_3", rods=points[[1, 0, 2, 3, 4]])


def test_a_mark_outside_of_the_image_is_named():
    scan = rod_scan("siemens_osteo", slices=6)
    with pytest.raises(InputError, match="Rod 2 is marked outside of the image"):
        calibrate(scan.image, "siemens_osteo", rods=[scan.centers[0], (900, 0, 0)])
