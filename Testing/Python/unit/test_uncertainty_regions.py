from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import error_share, rank_regions, review_regions, reviewed_mask
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

OBLIQUE = np.array([[1.6, 0.2, 0, -40], [-0.3, 1.7, 0.4, 10], [0.1, -0.3, 2.1, 5], [0, 0, 0, 1]])


@pytest.fixture
def a_ball_with_a_faint_lesion():
    """A ball with a soft rim, and a lesion of p = 0.3 far outside of it."""
    k, j, i = np.indices((40, 40, 60))
    distance = np.sqrt((k - 20.0) ** 2 + (j - 20) ** 2 + (i - 20) ** 2)
    p = 1 / (1 + np.exp(2 * (distance - 12)))
    p[14:22, 14:22, 48:56] = 0.3
    return Image(p.astype(np.float32), OBLIQUE)


def regions_of(image, **options):
    return review_regions(image.voxels, entropy_map(image.voxels), image, "tumor", **options)


def test_a_faint_lesion_outside_comes_first(a_ball_with_a_faint_lesion):
    image = a_ball_with_a_faint_lesion
    first = regions_of(image)[0]
    assert (first.rank, first.kind, first.target) == (1, "outside", "tumor")
    assert first.at_stake_ml == pytest.approx(512 * 0.3 * image.voxel_ml, rel=1e-5)
    assert first.volume_ml == pytest.approx(512 * image.voxel_ml)
    assert first.box_kji == ((14, 14, 48), (22, 22, 56))


def test_the_rim_of_an_organ_is_divided_into_looks(a_ball_with_a_faint_lesion):
    rim = [region for region in regions_of(a_ball_with_a_faint_lesion) if region.kind == "boundary"]
    assert len(rim) > 3
    for region in rim:
        size = np.subtract(*region.box_kji[::-1])[::-1] @ np.abs(OBLIQUE[:3, :3]).T
        assert size.max() < 70


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_every_center_lies_in_its_region(seed):
    random = np.random.default_rng(seed)
    p = random.uniform(size=(6, 7, 8)).astype(np.float32) ** 3
    image = Image(p, OBLIQUE)
    uncertainty = entropy_map(p)
    regions = review_regions(p, uncertainty, image, "cyst", least_ml=0)
    for region in regions:
        ijk = (image.ras_to_ijk @ (*region.center_ras_mm, 1))[:3]
        kji = tuple(np.rint(ijk[::-1]).astype(int))
        np.testing.assert_allclose(ijk[::-1], kji, atol=1e-6)
        assert uncertainty[kji] >= 50
        assert all(low <= at < high for low, at, high in zip(region.box_kji[0], kji, region.box_kji[1], strict=True))
    hot = uncertainty >= 50
    stakes = [region.at_stake_ml for region in regions]
    assert stakes == sorted(stakes, reverse=True)
    if len(regions) < 30:
        assert sum(stakes) == pytest.approx(np.minimum(p, 1 - p)[hot].sum() * image.voxel_ml, rel=1e-4)
        assert sum(region.volume_ml for region in regions) == pytest.approx(hot.sum() * image.voxel_ml)


def test_a_certain_study_has_nothing_to_review():
    image = Image(np.zeros((3, 3, 3), np.float32), np.eye(4))
    assert regions_of(image) == []


def test_the_list_is_short(a_ball_with_a_faint_lesion):
    assert [region.rank for region in regions_of(a_ball_with_a_faint_lesion, most=2)] == [1, 2]


def test_an_uncertain_place_inside_asks_whether_it_belongs():
    p = np.ones((24, 24, 24), np.float32)
    p[:, :, :2] = 0
    p[10:14, 10:14, 12:16] = 0.6
    regions = regions_of(Image(p, np.diag([2.0, 2, 2, 1])))
    assert [region.kind for region in regions] == ["inside"]


def test_lists_of_several_targets_merge_into_one(a_ball_with_a_faint_lesion):
    regions = regions_of(a_ball_with_a_faint_lesion)
    merged = rank_regions([*regions, *(replace(region, target="cyst") for region in regions)], most=5)
    assert [region.rank for region in merged] == [1, 2, 3, 4, 5]
    assert {region.target for region in merged[:2]} == {"cyst", "tumor"}


def test_reviewing_a_region_makes_its_voxels_certain_and_no_others(a_ball_with_a_faint_lesion):
    image = a_ball_with_a_faint_lesion
    regions = regions_of(image)
    certain = reviewed_mask(image, [replace(regions[0], reviewed="looks_right"), *regions[1:]])
    assert certain[14:22, 14:22, 48:56].all()
    assert certain.sum() == 512


