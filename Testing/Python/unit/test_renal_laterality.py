"""Which place is which kidney, and what is said about unusual anatomy. R grows to the patient's right."""

from __future__ import annotations

import numpy as np
import pytest

from RenalParenchymaLib.laterality import Candidate, assign_sides


def candidate(ml=150.0, r=60.0, s=0.0, confidence=0.95, half_mm=30.0, cut=0.0) -> Candidate:
    center = np.array([r, 0.0, s])
    return Candidate(ml, confidence, center, center - half_mm, center + half_mm, cut)


def sides_of(*candidates: Candidate, midline=0.0):
    return assign_sides(sorted(candidates, key=lambda each: -each.volume_ml), lambda s: midline)


def test_two_kidneys_get_the_sides_that_the_patient_has_and_no_remark():
    chosen = sides_of(candidate(160, r=-58), candidate(150, r=61))
    assert (chosen.sides, chosen.fused, chosen.warnings) == ({"left": 1, "right": 2}, False, [])


def test_sides_follow_the_spine_and_not_the_middle_of_the_image():
    chosen = sides_of(candidate(160, r=130), candidate(150, r=20), midline=75.0)
    assert chosen.sides == {"right": 1, "left": 2}


def test_a_bent_spine_is_followed_at_each_height():
    left, right = candidate(160, r=20, s=80), candidate(150, r=10, s=-60)
    chosen = assign_sides([left, right], lambda s: 50.0 if s > 0 else -50.0)
    assert chosen.sides == {"left": 1, "right": 2}


def test_nothing_found_says_what_to_do():
    chosen = sides_of()
    assert chosen.sides == {}
    assert "No kidney was found" in chosen.warnings[0]
    assert "Correct" in chosen.warnings[0]


def test_a_solitary_kidney_is_measured_and_the_missing_side_named():
    chosen = sides_of(candidate(260, r=60))
    assert chosen.sides == {"right": 1}
    assert chosen.warnings == ["Only the right kidney was found. If the left one is there, outline it under Correct."]


def test_a_horseshoe_kidney_is_both_sides():
    chosen = sides_of(candidate(300, r=0, half_mm=90))
    assert (chosen.sides, chosen.fused) == ({"left": 1, "right": 1}, True)
    assert "horseshoe" in chosen.warnings[0]


def test_a_wide_kidney_beside_another_one_is_not_taken_for_a_horseshoe():
    chosen = sides_of(candidate(700, r=30, half_mm=75), candidate(140, r=-60))
    assert chosen.fused is False
    assert chosen.sides == {"right": 1, "left": 2}


def test_crossed_ectopia_keeps_both_kidneys_and_says_so():
    chosen = sides_of(candidate(180, r=60, s=20), candidate(120, r=45, s=-60))
    assert chosen.sides == {"right": 1, "left": 2}
    assert "Both kidneys lie on the patient's right" in chosen.warnings[0]
    assert "listed as left" in chosen.warnings[0]


@pytest.mark.parametrize("confidence", [0.55, 0.79])
def test_a_doubtful_second_place_on_the_same_side_is_no_crossed_kidney(confidence):
    chosen = sides_of(candidate(180, r=60), candidate(90, r=45, s=-80, confidence=confidence))
    assert chosen.sides == {"right": 1}
    assert any("Another place looks like kidney (90 mL at R 45, A 0, S -80 mm)" in text for text in chosen.warnings)


def test_a_stray_piece_does_not_replace_a_missing_kidney():
    chosen = sides_of(candidate(200, r=60), candidate(12, r=-40, confidence=0.7))
    assert chosen.sides == {"right": 1}
    assert len([text for text in chosen.warnings if "Another place" in text]) == 1


def test_a_small_but_certain_kidney_is_kept_and_called_small():
    chosen = sides_of(candidate(420, r=60), candidate(34, r=-55, confidence=0.9))
    assert chosen.sides == {"right": 1, "left": 2}
    assert "The left kidney is unusually small (34 mL on the coarse grid)." in chosen.warnings


def test_a_huge_kidney_is_called_large():
    assert any("unusually large (900 mL" in text for text in sides_of(candidate(900, r=70), candidate(150, r=-60)).warnings)


def test_a_kidney_at_the_edge_of_the_scan_is_called_incomplete():
    chosen = sides_of(candidate(160, r=-58), candidate(90, r=61, cut=0.1))
    assert chosen.warnings == ["The right kidney reaches the edge of the scan; its volume is incomplete."]


def test_kidneys_far_apart_in_height_are_pointed_out():
    assert any("very different heights" in text for text in sides_of(candidate(160, r=-58, s=10), candidate(140, r=40, s=-95)).warnings)


def test_a_kidney_that_the_model_doubts_is_to_be_checked_first():
    warnings = sides_of(candidate(160, r=-58, confidence=0.58), candidate(150, r=61)).warnings
    assert warnings == ["The model is unsure of the left kidney; check it first."]


def test_no_more_than_three_other_places_are_listed():
    strays = [candidate(14 - n, r=20 + n, confidence=0.6) for n in range(5)]
    warnings = sides_of(candidate(160, r=-58), candidate(150, r=61), *strays).warnings
    assert len([text for text in warnings if "Another place" in text]) == 3
