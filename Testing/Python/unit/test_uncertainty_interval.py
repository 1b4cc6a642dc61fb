from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from DeepVolumetryLib.uncertainty.interval import conformal_quantile, expected_error_volume, residual, scaled_interval
from DeepVolumetryLib.uncertainty.stake import OpenVoxels, Stake


def test_expected_error_volume_by_hand():
    p = np.array([[[0.1, 0.5, 0.9, 1.0]]])
    assert expected_error_volume(p, voxel_ml=2) == pytest.approx(2 * (0.1 + 0.5 + 0.1))
    assert expected_error_volume(p, 2, region=p > 0.5) == pytest.approx(0.2)


def test_expected_error_volume_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        expected_error_volume(np.array([1.2]), 1)


def test_the_95_percent_quantile_of_19_cases_is_the_largest_and_of_18_there_is_none():
    assert conformal_quantile(np.arange(19), 0.95) == 18
    assert conformal_quantile(np.arange(18), 0.95) == math.inf


def test_the_quantile_of_99_cases_is_the_95th_smallest():
    assert conformal_quantile(np.arange(1, 100), 0.95) == 95


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_enough_calibration_cases_lie_within_the_quantile(residuals, level):
    covered = np.mean(np.array(residuals) <= conformal_quantile(residuals, level))
    assert covered >= level - 1e-9


def test_new_cases_are_covered_as_often_as_promised():
    random = np.random.default_rng(3)
    hits = []
    for _ in range(2000):
        cases = random.gamma(2.0, size=31)
        hits.append(cases[30] <= conformal_quantile(cases[:30], 0.9))
    assert np.mean(hits) == pytest.approx(28 / 31, abs=0.02)


def test_a_negative_residual_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        conformal_quantile([-1.0], 0.9)


def test_the_interval_covers_the_truth_exactly_when_its_residual_is_within_the_scale():
    stake = Stake(surplus_ml=3, missing_ml=8, spread_ml=4)
    low, high = scaled_interval(100, stake, scale=2)
    assert (low, high) == pytest.approx((100 - 2 * 5, 100 + 2 * math.hypot(8, 4)))
    assert residual(100, low, stake) == pytest.approx(2)
    assert residual(100, high, stake) == pytest.approx(2)


def test_a_volume_is_never_negative():
    assert scaled_interval(1, Stake(5, 5), 3)[0] == 0


def test_an_error_where_nothing_was_at_stake_has_an_infinite_residual():
    assert residual(0, 5, Stake(0, 0)) == math.inf
    assert residual(5, 5, Stake(0, 0)) == 0


@pytest.fixture
def a_doubtful_line():
    return np.array([[[0.0, 0.2, 0.6, 0.995, 1.0]]], np.float32)


def test_stake_tells_what_may_be_too_much_from_what_may_be_missing(a_doubtful_line):
    stake = OpenVoxels.find(a_doubtful_line, a_doubtful_line > 0.5).stake(voxel_ml=10, member_volumes_ml=[20, 30])
    assert stake.surplus_ml == pytest.approx(4)
    assert stake.missing_ml == pytest.approx(2)
    assert stake.spread_ml == pytest.approx(5)


def test_reviewed_voxels_keep_a_quarter_of_their_stake(a_doubtful_line):
    certain = np.array([[[False, True, False, False, False]]])
    stake = OpenVoxels.find(a_doubtful_line, a_doubtful_line > 0.5).stake(10, [20, 30], certain=certain)
    assert (stake.surplus_ml, stake.missing_ml, stake.spread_ml) == pytest.approx((4, 2 / 4, 5 * 4.5 / 6))


def test_edited_voxels_keep_a_quarter_of_their_stake_on_their_new_side(a_doubtful_line):
    edited = a_doubtful_line > 0.1
    stake = OpenVoxels.find(a_doubtful_line, a_doubtful_line > 0.5).stake(10, mask=edited)
    assert (stake.surplus_ml, stake.missing_ml) == pytest.approx((4 + 2 / 4, 0))


def test_a_part_that_postprocessing_removed_stays_at_stake():
    p = np.full((1, 1, 2), 0.995, np.float32)
    assert OpenVoxels.find(p, np.zeros(p.shape, bool)).stake(1).missing_ml == pytest.approx(1.99)


def test_reviewing_everything_leaves_a_quarter_of_the_interval_since_people_err(a_doubtful_line):
    stake = OpenVoxels.find(a_doubtful_line, a_doubtful_line > 0.5).stake(10, [20, 30], certain=np.ones(a_doubtful_line.shape, bool))
    before = OpenVoxels.find(a_doubtful_line, a_doubtful_line > 0.5).stake(10, [20, 30])
    gap = [[abs(end - 30) for end in scaled_interval(30, each, 2.0)] for each in (before, stake)]
    assert gap[1] == pytest.approx([side / 4 for side in gap[0]])


def test_stakes_of_two_kidneys_add_up():
    assert Stake(1, 2, 3) + Stake(10, 20, 30) == Stake(11, 22, 33)


@pytest.fixture
def a_table():
    return ConformalTable(
        {"parenchyma": ConformalEntry.from_residuals(np.linspace(0, 1.9, 20)), "cyst": ConformalEntry.from_residuals([1.0] * 5)}
    )


def test_the_table_survives_json(a_table):
    again = ConformalTable.from_dict(json.loads(json.dumps(a_table.to_dict(), allow_nan=False)))
    assert again.scale("parenchyma") == a_table.scale("parenchyma") == pytest.approx(1.9)
    assert again.entries["parenchyma"].measured == a_table.entries["parenchyma"].measured


def test_a_case_missed_with_nothing_at_stake_survives_json():
    table = ConformalTable({"tumor": ConformalEntry.from_residuals([1.0] * 40 + [math.inf])})
    again = ConformalTable.from_dict(json.loads(json.dumps(table.to_dict(), allow_nan=False)))
    assert again.entries["tumor"].residuals[-1] == math.inf
    assert again.scale("tumor") == 1


def test_too_few_calibration_cases_give_no_interval(a_table):
    assert a_table.scale("cyst") is None
    assert a_table.scale("tumor") is None


def test_the_report_says_nominal_and_measured_coverage():
    entry = ConformalEntry((1.0,) * 40, 0.95, measured=0.94, measured_on="held-out cases", measured_cases=50)
    assert entry.sentence == "95 % intervals; 94 % measured on 50 held-out cases"


def test_coverage_that_was_not_measured_is_not_claimed():
    assert ConformalEntry((1.0,)).sentence == "95 % intervals; their coverage was not measured"
