from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.uncertainty.score import auroc, qu_brats_score


def at_thresholds(prediction, reference, uncertainty, thresholds):
    """QU-BraTS written down threshold by threshold."""
    tp0, tn0 = (prediction & reference).sum(), (~prediction & ~reference).sum()
    curves = []
    for threshold in thresholds:
        keep = uncertainty <= threshold
        p, g = prediction & keep, reference & keep
        size = p.sum() + g.sum()
        dice = 2 * (p & g).sum() / size if size else 1.0
        tp, tn = (p & g).sum(), (~prediction & ~reference & keep).sum()
        curves.append((dice, (tp0 - tp) / tp0, (tn0 - tn) / tn0))
    return np.array(curves).T


def test_score_equals_its_definition():
    random = np.random.default_rng(1)
    reference = random.uniform(size=(6, 7, 8)) > 0.6
    prediction = reference ^ (random.uniform(size=reference.shape) > 0.8)
    uncertainty = random.uniform(0, 100, reference.shape)
    result = qu_brats_score(prediction, reference, uncertainty, steps=21)
    dice, ftp, ftn = at_thresholds(prediction, reference, uncertainty, np.linspace(100, 0, 21))
    np.testing.assert_allclose([result.dice, result.ftp, result.ftn], [dice, ftp, ftn], atol=1e-12)
    areas = [((c[1:] + c[:-1]) / 2).mean() for c in (dice, ftp, ftn)]
    assert result.score == pytest.approx((areas[0] + 1 - areas[1] + 1 - areas[2]) / 3)


def test_uncertainty_exactly_on_the_errors_scores_almost_one():
    reference = np.zeros((4, 4, 4), bool)
    reference[1:3] = True
    prediction = reference.copy()
    prediction[0, 0, :2] = True
    uncertainty = np.where(prediction ^ reference, 100.0, 0.0)
    assert qu_brats_score(prediction, reference, uncertainty).score > 0.999


def test_doubting_everything_scores_worse_than_doubting_nothing_on_a_perfect_mask():
    mask = np.zeros((4, 4, 4), bool)
    mask[1:3] = True
    certain = qu_brats_score(mask, mask, np.zeros(mask.shape))
    doubtful = qu_brats_score(mask, mask, np.full(mask.shape, 60.0))
    assert certain.score == 1
    assert doubtful.score == pytest.approx((1 + 0.405 + 0.405) / 3, abs=0.01)


def test_two_empty_masks_agree():
    empty = np.zeros((2, 2, 2), bool)
    assert qu_brats_score(empty, empty, np.zeros(empty.shape)).score == 1


def test_true_negatives_are_counted_inside_the_region_only():
    mask = np.zeros((2, 2, 2), bool)
    mask[0, 0, 0] = True
    uncertainty = np.where(np.arange(8).reshape(2, 2, 2) > 3, 100.0, 0.0)
    region = np.zeros((2, 2, 2), bool)
    region[0] = True
    assert qu_brats_score(mask, mask, uncertainty, region).ftn_auc == 0
    assert qu_brats_score(mask, mask, uncertainty).ftn_auc > 0.5


def test_uncertainty_off_the_scale_is_refused():
    empty = np.zeros((1, 1, 1), bool)
    with pytest.raises(ValueError, match=r"must lie in \[0, 100\]"):
        qu_brats_score(empty, empty, np.full((1, 1, 1), 101.0))


def test_auroc_is_the_share_of_pairs_that_are_in_the_right_order():
    random = np.random.default_rng(3)
    uncertainty = random.integers(0, 6, (3, 4, 5)).astype(float)  # with ties
    positive = random.uniform(size=uncertainty.shape) < 0.3
    has, has_not = uncertainty[positive], uncertainty[~positive]
    expected = np.mean((has[:, None] > has_not) + 0.5 * (has[:, None] == has_not))
    assert auroc(uncertainty, positive) == pytest.approx(expected)
    region = np.zeros(positive.shape, bool)
    region[:2] = True
    assert auroc(uncertainty, positive, region) == pytest.approx(auroc(uncertainty[:2], positive[:2]))


def test_auroc_of_a_perfect_a_useless_and_an_undefined_map():
    positive = np.array([[[True, False, False]]])
    assert auroc(np.array([[[9.0, 1.0, 2.0]]]), positive) == 1
    assert auroc(np.zeros((1, 1, 3)), positive) == 0.5
    assert np.isnan(auroc(np.zeros((1, 1, 3)), np.zeros((1, 1, 3), bool)))
    with pytest.raises(ValueError, match="must be finite"):
        auroc(np.full((1, 1, 3), np.nan), positive)
    with pytest.raises(ValueError, match="shapes differ"):
        auroc(np.zeros((1, 1, 2)), positive)
