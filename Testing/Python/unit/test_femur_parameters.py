"""What may be set, and what is said when it may not."""

from __future__ import annotations

import pytest

from DeepVolumetryLib.errors import InputError
from FemurQCTLib.calibration import PRESETS
from FemurQCTLib.evaluation import comparisons
from FemurQCTLib.parameters import PHANTOMS, Parameters


def test_every_preset_can_be_chosen():
    assert set(PHANTOMS) == {"", *PRESETS}


def test_parameters_survive_json():
    given = Parameters(phantom="qrm_bdc_3", certificate=(99, 401, 799), rods=((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    assert Parameters.from_dict(given.to_dict()) == given


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"phantoms": "x"}, "FemurQCT has no parameter “phantoms”"),
        ({"phantom": "mindways"}, "Phantom “mindways” is not known; choose mindways_3"),
        ({"slope": 0.8}, "the intercept is missing"),
        ({"intercept": 3.0}, "the slope is missing"),
        ({"certificate": (1, 2, 3)}, "belong to a phantom"),
        ({"phantom": "qrm_bdc_3", "certificate": (1, "x", 3)}, "must be a list of numbers"),
        ({"phantom": "qrm_bdc_3", "rods": ((1, 2), (3, 4))}, "three numbers: R, A and S"),
        ({"phantom": "qrm_bdc_3", "slope": 0.8, "intercept": 0, "certificate": (1, 2, 3)}, "not both"),
        ({"members": 0}, "Members 0 is out of range"),
        ({"threshold": "thick"}, "Threshold must be a number"),
        ({"strength": "jump"}, "Strength “jump” is not known"),
        ({"planes": {"middle": {}}}, "by side, left and right"),
    ],
)
def test_what_cannot_be_is_named(values, sentence):
    with pytest.raises(InputError, match=sentence):
        Parameters.from_dict(values)


def test_an_intercept_of_zero_is_a_value():
    assert Parameters(phantom="qrm_bdc_3", slope=0.8, intercept=0.0).intercept == 0.0


def test_references_may_know_sides_or_not():
    both = comparisons({1: "femur_left", 2: "femur_right"})
    assert [wanted.name for wanted in both] == ["femur", "left_femur", "right_femur"]
    assert [wanted.name for wanted in comparisons({1: "femur"})] == ["femur"]
    with pytest.raises(InputError, match="“tibia” that is not known"):
        comparisons({1: "tibia"})
