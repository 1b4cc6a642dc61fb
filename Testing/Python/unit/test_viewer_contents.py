"""What the page shows of a study, and how the review goes on."""

from __future__ import annotations

from dataclasses import replace

from DeepVolumetryLib.app.viewer import contents
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.study import reviewList
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

KIDNEYS = [
    Measurement("right_kidney", "Volume", 159.2, "mL", 111.0, 218.4, 0.95, verdict="within the usual range"),
    Measurement("left_kidney", "Volume", 295.0, "mL", 250.0, 361.0, 0.95),
    Measurement("total_kidney", "Volume", 454.2, "mL", 361.0, 579.0, 0.95),
    Measurement("left_kidney", "Length", float("nan"), "mm"),
]
PLACES = [
    ReviewRegion(1, "tumor", 2.86, (0, 0, 0), 3.0, kind="outside", reviewed="looks_right"),
    ReviewRegion(2, "parenchyma", 2.61, (0, 0, 0), 3.0, kind="boundary"),
    ReviewRegion(3, "tumor", 1.5, (0, 0, 0), 3.0, kind="inside"),
]


def test_the_table_is_that_of_the_panels():
    table = contents.table(KIDNEYS, {})
    assert table["columns"] == ["Right", "Left", "Total"]
    assert table["lines"][0] == {"heading": "Kidney", "title": "", "cells": []}
    assert table["lines"][1]["title"].startswith("Volume")
    assert table["lines"][1]["cells"] == ["159\n(111–218)", "295\n(250–361)", "454\n(361–579)"]
    assert table["lines"][2]["cells"] == ["", "–", ""]
    assert table["verdicts"] == [{"subject": "Right kidney, volume", "text": "within the usual range"}]
    assert table["level"] == "In parentheses: 95 % interval."


def test_without_a_result_there_is_no_line():
    assert contents.table([], {}) == {"columns": [], "lines": [], "verdicts": [], "level": "No intervals are stated."}


def test_places_say_what_is_at_stake_and_what_became_of_them():
    rows = contents.places(PLACES, {"tumor": "Tumor"})
    assert rows[0] == {"rank": "1", "structure": "Tumor, possibly missed", "stake": "2.86 mL", "reviewed": "looks right"}
    assert rows[1]["structure"] == "Parenchyma, contour"
    assert reviewList.summary(PLACES) == "1 of 3 places reviewed, 41 % of the volume at stake; 4.1 mL are left."
    assert reviewList.summary([]) == "The model is sure everywhere: there is no place to review."


def test_the_review_goes_on_to_what_nobody_looked_at_round_the_end():
    assert reviewList.following(PLACES, 0) == 1
    assert reviewList.following(PLACES, 2) == 1
    assert reviewList.following([replace(region, reviewed="fixed") for region in PLACES], 2) == 2
