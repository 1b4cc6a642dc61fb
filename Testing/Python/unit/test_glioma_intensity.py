from __future__ import annotations

import numpy as np
import pytest

from GliomaUncertaintyLib.intensity import HIGHEST, LOWEST, normalized


@pytest.fixture
def a_head():
    """Voxels and brain of a head whose scalp is much brighter than its brain."""
    rng = np.random.default_rng(0)
    brain = np.zeros((6, 12, 12), bool)
    brain[1:5, 2:10, 2:10] = True
    voxels = np.where(brain, rng.normal(300, 40, brain.shape), 2000.0)
    return voxels, brain


def test_the_brain_has_mean_0_and_spread_1_and_the_rest_is_0(a_head):
    voxels, brain = a_head
    found = normalized(voxels, brain)
    assert found.dtype == np.float32
    assert found[brain].mean() == pytest.approx(0, abs=1e-5)
    assert found[brain].std() == pytest.approx(1, abs=1e-4)
    assert not found[~brain].any()


def test_gain_and_offset_of_the_scanner_do_not_matter(a_head):
    voxels, brain = a_head
    np.testing.assert_allclose(normalized(voxels * 7 + 50, brain), normalized(voxels, brain), atol=1e-5)


def test_extremes_are_clipped(a_head):
    voxels, brain = a_head
    voxels[2, 5, 5], voxels[2, 6, 6] = 1e5, -1e5
    found = normalized(voxels, brain)
    assert found.min() >= LOWEST and found.max() <= HIGHEST


def test_whole_numbers_of_any_type_are_taken(a_head):
    voxels, brain = a_head
    np.testing.assert_allclose(normalized(voxels.astype(np.uint16), brain), normalized(voxels.astype(int).astype(float), brain), atol=1e-4)


@pytest.mark.parametrize("value", [0, 7.3])
def test_a_sequence_without_contrast_is_0_as_if_it_were_missing(a_head, value):
    _, brain = a_head
    assert not normalized(np.full(brain.shape, value), brain).any()


def test_no_brain_gives_0():
    assert not normalized(np.ones((2, 3, 4)), np.zeros((2, 3, 4), bool)).any()


def test_a_brain_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        normalized(np.ones((2, 3, 4)), np.ones((2, 3, 5), bool))
