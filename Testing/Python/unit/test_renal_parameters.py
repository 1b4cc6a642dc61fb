from __future__ import annotations

import json
from dataclasses import fields

import pytest

from DeepVolumetryLib.errors import InputError
from RenalParenchymaLib.parameters import Parameters
from RenalParenchymaLib.segments import SPECS, display_name


def test_defaults_need_no_patient_facts():
    parameters = Parameters()
    assert (parameters.members, parameters.seed, parameters.speed) == (4, 0, "standard")
    assert parameters.age is parameters.height_cm is parameters.weight_kg is parameters.creatinine_mg_dl is None


def test_zero_in_a_spin_box_means_not_given():
    assert Parameters.from_dict({"age": 0, "creatinine_mg_dl": 0.0}).age is None


def test_parameters_survive_json():
    given = Parameters(members=2, age=61, sex="female", height_cm=165, weight_kg=70, creatinine_mg_dl=0.9, speed="fast")
    assert Parameters.from_dict(json.loads(json.dumps(given.to_dict()))) == given


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"memebrs": 3}, "RenalParenchyma has no parameter “memebrs”; it has members, seed"),
        ({"members": 0}, "Members 0 is out of range; give 1 to 16."),
        ({"members": 2.5}, "Members must be a whole number, not “2.5”."),
        ({"age": float("nan")}, "Age must be a number, not “nan”."),
        ({"age": 130}, "Age 130 years is out of range; give 0.1 to 120 years."),
        ({"height_cm": 1.75}, "Height 1.75 cm is out of range; give 30 to 250 cm."),
        ({"creatinine_mg_dl": 88}, "A value in µmol/L must be divided by 88.4."),
        ({"sex": "f"}, "Sex “f” is not known; choose female, male."),
        ({"speed": "warp"}, "Speed “warp” is not known; choose fast, standard, thorough."),
        ({"weight_kg": "seventy"}, "Weight must be a number, not “seventy”."),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_expected(values, sentence):
    with pytest.raises(InputError) as caught:
        Parameters.from_dict(values)
    assert sentence in str(caught.value)


def test_every_parameter_explains_itself():
    assert all(entry.metadata["help"] and ("range" in entry.metadata or "choices" in entry.metadata) for entry in fields(Parameters))


def test_segments_are_four_per_side_with_their_kidney_as_parent():
    keys = [spec.key for spec in SPECS]
    assert len(keys) == len(set(keys)) == 8
    assert {spec.parent for spec in SPECS if not spec.key.endswith("kidney")} == {"left_kidney", "right_kidney"}


def test_segments_carry_the_codes_of_the_slicer_terminology():
    by_key = {spec.key: spec for spec in SPECS}
    assert by_key["left_kidney"].type.value == "64033007"
    assert by_key["left_kidney"].modifier.value == "7771000"
    assert by_key["right_cyst"].region.value == "64033007"
    assert by_key["right_cyst"].region_modifier.value == "24028007"
    assert by_key["left_kidney"].color == (185, 102, 83)


def test_totals_have_names_too():
    assert display_name("total_parenchyma") == "Renal parenchyma, both sides"
    assert display_name("left_tumor") == "Left renal tumor"
