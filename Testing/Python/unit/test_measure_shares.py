from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from DeepVolumetryLib.measure.shares import share, share_interval


def test_a_share_is_the_part_of_the_whole():
    assert share(150, 100) == 0.6
    assert math.isnan(share(0, 0))


volume = st.floats(1, 400)
slack = st.floats(0, 1)


@given(volume, slack, slack, volume, slack, slack)
def test_interval_of_a_share_holds_the_value_and_mirrors_in_the_rest(a, a_down, a_up, b, b_down, b_up):
    own, other = (a * (1 - a_down), a * (1 + a_up)), (b * (1 - b_down), b * (1 + b_up))
    value = share(a, b)
    low, high = share_interval(a, own, b, other)
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1
    mirrored = share_interval(b, other, a, own)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)
    extremes = share(own[0], other[1]), share(own[1], other[0])
    assert low >= extremes[0] - 1e-9  # never wider than every error at its worst
    assert high <= extremes[1] + 1e-9


def test_interval_of_a_share_by_hand():
    # log ratio 0, each part 10 % down and 10 % up
    low, high = share_interval(100, (90, 110), 100, (90, 110))
    down = math.hypot(math.log(1 / 0.9), math.log(1.1))
    assert (low, high) == pytest.approx((1 / (1 + math.exp(down)), 1 / (1 + math.exp(-down))))


def test_a_part_without_a_rest_is_all_of_it():
    assert share_interval(200, (180, 220), 0, (0, 0)) == (1, 1)
    assert share_interval(0, (0, 0), 200, (180, 220)) == (0, 0)
