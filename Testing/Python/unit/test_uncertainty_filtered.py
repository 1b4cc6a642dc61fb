"""The volume without what is uncertain, and with all of it."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.uncertainty.filtered import UncertainVoxels


@pytest.fixture
def a_map_and_its_mask():
    random = np.random.default_rng(3)
    uncertainty = random.uniform(0, 100, (6, 7, 8)).astype(np.float32)
    uncertainty[:2] = 0
    return uncertainty, random.uniform(size=(6, 7, 8)) > 0.5


@pytest.mark.parametrize("threshold", [0, 17, 50, 99, 100])
def test_range_is_what_counting_every_voxel_gives(a_map_and_its_mask, threshold):
    uncertainty, mask = a_map_and_its_mask
    above = uncertainty > threshold
    low, high = UncertainVoxels.find(uncertainty).counts(mask).range_voxels(threshold)
    assert (low, high) == ((mask & ~above).sum(), (mask | above).sum())


def test_at_the_highest_threshold_nothing_is_hidden_and_nothing_added(a_map_and_its_mask):
    uncertainty, mask = a_map_and_its_mask
    assert UncertainVoxels.find(uncertainty).counts(mask).range_voxels(100) == (mask.sum(), mask.sum())


def test_reviewed_voxels_are_neither_hidden_nor_added(a_map_and_its_mask):
    uncertainty, mask = a_map_and_its_mask
    voxels = UncertainVoxels.find(uncertainty)
    assert voxels.counts(mask, np.ones(mask.shape, bool)).range_voxels(0) == (mask.sum(), mask.sum())
    half = np.zeros(mask.shape, bool)
    half[:4] = True
    above = (uncertainty > 30) & ~half
    assert voxels.counts(mask, half).range_voxels(30) == ((mask & ~above).sum(), (mask | above).sum())


def test_map_that_is_certain_everywhere_leaves_the_mask_alone():
    mask = np.ones((2, 3, 4), bool)
    assert UncertainVoxels.find(np.zeros((2, 3, 4), np.float32)).counts(mask).range_voxels(0) == (24, 24)


def test_map_outside_of_its_scale_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 100\]"):
        UncertainVoxels.find(np.full((2, 2, 2), 140.0))
