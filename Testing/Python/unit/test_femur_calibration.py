"""The line from Hounsfield units to density: each phantom by its own equation, and what is said when the rods do not fit."""

import json
import math

import numpy as np
import pytest
from femur_toys import INTERCEPT, SLOPE, rod_hu

from DeepVolumetryLib.errors import InputError
from FemurQCTLib.calibration import PRESETS, Calibration, CalibrationError, Rod, fit_rods, manual


def rods(hu, sd: float = 12.0) -> list[Rod]:
    return [Rod((30.0 * n, -100.0, 0.0), float(value), sd, math.nan) for n, value in enumerate(hu)]


@pytest.mark.parametrize("key", PRESETS)
def test_every_phantom_gives_back_the_line_of_the_scanner(key):
    calibration = fit_rods(rods(rod_hu(PRESETS[key])), PRESETS[key])
    assert calibration.slope == pytest.approx(SLOPE, rel=1e-9)
    assert calibration.intercept == pytest.approx(INTERCEPT, abs=1e-6)
    assert [rod.fitted for rod in calibration.rods] == pytest.approx(list(PRESETS[key].densities))
    assert calibration.density(100.0) == pytest.approx(SLOPE * 100 + INTERCEPT, rel=1e-6)
    assert calibration.r_squared == pytest.approx(1)


def test_mindways_is_fitted_by_the_equation_of_its_guide():
    """HU - water = sigma rho + beta; sigma_CT = sigma - 0.2174; beta_CT = beta + 999.6; rho = (HU - beta_CT) / sigma_CT."""
    preset = PRESETS["mindways_3"]
    hu = np.array(preset.water) + 1.5 * np.array(preset.densities) - 1002.0
    calibration = fit_rods(rods(hu), preset)
    assert float(calibration.density(120.0)) == pytest.approx((120 - (-1002 + 999.6)) / (1.5 - 0.2174), rel=1e-6)
    assert calibration.unit == "mg/cm³ K2HPO4"


def test_the_values_of_a_certificate_win():
    preset = PRESETS["qrm_bdc_3"].with_certificate([101.3, 397.2, 803.9])
    calibration = fit_rods(rods((np.array([101.3, 397.2, 803.9]) - INTERCEPT) / SLOPE), preset)
    assert calibration.slope == pytest.approx(SLOPE)
    assert calibration.phantom == "qrm_bdc_3"
    with pytest.raises(InputError, match="5 water densities"):
        PRESETS["mindways_3"].with_certificate([1, 2, 3])


@pytest.mark.parametrize("key", [key for key, preset in PRESETS.items() if len(preset.densities) > 2])
def test_a_wrong_order_is_caught_and_named(key):
    hu = list(rod_hu(PRESETS[key]))
    with pytest.raises(CalibrationError, match="order seems to be wrong: the reverse"):
        fit_rods(rods(hu[::-1]), PRESETS[key])
    hu[-1], hu[-2] = hu[-2], hu[-1]
    with pytest.raises(CalibrationError, match="order seems to be wrong: rods 1, "):
        fit_rods(rods(hu), PRESETS[key])


@pytest.mark.parametrize(
    ("true", "chosen"),
    [("mindways_3", "bmas_200"), ("bmas_200", "mindways_3"), ("qrm_bdc_3", "image_analysis"), ("image_analysis", "qrm_bdc_3")],
)
def test_a_wrong_phantom_is_caught_and_the_right_one_named(true, chosen):
    with pytest.raises(CalibrationError) as error:
        fit_rods(rods(rod_hu(PRESETS[true])), PRESETS[chosen])
    assert f"They would fit {PRESETS[true].name} within 0.0 mg/cm³" in str(error.value)


def test_two_rods_can_be_exchanged_but_not_checked():
    calibration = fit_rods(rods(rod_hu(PRESETS["siemens_osteo"])), PRESETS["siemens_osteo"])
    assert math.isnan(calibration.residual_mg_cm3)
    assert math.isnan(calibration.half_width(200))
    assert "cannot be checked" in calibration.warnings[0]
    with pytest.raises(CalibrationError, match="the reverse would fit"):
        fit_rods(rods(rod_hu(PRESETS["siemens_osteo"])[::-1]), PRESETS["siemens_osteo"])


def test_rods_off_their_line_are_doubted_and_then_refused():
    hu = rod_hu(PRESETS["bmas_200"])
    bent = hu + np.array([0, 12, -12, 12, 0])
    assert "miss their line by" in fit_rods(rods(bent), PRESETS["bmas_200"]).warnings[0]
    with pytest.raises(CalibrationError, match="at most 15 is accepted"):
        fit_rods(rods(hu + np.array([0, 30, -30, 30, 0])), PRESETS["bmas_200"])


def test_the_number_of_rods_must_be_that_of_the_phantom():
    with pytest.raises(CalibrationError, match="has 5 rods, but 3 were given"):
        fit_rods(rods([0, 100, 200]), PRESETS["bmas_200"])


def test_the_interval_of_the_line_covers_as_often_as_it_says():
    preset = PRESETS["bmas_200"]
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        calibration = fit_rods(rods(rod_hu(preset) + rng.normal(0, 2, 5)), preset)
        hu = (180 - INTERCEPT) / SLOPE
        value = float(calibration.density(hu))
        hits += abs(value - 180) <= calibration.half_width(value)
    assert 0.91 <= hits / 400 <= 0.98


def test_ash_is_computed_by_the_equation_of_the_material_alone():
    assert float(manual(0.8, 0, "mindways_3").equivalent_ash(100)) == pytest.approx(1.06 * 100 + 38.9)
    assert float(manual(0.8, 0, "qrm_bdc_3").equivalent_ash(100)) == pytest.approx(0.839 * 100 + 69.8)
    with pytest.raises(InputError, match="needs to know the phantom"):
        Calibration(0.8, 0.0).equivalent_ash(100)
    assert "Keyak" in manual(0.8, 0, "mindways_3").ash_equation


def test_an_entered_line_is_checked_and_says_that_it_was_entered():
    calibration = manual(0.8, -4, "qrm_bdc_6")
    assert float(calibration.density(200)) == pytest.approx(156)
    assert "entered, not measured" in calibration.warnings[0]
    with pytest.raises(InputError, match="nothing that a CT gives"):
        manual(8.0, 0, "qrm_bdc_6")
    with pytest.raises(InputError, match="no calibration phantom “bone”"):
        manual(0.8, 0, "bone")


def test_a_calibration_survives_being_stored():
    for calibration in (manual(0.8, -4, "qrm_bdc_6"), fit_rods(rods(rod_hu(PRESETS["mindways_3"])), PRESETS["mindways_3"])):
        again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
        assert again.to_dict() == calibration.to_dict()
        assert again.half_width(100) == pytest.approx(calibration.half_width(100), nan_ok=True)
        assert calibration.to_dict()["unit"].startswith("mg/cm³ ")
