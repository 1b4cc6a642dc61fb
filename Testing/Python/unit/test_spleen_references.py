"""Limits for a spleen, and the three answers."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib import references, verdict
from SpleenVolumeLib.parameters import Parameters

ADULT = Parameters(age=45)
INTERVALS = [((330, 420), "above"), ((180, 300), "below"), ((290, 360), "cannot be decided: the interval crosses")]


@pytest.mark.parametrize(("interval", "word"), INTERVALS)
def test_verdict_is_yes_no_or_cannot_be_decided(interval, word):
    assert verdict.adult_verdict(310.0, interval, ADULT) == f"{word} the adult limit (314.5 mL)"


def test_verdict_without_age_says_that_the_limit_is_for_adults():
    assert verdict.adult_verdict(400.0, (350, 450), Parameters()) == "above the adult limit (314.5 mL) (for adults; the age is not given)"


def test_verdict_without_interval_says_so():
    assert verdict.adult_verdict(400.0, None, ADULT) == "above the adult limit (314.5 mL); no interval is stated"


def test_small_spleens_are_called_small():
    assert verdict.adult_verdict(80.0, (70, 95), ADULT) == "small: below the adult range of 107.2–314.5 mL"


@pytest.mark.parametrize(("age", "words"), [(7, "7 years"), (0.5, "6 months"), (17.9, "17.9 years")])
def test_adult_limit_is_never_used_for_a_child(age, words):
    said = verdict.adult_verdict(400.0, (350, 450), Parameters(age=age))
    assert said == f"the adult limit of 314.5 mL is not used at {words}; see the length"
    assert verdict.index_verdict(600, Parameters(age=age)) == ""


@pytest.mark.parametrize(("sex", "height", "length_cm", "volume"), [("female", 170, 12.3, 267), ("male", 180, 13.5, 331)])
def test_limits_by_sex_and_height_are_those_that_were_published(sex, height, length_cm, volume):
    found = references.by_height(sex, height)
    assert found.length_mm / 10 == pytest.approx(length_cm, abs=0.06) and found.volume_ml == pytest.approx(volume, abs=1)


@pytest.mark.parametrize(("sex", "height"), [("female", 150), ("female", 181), ("male", 164), ("male", 201), ("", 175), ("male", None)])
def test_heights_that_were_not_studied_have_no_limit(sex, height):
    assert references.by_height(sex, height) is None


def test_a_height_that_was_not_studied_is_said_and_so_are_limits_that_a_child_has_not():
    assert verdict.missing_references(Parameters(age=40, sex="male", height_cm=160)) == [
        "The limits by sex and height (Chow 2016) hold for men of 165–200 cm and are not used."
    ]
    assert "for adults and are not used" in verdict.missing_references(Parameters(age=9, sex="male", height_cm=130))[0]
    assert "below three months" in verdict.missing_references(Parameters(age=0.1))[0]


@pytest.mark.parametrize(("age", "limit"), [(0.25, 60), (0.5, 65), (1, 70), (2, 80), (4, 90), (6, 95), (8, 100), (10, 110), (12, 115)])
def test_limits_of_children_are_those_that_were_published(age, limit):
    assert references.child_length_limit_mm(age, "female") == pytest.approx((limit, limit))


def test_limits_of_children_between_and_beyond_the_published_ages():
    assert references.child_length_limit_mm(3, "male") == pytest.approx((85, 85))
    assert references.child_length_limit_mm(16, "female") == (120, 120) and references.child_length_limit_mm(16, "male") == (130, 130)
    assert references.child_length_limit_mm(16) == (120, 130)
    assert references.child_length_limit_mm(0.2) is None and references.child_length_limit_mm(18) is None


def test_length_of_a_child_and_of_an_adult_in_words():
    woman = Parameters(age=30, sex="female", height_cm=170)
    assert verdict.length_verdict(104, Parameters(age=8)) == "above the upper limit of 100 mm at 8 years"
    between = "between the ends of the upper limit of 120 (girls) to 130 mm (boys) at 16 years"
    assert verdict.length_verdict(125, Parameters(age=16)) == between
    assert verdict.length_verdict(125, woman) == "above the 95th percentile of women of 170 cm, 123 mm"
    assert verdict.length_verdict(125, Parameters(age=30)) == ""


def test_probability_is_the_share_of_the_distribution_above_the_limit():
    assert verdict.probability_above(np.array([300, 310, 320, 330.0])) == 0.5


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"method": "magic"}, "There is no method “magic”. Choose one of: auto,"),
        ({"age": 200}, "Age 200 years is out of range; give 0.01 to 120 years."),
        ({"length_mm": 12}, "Length 12 mm is out of range; give 20 to 400 mm. Is it in cm? Give it in mm."),
        ({"members": 2.5}, "Members must be a whole number, not “2.5”."),
        ({"sex": "x"}, "Sex “x” is not known; choose female, male."),
        ({"coronal_turn": 45}, "Coronal turn “45” is not known; choose 0, 90, 180, 270."),
        ({"coronal_mirror": 1}, "Coronal mirror “1” is not known; choose False, True."),
        ({"size": 1}, "SpleenVolume has no parameter “size”"),
    ],
)
def test_parameters_out_of_range_are_refused_with_what_is_expected(values, sentence):
    with pytest.raises(InputError) as caught:
        Parameters.from_dict(values)
    assert str(caught.value).startswith(sentence)


def test_zero_means_not_given():
    assert Parameters(age=0, height_cm=0, length_mm=0) == Parameters() and Parameters(length_mm=110).calipers == {"length_mm": 110}
