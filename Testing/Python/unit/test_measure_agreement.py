from __future__ import annotations

import math

import numpy as np
import pytest

from DeepVolumetryLib.measure.agreement import agreement, coverage, summarize
from DeepVolumetryLib.measure.change import change, compare
from DeepVolumetryLib.measure.measurement import Measurement


def test_mean_and_sd_leave_out_cases_without_a_number():
    found = summarize([1, 2, 3, math.nan])
    assert (found.mean, found.sd, found.cases) == (2, 1, 3)
    assert found.low <= 2 <= found.high


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=20)
    assert summarize(values) == summarize(values)


def test_the_bootstrap_interval_is_that_of_the_normal_mean_when_there_are_many():
    values = np.random.default_rng(0).normal(100, 10, 400)
    found = summarize(values)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 10 / 20, rel=0.15)


@pytest.mark.parametrize("values", [[], [5.0]])
def test_a_single_case_has_no_interval(values):
    found = summarize(values)
    assert found.cases == len(values)
    assert math.isnan(found.low)


def test_cases_that_all_agree_have_an_interval_of_no_width():
    found = summarize([0.9, 0.9, 0.9])
    assert (found.low, found.high) == pytest.approx((0.9, 0.9))


def test_bland_altman_by_hand():
    found = agreement([102, 98, 105, 99], [100, 100, 100, 100])
    assert found.bias == pytest.approx(1)
    assert found.limit_high - found.bias == pytest.approx(1.96 * math.sqrt((1 + 9 + 16 + 4) / 3))
    assert found.mrva == pytest.approx(100 - (2 + 2 + 5 + 1) / 4)
    assert math.isnan(found.pearson_r)


def test_correlation_of_a_straight_line_is_one_whatever_its_slope():
    found = agreement([2, 4, 6, 9], [1, 2, 3, 4.5])
    assert (found.pearson_r, found.r_squared) == pytest.approx((1, 1))


def test_pairs_without_a_reference_are_left_out():
    assert agreement([1, 2, math.nan], [1, math.nan, 3]).cases == 1


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="3 measured but 2 reference"):
        agreement([1, 2, 3], [1, 2])


def test_coverage_with_its_wilson_interval():
    found = coverage([0] * 20, [10] * 20, [5] * 19 + [11])
    assert (found.share, found.mean_width, found.cases) == (0.95, 10, 20)
    assert (found.low, found.high) == pytest.approx((0.764, 0.991), abs=1e-3)  # Wilson 1927, 19 of 20


def test_missing_intervals_do_not_count_as_hits():
    assert coverage([0, math.nan], [10, 1], [5, 5]).cases == 1
    assert math.isnan(coverage([], [], []).share)


def volume(value, low=None, high=None, unit="mL"):
    return Measurement("left_kidney", "Volume", value, unit, low, high, 0.95 if low is not None else None)


def test_a_change_beyond_both_intervals_is_called_one():
    found = change(volume(150, 146, 154), volume(165, 162, 168))
    assert (found.difference, found.percent) == pytest.approx((15, 10))
    assert (found.low, found.high) == pytest.approx((10, 20))
    assert found.verdict == "increased by more than the measurement uncertainty"
    assert found.level == 0.95


def test_a_change_within_the_intervals_is_not_called_one():
    assert change(volume(150, 140, 160), volume(145, 138, 152)).verdict == "no change beyond the measurement uncertainty"


def test_without_intervals_no_verdict_is_given():
    found = change(volume(150), volume(100, 95, 105))
    assert (found.low, found.level) == (None, None)
    assert "cannot be said" in found.verdict


def test_only_numbers_that_both_studies_have_are_compared():
    prior = [volume(150), Measurement("left_kidney", "Length", 110, "mm")]
    current = [volume(140), volume(0.14, unit="L"), Measurement("left_tumor", "Volume", 3, "mL")]
    assert [(c.name, c.after) for c in compare(prior, current)] == [("Volume", 140)]


def test_a_new_tumor_has_no_percentage():
    assert math.isnan(change(volume(0, 0, 1), volume(5, 4, 6)).percent)


def test_changes_are_not_compared_again():
    of_change = Measurement("ET", "Volume change since the prior study", 20, "%")
    assert compare([of_change], [of_change]) == []
