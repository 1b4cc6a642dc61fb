"""The measurement table as a radiologist reads it."""

from __future__ import annotations

import math

import pytest

from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.study import measurementTable


@pytest.fixture
def a_pair_of_kidneys():
    return [
        Measurement("left_kidney", "Volume", 182.4, "mL", 175.2, 190.1, 0.95),
        Measurement("right_kidney", "Volume", 171.0, "mL", 160.0, 180.0, 0.95, verdict="within the reference range"),
        Measurement("total_kidney", "Volume", 353.4, "mL", 340.0, 366.0, 0.95),
        Measurement("left_parenchyma", "Split function", 52.31, "%"),
        Measurement("both_kidneys", "eGFR", 88.25, "mL/min/{1.73_m2}"),
        Measurement("left_tumor", "Volume", 0.0, "mL", 0.0, 0.4, 0.95),
    ]


def test_left_right_and_total_of_one_quantity_share_a_row(a_pair_of_kidneys):
    rows = measurementTable.rows(a_pair_of_kidneys)
    assert [row.title.replace("\u2060", "").replace("\u00a0", " ") for row in rows] == [
        "Volume (mL)",
        "Split function (%)",
        "eGFR (mL/min/1.73 m²)",
        "Volume (mL)",
    ]
    assert [row.structure for row in rows] == ["kidney", "parenchyma", "both kidneys", "tumor"]
    assert {side: measurementTable.cell(cell) for side, cell in rows[0].cells.items()} == {
        "left": "182 (175–190)",
        "right": "171 (160–180)",
        "total": "353 (340–366)",
    }


def test_columns_are_ordered_as_on_the_screen_with_the_right_side_first(a_pair_of_kidneys):
    assert measurementTable.columns(measurementTable.rows(a_pair_of_kidneys)) == ["right", "left", "total"]


def test_segment_without_a_side_stands_alone():
    rows = measurementTable.rows([Measurement("spleen", "Volume", 214.6, "mL")])
    assert (rows[0].structure, rows[0].title, list(rows[0].cells)) == ("spleen", "Volume (mL)", ["total"])


@pytest.mark.parametrize(
    ("value", "text"), [(182.4, "182"), (99.96, "100"), (18.24, "18.2"), (9.996, "10.0"), (1.824, "1.82"), (0, "0"), (math.nan, "–")]
)
def test_numbers_have_three_significant_digits(value, text):
    assert measurementTable.number(value) == text


def test_number_that_could_not_be_measured_has_no_interval():
    assert measurementTable.cell(Measurement("left_kidney", "Volume", math.nan, "mL", 0.0, 1.0, 0.95)) == "–"


def test_copied_text_holds_every_value_and_every_verdict(a_pair_of_kidneys):
    lines = measurementTable.as_text(a_pair_of_kidneys).splitlines()
    assert lines[0] == "\tRight\tLeft\tTotal"
    assert lines[1] == "Kidney: Volume (mL)\t171 (160–180)\t182 (175–190)\t353 (340–366)"
    assert lines[-1] == "Right kidney, volume: within the reference range"