def test_reviewing_every_region_covers_every_uncertain_voxel(a_ball_with_a_faint_lesion):
    image = a_ball_with_a_faint_lesion
    regions = [replace(region, reviewed="fixed") for region in regions_of(image, least_ml=0, most=1000)]
    hot = entropy_map(image.voxels) >= 50
    assert reviewed_mask(image, regions)[hot].all()


def test_error_share_counts_what_the_first_regions_show(a_ball_with_a_faint_lesion):
    error = np.zeros(a_ball_with_a_faint_lesion.shape, bool)
    error[16:18, 16, 50] = True
    error[0, 0, :2] = True
    regions = regions_of(a_ball_with_a_faint_lesion)
    assert error_share(error, regions, first=1) == 0.5
    assert np.isnan(error_share(np.zeros_like(error), regions))


def test_maps_on_another_grid_are_refused(a_ball_with_a_faint_lesion):
    image = a_ball_with_a_faint_lesion
    with pytest.raises(ValueError, match="must be on the grid"):
        review_regions(image.voxels[1:], image.voxels[1:], image, "tumor")


@pytest.fixture
def a_tumor_with_a_thick_shell_and_an_island():
    """A ball of 12 mm whose uncertain shell reaches 8 mm outward, and a faint island of 8 mm far from it."""
    k, j, i = np.indices((50, 50, 80))
    distance = np.sqrt((k - 25.0) ** 2 + (j - 25) ** 2 + (i - 25) ** 2)
    p = np.where(distance <= 12, 0.95, np.where(distance <= 20, 0.13, 0.0))
    p[22:30, 22:30, 68:76] = 0.25
    return Image(p.astype(np.float32), np.eye(4))


def test_only_what_is_not_connected_to_the_mask_is_an_island(a_tumor_with_a_thick_shell_and_an_island):
    image = a_tumor_with_a_thick_shell_and_an_island
    apart = regions_of(image, islands=True, most=100)
    assert [region.box_kji for region in apart if region.kind == "outside"] == [((22, 22, 68), (30, 30, 76))]
    assert {region.kind for region in apart} == {"outside", "boundary"}
    # without the option the outer part of the shell is called outside too
    assert sum(region.kind == "outside" for region in regions_of(image, most=100)) > 1


def test_a_missed_island_comes_before_boundaries_of_the_same_order_of_stake(a_tumor_with_a_thick_shell_and_an_island):
    regions = regions_of(a_tumor_with_a_thick_shell_and_an_island, islands=True, most=100)
    island = next(region for region in regions if region.kind == "outside")
    assert island.rank > 1
    first = rank_regions(regions, missed_first=True)[0]
    assert (first.kind, first.rank) == ("outside", 1)
    larger = [replace(region, at_stake_ml=11 * island.at_stake_ml) if region.kind != "outside" else region for region in regions]
    assert rank_regions(larger, missed_first=True)[-1].kind == "outside"


def test_what_earlier_places_show_counts_once():
    def region(target, stake, low, high):
        return ReviewRegion(0, target, stake, (0.0, 0.0, 0.0), 1.0, (low, high))

    whole = region("WT", 3.0, (0, 0, 0), (10, 10, 10))
    core = region("TC", 2.9, (0, 0, 0), (10, 10, 9))  # within the box of the first
    half = region("ET", 1.0, (0, 0, 5), (10, 10, 15))
    elsewhere = region("WT", 0.6, (20, 20, 20), (30, 30, 30))
    every = [core, elsewhere, half, whole]
    assert [r.target for r in rank_regions(every)] == ["WT", "TC", "ET", "WT"]
    fresh = rank_regions(every, count_once=True)
    assert [(r.target, r.at_stake_ml) for r in fresh] == [("WT", 3.0), ("WT", 0.6), ("ET", 1.0), ("TC", 2.9)]
    assert [r.rank for r in fresh] == [1, 2, 3, 4]
    assert rank_regions([], count_once=True) == []


def test_a_wider_reach_makes_fewer_and_larger_places(a_ball_with_a_faint_lesion):
    few, many = (regions_of(a_ball_with_a_faint_lesion, reach_mm=reach, least_ml=0, most=1000) for reach in (25.0, 12.5))
    assert len(few) < len(many)
    assert sum(region.volume_ml for region in few) == pytest.approx(sum(region.volume_ml for region in many))
