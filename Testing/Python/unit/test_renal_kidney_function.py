from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from RenalParenchymaLib import kidney_function as function
from RenalParenchymaLib import references


@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "expected"),
    [
        (0.9, 55, "female", 75.5),  # published worked example, rounded there to 76
        (1.0, 50, "male", 91.7),  # 142 * (1/0.9)^-1.2 * 0.9938^50
        (0.5, 30, "female", 129.3),  # 142 * (0.5/0.7)^-0.241 * 0.9938^30 * 1.012
        (0.7, 18, "female", 128.5),  # both power terms are 1
        (4.0, 70, "male", 15.35),
    ],
)
def test_ckd_epi_2021(creatinine, age, sex, expected):
    assert function.egfr_ckd_epi_2021(creatinine, age, sex) == pytest.approx(expected, abs=0.06)


def test_ckd_epi_is_refused_for_children():
    with pytest.raises(ValueError, match="from 18 years on"):
        function.egfr_ckd_epi_2021(0.5, 17, "male")


def test_bedside_schwartz():
    assert function.egfr_bedside_schwartz(0.5, 100, 5) == pytest.approx(82.6)
    with pytest.raises(ValueError, match="1 to 17 years"):
        function.egfr_bedside_schwartz(0.5, 170, 18)


def test_body_surface_area():
    assert function.bsa_mosteller(175, 70) == pytest.approx(1.845, abs=5e-4)
    assert function.bsa_mosteller(170, 70) == pytest.approx(1.818, abs=5e-4)
    assert function.bsa_dubois(170, 70) == pytest.approx(1.810, abs=1e-3)


@pytest.mark.parametrize(
    ("gfr", "stage"), [(120, "G1"), (90, "G1"), (89.9, "G2"), (60, "G2"), (45, "G3a"), (44.9, "G3b"), (30, "G3b"), (15, "G4"), (14.9, "G5")]
)
def test_kdigo_categories(gfr, stage):
    assert function.ckd_stage(gfr)[0] == stage


def test_new_baselines_by_hand():
    assert function.gfr_after_radical_nephrectomy(80, 0.5) == pytest.approx(49.6)
    assert function.gfr_after_radical_nephrectomy(80, 0.9) == 80
    assert function.gfr_after_partial_nephrectomy(80, 0.5, 0.2) == pytest.approx(72)


@pytest.mark.parametrize(
    ("value", "side", "sex", "age", "words"),
    [
        (142, "right", "female", 45, "about the 50th percentile of women of 40–59 years"),
        (101, "right", "female", 45, "below the reference range of women of 40–59 years (5th percentile 102 mL)"),
        (171, "right", "male", 45, "about the 38th percentile of men of 40–59 years"),
        (220, "right", "male", 75, "in the upper quarter of men of 60–81 years (above 184 mL)"),
        (120, "left", "female", 30, "in the lower quarter of women of 22–81 years (below 125 mL)"),
        (180, "left", "male", 70, "about the 50th percentile of men of 22–81 years"),
        (150, "right", "", 50, ""),
        (150, "right", "male", None, ""),
        (150, "right", "male", 15, ""),
        (150, "right", "male", 85, ""),
        (float("nan"), "right", "male", 50, ""),
    ],
)
def test_parenchyma_is_placed_among_people_of_the_same_sex_and_age(value, side, sex, age, words):
    assert references.parenchyma_verdict(value, side, sex, age) == words


@given(st.sampled_from(["left", "right"]), st.sampled_from(["female", "male"]), st.floats(22, 81))
def test_percentiles_rise_with_volume(side, sex, age):
    reference = references.parenchyma_percentiles(side, sex, age)
    assert reference is not None
    known = [p for p in (reference.p5, reference.p25, reference.p50, reference.p75) if p is not None]
    assert known == sorted(known)
    assert [references.percentile_of(p, reference) for p in known] == [5, 25, 50, 75][-len(known) :]


def test_children_are_judged_by_body_surface_area():
    assert references.child_verdict(60) == "usual for a child (45–85 mL/m²)"
    assert references.child_verdict(40).startswith("small for a child")
    assert references.child_verdict(90).startswith("large for a child")


def test_length_is_judged_by_side():
    assert references.length_verdict(110, "left") == "within the usual 86–136 mm of adults"
    assert references.length_verdict(80, "right") == "shorter than the usual 84–133 mm of adults"


def test_a_split_outside_45_to_55_percent_is_asymmetric():
    assert references.split_verdict(0.45).startswith("symmetric")
    assert references.split_verdict(0.44).startswith("asymmetric")
