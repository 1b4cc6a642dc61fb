from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.overlap import overlap
from DeepVolumetryLib.measure.volumes import bounding_box, hull_points, max_diameter_mm, surface_points, touches_edge, volume_ml

GRID = Image.from_spacing(np.zeros((24, 26, 28), np.uint8), (1.0, 1.5, 2.0))
small_masks = arrays(np.bool_, (5, 6, 7))


def a_ball(center_mm, radius_mm, grid=GRID):
    kji = np.indices(grid.shape).reshape(3, -1)
    position = grid.ijk_to_ras[:3, :3] @ kji[::-1] + grid.ijk_to_ras[:3, 3:]
    return (((position.T - center_mm) ** 2).sum(axis=1) <= radius_mm**2).reshape(grid.shape)


def test_volume_counts_voxels():
    assert volume_ml(np.array([[[1, 0, 2]]]), voxel_ml=0.25) == 0.5


@given(small_masks)
def test_bounding_box_holds_all_of_the_mask_and_nothing_smaller_does(mask):
    box = bounding_box(mask)
    if box is None:
        assert not mask.any()
        return
    assert mask[box].sum() == mask.sum()
    for axis in range(3):
        assert np.take(mask[box], 0, axis).any()
        assert np.take(mask[box], -1, axis).any()


def test_a_margin_ends_at_the_edge_of_the_image():
    mask = np.zeros((4, 5, 6), bool)
    mask[0, 2, 5] = True
    assert bounding_box(mask, margin=1) == (slice(0, 2), slice(1, 4), slice(4, 6))


def test_diameter_of_a_row_of_voxels_is_its_length():
    mask = np.zeros(GRID.shape, bool)
    mask[3, 4, 5:15] = True
    assert max_diameter_mm(mask, GRID) == pytest.approx(10)
    assert math.isnan(max_diameter_mm(np.zeros(GRID.shape, bool), GRID))


def test_diameter_of_a_ball():
    assert max_diameter_mm(a_ball((14, 19, 24), 10), GRID) == pytest.approx(20, abs=1.5)


def test_diameter_does_not_change_under_a_rotated_parent_transform():
    angle = 0.6
    turn = np.eye(4)
    turn[:3, :3] = [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    turned = Image(GRID.voxels, turn @ GRID.ijk_to_ras)
    mask = a_ball((14, 19, 24), 9)
    assert max_diameter_mm(mask, turned) == pytest.approx(max_diameter_mm(mask, GRID))


def test_a_cut_off_organ_is_noticed():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    assert not touches_edge(mask)
    mask[2, 1, 1] = True
    assert touches_edge(mask)


def test_overlap_by_hand():
    a, b = np.zeros((2, 1, 4), bool), np.zeros((2, 1, 4), bool)
    a[0, 0, :3] = True
    b[0, 0, 1:] = True
    found = overlap(a, b, Image.from_spacing(a, (2, 2, 2)))
    assert found.dice == pytest.approx(2 / 3)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.specificity == pytest.approx(4 / 5)
    assert found.hd_mm == 2
    assert found.assd_mm == pytest.approx((0 + 0 + 2) * 2 / 6)
    assert (found.volume_ml, found.reference_ml) == pytest.approx((0.024, 0.024))


@given(small_masks, small_masks)
@settings(deadline=None)
def test_dice_and_hausdorff_distance_equal_those_of_simpleitk(a, b):
    grid = Image.from_spacing(a, (1.0, 1.5, 2.0))
    found = overlap(a, b, grid)
    assert 0 <= found.dice <= 1
    if not (a.any() and b.any()):
        return
    images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, b)]
    for image in images:
        image.SetSpacing((1.0, 1.5, 2.0))
    dice = sitk.LabelOverlapMeasuresImageFilter()
    dice.Execute(*images)
    assert found.dice == pytest.approx(dice.GetDiceCoefficient())
    if (a & ~b).any() or (b & ~a).any():
        hausdorff = sitk.HausdorffDistanceImageFilter()
        hausdorff.Execute(*images)
        assert found.hd_mm >= hausdorff.GetHausdorffDistance() - 1e-4


def test_hausdorff_distance_of_shifted_balls_equals_that_of_simpleitk():
    a, b = a_ball((12, 19, 24), 8), a_ball((16, 19, 24), 8)
    images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, b)]
    for image in images:
        image.SetSpacing(GRID.spacing)
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    found = overlap(a, b, GRID)
    assert found.hd_mm == pytest.approx(hausdorff.GetHausdorffDistance())
    assert found.hd_mm == pytest.approx(4)
    assert found.hd95_mm <= found.hd_mm


def test_distances_are_right_on_a_sheared_grid():
    sheared = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    a, b = np.zeros((2, 1, 2), bool), np.zeros((2, 1, 2), bool)
    a[0, 0, 0] = True
    b[1, 0, 0] = True
    assert overlap(a, b, Image(a, sheared)).hd_mm == pytest.approx(math.sqrt(2))


def test_two_empty_masks_agree():
    empty = np.zeros((2, 2, 2), bool)
    found = overlap(empty, empty, Image(empty, np.eye(4)))
    assert (found.dice, found.hd_mm, found.hd95_mm, found.assd_mm, found.specificity) == (1, 0, 0, 0, 1)
    assert math.isnan(found.sensitivity)


def test_a_missed_organ_has_no_distance_and_json_says_so():
    organ, empty = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    found = overlap(empty, organ, Image(empty, np.eye(4))).to_dict()
    assert (found["dice"], found["sensitivity"], found["hd95_mm"], found["specificity"]) == (0, 0, None, None)


@given(small_masks, small_masks)
@settings(deadline=None)
def test_agreement_does_not_depend_on_which_mask_comes_first(a, b):
    grid = Image.from_spacing(a, (1.0, 1.5, 2.0))
    one, other = overlap(a, b, grid), overlap(b, a, grid)
    np.testing.assert_allclose([one.dice, one.hd_mm, one.hd95_mm, one.assd_mm], [other.dice, other.hd_mm, other.hd95_mm, other.assd_mm])


@given(small_masks)
@settings(deadline=None)
def test_diameter_is_the_largest_distance_between_surface_points(mask):
    grid = Image(mask, np.array([[1, 0.2, 0, 0], [0, 1.5, -0.3, 0], [0.1, 0, 2, 0], [0, 0, 0, 1]]))
    points = surface_points(mask, grid)
    expected = pdist(points).max() if len(points) else math.nan
    assert max_diameter_mm(mask, grid) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("radii", [(14, 5, 7), (9, 9, 9)])
def test_diameter_and_hull_of_an_organ_are_those_of_all_of_its_surface(radii):
    k, j, i = (axis - 15 for axis in np.ogrid[:31, :31, :31])
    mask = ((k + 0.3 * j) / radii[0]) ** 2 + (j / radii[1]) ** 2 + (i / radii[2]) ** 2 < 1
    grid = Image(mask, np.array([[0.8, 0.2, 0, -9], [0, 0.8, -0.3, 5], [0.1, 0, 2, 7], [0, 0, 0, 1]]))
    points = surface_points(mask, grid)
    assert max_diameter_mm(mask, grid) == pytest.approx(pdist(points).max())
    few = hull_points(mask, grid)
    assert len(few) < len(points) and ConvexHull(few).volume == pytest.approx(ConvexHull(points).volume)
