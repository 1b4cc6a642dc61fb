"""What is read off assembled kidneys is the same as if the whole scan had been looked at."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions
from RenalParenchymaLib.assemble import Assembled
from RenalParenchymaLib.findings import REACH_MM, measure, places_to_review, uncertainty_maps
from RenalParenchymaLib.labels import most_likely
from RenalParenchymaLib.measurements import measure_kidneys
from RenalParenchymaLib.parameters import Parameters

SHAPE = (40, 50, 70)
BOXES = {"left": (np.array([3, 6, 38]), np.array([32, 40, 66])), "right": (np.array([8, 5, 4]), np.array([39, 44, 33]))}
CUT_OFF = {"left": BOXES["left"], "right": (np.array([8, 5, 0]), np.array([40, 44, 33]))}
MEETING = {"left": (np.array([3, 6, 30]), np.array([32, 40, 66])), "right": BOXES["right"]}


def assembled_in(boxes) -> Assembled:
    """A soft ball with a lesion in each box; what has little probability is nothing, as outside of the boxes."""
    probability = {target: np.zeros(SHAPE, np.float32) for target in ("kidney", "parenchyma", "tumor", "cyst")}
    masks = {f"{side}_{target}": np.zeros(SHAPE, bool) for side in boxes for target in probability}
    for side, (low, high) in boxes.items():
        kji = np.indices(SHAPE).T
        middle = np.where(low == 0, low, (low + high - 1) / 2)
        distance = np.linalg.norm(kji - middle, axis=-1).T
        kidney = 1 / (1 + np.exp(distance - 8))
        tumor = 0.7 / (1 + np.exp(np.linalg.norm(kji - middle - (4, 0, 0), axis=-1).T - 3))
        inside = tuple(map(slice, low, high))
        for target, p in (("kidney", kidney), ("parenchyma", kidney * (1 - tumor)), ("tumor", kidney * tumor)):
            soft = np.where(p > 0.002, p, 0)[inside]
            probability[target][inside] = np.maximum(probability[target][inside], soft)
            masks[f"{side}_{target}"][inside] = soft > 0.5
    return Assembled(masks, probability, boxes, [tuple(map(slice, *box)) for box in boxes.values()])


@pytest.fixture(params=[BOXES, CUT_OFF, MEETING], ids=["apart", "cut off", "meeting"])
def assembled(request):
    return assembled_in(request.param)


@pytest.fixture
def a_scan():
    return Image.from_spacing(np.zeros(SHAPE, np.int16), (1.5, 1.5, 2.0), modality="CT")


def test_uncertainty_is_the_entropy_of_the_whole_map(assembled, a_scan):
    maps = uncertainty_maps(assembled, a_scan)
    assert maps.keys() == assembled.probability.keys()
    for target, values in assembled.probability.items():
        np.testing.assert_array_equal(maps[target], entropy_map(values))


def test_the_places_are_those_of_the_whole_scan(assembled, a_scan):
    maps = uncertainty_maps(assembled, a_scan)
    found = places_to_review(assembled, maps, a_scan)
    whole = []
    for target in ("parenchyma", "tumor", "cyst"):
        whole += review_regions(assembled.probability[target], maps[target], a_scan, target, reach_mm=REACH_MM)
    assert len(found) > 4
    for one, other in zip(found, rank_regions(whole, count_once=True), strict=True):
        assert (one.rank, one.target, one.kind, one.box_kji) == (other.rank, other.target, other.kind, other.box_kji)
        assert one.center_ras_mm == pytest.approx(other.center_ras_mm)
        assert one.at_stake_ml == pytest.approx(other.at_stake_ml)


def test_the_table_is_that_of_the_whole_scan(assembled, a_scan):
    table = ConformalTable({target: ConformalEntry.from_residuals([1.0] * 40) for target in assembled.probability})
    members = {name: [1.0, 2.0] for name in assembled.masks}
    one = measure(assembled, a_scan, Parameters(), members, table)
    other = measure_kidneys(assembled.masks, a_scan, Parameters(), assembled.probability, members, table)
    assert one.warnings == other.warnings
    assert one.notes == other.notes
    assert len(one.measurements) == len(other.measurements)
    for mine, theirs in zip(one.measurements, other.measurements, strict=True):
        assert (mine.segment, mine.name, mine.verdict) == (theirs.segment, theirs.name, theirs.verdict)
        assert (mine.value, mine.low, mine.high) == pytest.approx((theirs.value, theirs.low, theirs.high), nan_ok=True)


def test_only_a_kidney_that_the_scan_cuts_off_is_called_cut_off(a_scan):
    for boxes, expected in ((BOXES, {"left": False, "right": False}), (CUT_OFF, {"left": False, "right": True})):
        measured = measure(assembled_in(boxes), a_scan, Parameters(), {}, ConformalTable())
        assert measured.numbers.cut_off == expected


def test_without_kidneys_there_is_nothing_to_review_and_a_table_that_says_so(a_scan):
    nothing = assembled_in({})
    assert places_to_review(nothing, uncertainty_maps(nothing, a_scan), a_scan) == []
    assert not any(m.value > 0 for m in measure(nothing, a_scan, Parameters(), {}, ConformalTable()).measurements)


def test_the_most_likely_label_is_that_of_argmax():
    rng = np.random.default_rng(1)
    probability = rng.integers(0, 5, (5, 7, 8, 9)).astype(np.float32)  # with many ties
    np.testing.assert_array_equal(most_likely(probability), probability.argmax(0))
    assert most_likely(probability).dtype == np.uint8
