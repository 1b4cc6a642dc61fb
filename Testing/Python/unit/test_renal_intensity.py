"""One scale for CT and MR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RenalParenchymaLib.intensity import likely_modality, normalized


@pytest.mark.parametrize(
    ("voxels", "modality"),
    [
        (np.array([[[-1000, 40, 300]]]), "CT"),
        (np.array([[[-160, 40, 300]]]), "CT"),
        (np.array([[[0, 40, 3000]]]), "MR"),
        (np.array([[[-3.0, 0.5, 4.0]]]), "MR"),
    ],
)
def test_a_file_that_does_not_say_is_taken_for_what_its_values_look_like(voxels, modality):
    assert likely_modality(voxels) == modality


def test_hounsfield_units_keep_their_meaning_in_every_scan():
    values = np.array([[[-1000, -200, 50, 180, 400, 3000]]])
    expected = np.array([-250, -250, 0, 130, 350, 350]) / 130
    np.testing.assert_allclose(normalized(values, "CT")[0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(normalized(values[..., 1:3], "CT")[0, 0], expected[1:3], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 1000), shift=st.floats(0, 500))
def test_the_gain_of_a_scanner_does_not_matter_on_mr(scale, shift):
    rng = np.random.default_rng(0)
    voxels = rng.gamma(2, 50, (6, 7, 8))
    np.testing.assert_allclose(normalized(voxels * scale + shift, "MR"), normalized(voxels, "MR"), atol=2e-3)


def test_mr_has_mean_zero_and_spread_one_where_the_scan_has_data():
    rng = np.random.default_rng(1)
    voxels, covered = rng.gamma(2, 50, (8, 9, 10)), np.ones((8, 9, 10), bool)
    covered[:3] = False
    result = normalized(voxels, "MR", covered)
    assert float(result[covered].mean()) == pytest.approx(0, abs=1e-4)
    assert float(result[covered].std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_what_was_not_scanned_gets_the_lowest_value_and_changes_nothing_else(modality):
    rng = np.random.default_rng(2)
    voxels, covered = rng.uniform(-300, 500, (6, 6, 6)), np.ones((6, 6, 6), bool)
    covered[:, :2] = False
    other = voxels.copy()
    other[~covered] = 9999
    result = normalized(voxels, modality, covered)
    np.testing.assert_array_equal(normalized(other, modality, covered), result)
    assert np.unique(result[~covered]).size == 1
    assert result[~covered].max() <= result[covered].min() + 1e-6


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_nothing_scanned_and_one_value_everywhere_give_finite_numbers(modality):
    flat = np.full((3, 3, 3), 7.0)
    assert np.isfinite(normalized(flat, modality)).all()
    assert np.isfinite(normalized(flat, modality, np.zeros((3, 3, 3), bool))).all()


def test_the_input_is_left_as_it_was():
    voxels = np.arange(27.0, dtype=np.float32).reshape(3, 3, 3)
    before = voxels.copy()
    for modality in ("CT", "MR"):
        normalized(voxels, modality, voxels > 3)
    np.testing.assert_array_equal(voxels, before)
