from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from DeepVolumetryLib.uncertainty.accumulate import MemberAccumulator
from DeepVolumetryLib.uncertainty.maps import binary_entropy, deviation_map, entropy_map, error_map

members_of_a_run = arrays(np.float32, st.tuples(st.integers(1, 6), st.just(2), st.just(3), st.just(2)), elements=st.floats(0, 1, width=32))


def accumulated(members):
    accumulator = MemberAccumulator(members.shape[1:], voxel_ml=0.5)
    for member in members:
        accumulator.add(member)
    return accumulator


@given(members_of_a_run)
@settings(deadline=None)
def test_streaming_statistics_equal_those_of_all_members_at_once(members):
    accumulator = accumulated(members)
    together = members.astype(np.float64)
    np.testing.assert_allclose(accumulator.mean, together.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(accumulator.variance, together.var(axis=0), atol=1e-6)
    information = binary_entropy(together.mean(axis=0)) - np.mean([binary_entropy(m) for m in members], axis=0)
    np.testing.assert_allclose(accumulator.mutual_information, np.clip(information, 0, 1), atol=2e-5)


@given(members_of_a_run, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_members_changes_nothing(members, random):
    order = list(range(len(members)))
    random.shuffle(order)
    one, other = accumulated(members), accumulated(members[order])
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
    np.testing.assert_allclose(one.variance, other.variance, atol=1e-6)
    np.testing.assert_array_equal(np.sort(one.member_volumes_ml), np.sort(other.member_volumes_ml))


def test_each_members_volume_is_kept_per_target():
    accumulator = MemberAccumulator((2, 2, 2, 2), voxel_ml=0.25)
    member = np.zeros((2, 2, 2, 2), np.float32)
    member[1] = 0.9
    accumulator.add(member)
    accumulator.add(member, mask=np.zeros_like(member, bool))
    np.testing.assert_array_equal(accumulator.member_volumes_ml, [[0, 2], [0, 0]])


def test_members_that_disagree_carry_mutual_information_and_members_that_all_doubt_do_not():
    disagree, doubt = (MemberAccumulator((1, 1, 1), 1.0) for _ in range(2))
    for p in (0.0, 1.0):
        disagree.add(np.full((1, 1, 1), p))
        doubt.add(np.full((1, 1, 1), 0.5))
    assert disagree.entropy.item() == doubt.entropy.item() == 1
    assert disagree.mutual_information.item() == pytest.approx(1)
    assert doubt.mutual_information.item() == pytest.approx(0)


def test_memory_does_not_grow_with_the_number_of_members():
    accumulator = MemberAccumulator((4, 4, 4), 1.0)
    held = []
    for _ in range(5):
        accumulator.add(np.full((4, 4, 4), 0.3))
        held.append(sum(value.nbytes for value in vars(accumulator).values() if isinstance(value, np.ndarray)))
    assert held == [3 * 4 * 64] * 5


def test_a_member_counts_only_where_it_has_seen_something():
    accumulator = MemberAccumulator((2, 3), voxel_ml=1.0)
    accumulator.add(np.full((2, 3), 0.9))
    accumulator.add(np.array([[0.1, 0.1, 0.7]] * 2), weight=np.array([1, 0, 1]))
    np.testing.assert_allclose(accumulator.mean, [[0.5, 0.9, 0.8]] * 2, atol=1e-6)
    np.testing.assert_allclose(accumulator.variance, [[0.16, 0, 0.01]] * 2, atol=1e-6)
    np.testing.assert_allclose(accumulator.mutual_information[:, 1], 0, atol=1e-6)
    np.testing.assert_array_equal(accumulator.member_volumes_ml, [[3, 3], [1, 1]])


@given(members_of_a_run)
@settings(deadline=None)
def test_weights_of_one_change_nothing(members):
    weighted = MemberAccumulator(members.shape[1:], voxel_ml=0.5)
    for member in members:
        weighted.add(member, weight=np.ones(member.shape))
    plain = accumulated(members)
    np.testing.assert_allclose(weighted.mean, plain.mean, atol=1e-6)
    np.testing.assert_allclose(weighted.variance, plain.variance, atol=1e-6)
    np.testing.assert_allclose(weighted.mutual_information, plain.mutual_information, atol=2e-5)


def test_a_member_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        MemberAccumulator((2, 2, 2), 1.0).add(np.zeros((2, 2, 3)))


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        MemberAccumulator((1, 1, 1), 1.0).add(np.full((1, 1, 1), wrong))


def test_the_scale_runs_from_certain_to_a_coin_toss():
    np.testing.assert_allclose(entropy_map(np.array([0, 0.11, 0.5, 0.89, 1])), [0, 50, 100, 50, 0], atol=0.1)


def test_the_chance_of_being_wrong_is_half_of_the_scale():
    np.testing.assert_allclose(error_map(np.array([0, 0.2, 0.5, 0.9, 1])), [0, 40, 100, 20, 0], atol=1e-4)


def test_the_largest_possible_spread_is_100():
    np.testing.assert_allclose(deviation_map(np.array([0, 0.0625, 0.25])), [0, 50, 100])
