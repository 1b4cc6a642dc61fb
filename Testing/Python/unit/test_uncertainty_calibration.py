from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from DeepVolumetryLib.uncertainty.calibrate import Calibration, fit_temperature, reliability


@pytest.fixture
def an_overconfident_network():
    random = np.random.default_rng(0)
    honest = random.uniform(0.02, 0.98, 20_000)
    truth = random.uniform(size=honest.size) < honest
    return expit(2.5 * logit(honest)), truth


def test_the_temperature_undoes_overconfidence(an_overconfident_network):
    probability, truth = an_overconfident_network
    assert fit_temperature(probability, truth).temperature == pytest.approx(2.5, rel=0.05)


def test_calibration_makes_the_reliability_curve_straight(an_overconfident_network):
    probability, truth = an_overconfident_network
    before = reliability(probability, truth).expected_calibration_error
    after = reliability(fit_temperature(probability, truth).apply(probability), truth).expected_calibration_error
    assert before > 0.1
    assert after < 0.015


def test_calibration_never_moves_the_contour():
    p = np.array([0, 0.2, 0.5, 0.50001, 0.9, 1], np.float32)
    calibrated = Calibration(3.0).apply(p)
    np.testing.assert_array_equal(calibrated > 0.5, p > 0.5)
    assert calibrated[[0, 2, 5]].tolist() == [0, 0.5, 1]


def test_ece_by_hand():
    curve = reliability(np.array([0.1, 0.1, 0.8, 0.8]), np.array([0, 0, 1, 0], bool), bins=2)
    assert curve.expected_calibration_error == pytest.approx((2 * 0.1 + 2 * 0.3) / 4)
    assert curve.counts.tolist() == [2, 2]


def test_calibration_survives_json():
    assert Calibration.from_dict(Calibration(1.7).to_dict()) == Calibration(1.7)


def test_calibrating_on_background_alone_is_refused():
    with pytest.raises(ValueError, match="both foreground and background"):
        fit_temperature(np.array([0.1, 0.2]), np.array([False, False]))
