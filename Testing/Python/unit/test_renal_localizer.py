"""Step 1: where kidneys are found on the coarse grid, in patients that are drawn from coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.image import Image
from RenalParenchymaLib.labels import KIDNEY, LIVER, SPINE
from RenalParenchymaLib.localizer import Localizer
from RenalParenchymaLib.networks import LOCALIZER_MM
from RenalParenchymaLib.territory import owned

BALL_ML = 82.4  # 4/3 pi 27^3


@pytest.fixture
def a_localizer(any_classifier):
    return Localizer(any_classifier({KIDNEY: 60, SPINE: 300}), Device("cpu"))


def test_both_kidneys_are_found_where_they_are(a_localizer, a_ball_phantom):
    located = a_localizer.find(a_ball_phantom)
    centers = sorted((each.center_ras for each in located.candidates), key=lambda center: center[0])
    assert len(centers) == 2
    np.testing.assert_allclose(centers[0], (-58, 5, 3), atol=1.5)
    np.testing.assert_allclose(centers[1], (62, 2, -6), atol=1.5)
    assert [each.volume_ml for each in located.candidates] == pytest.approx([BALL_ML] * 2, rel=0.15)


def test_candidates_are_numbered_from_the_largest_down(a_localizer, any_phantom, any_grid):
    located = a_localizer.find(any_phantom(any_grid()))
    counts = [int((located.components == number).sum()) for number in (1, 2)]
    assert counts == sorted(counts, reverse=True)
    assert [each.volume_ml for each in located.candidates] == pytest.approx([n * located.grid.voxel_ml for n in counts])


def test_the_spine_tells_the_middle_even_where_the_image_is_cut_off_center(a_localizer, any_phantom, any_grid):
    scan = any_phantom(any_grid(), spine_r_mm=25.0)
    located = a_localizer.find(scan.cropped((0, 0, 8), scan.shape))
    assert located.midline_at(0.0) == pytest.approx(25, abs=2)
    assert located.midline_at(-50.0) == pytest.approx(25, abs=2)


def test_without_a_spine_the_middle_of_the_body_counts(any_classifier, a_ball_phantom):
    located = Localizer(any_classifier({KIDNEY: 60}), Device("cpu")).find(a_ball_phantom.cropped((0, 25, 0), a_ball_phantom.shape))
    assert located.midline_at(0.0) == pytest.approx(0, abs=5)


def test_the_air_around_the_body_is_not_computed_on(a_localizer, any_phantom, any_grid):
    wide = any_phantom(any_grid(size=(150, 110, 36)))
    grid = a_localizer.find(wide).grid
    assert grid.size[0] * LOCALIZER_MM < 330
    assert grid.size[1] * LOCALIZER_MM < 230


def test_a_kidney_that_the_scan_cuts_through_says_how_much_of_it_is_at_the_edge(a_localizer, a_ball_phantom):
    upper_half = a_localizer.find(a_ball_phantom.cropped((18, 0, 0), a_ball_phantom.shape))
    assert all(each.cut > 0.04 for each in upper_half.candidates)
    assert all(each.cut == 0 for each in a_localizer.find(a_ball_phantom).candidates)


def test_pieces_of_a_few_milliliters_are_no_candidates(a_localizer, any_phantom, any_grid):
    located = a_localizer.find(any_phantom(any_grid(), {"speck": (60.0, 0.0, 0.0)}, radius_mm=10.0))
    assert located.candidates == []
    assert not located.components.any()


def test_a_kidney_does_not_reach_into_the_territory_of_the_other_one(a_localizer, any_phantom, any_grid):
    close = {"left": (-31.0, 0.0, 0.0), "right": (31.0, 0.0, 0.0)}
    located = a_localizer.find(any_phantom(any_grid(), close))
    fine = Image.from_spacing(np.zeros((21, 21, 90), np.uint8), (1.75,) * 3, (-78, -17, -17))
    number = {
        side: 1 + [np.sign(each.center_ras[0]) for each in located.candidates].index(sign) for side, sign in (("left", -1), ("right", 1))
    }
    left, right = (owned(located, number[side], "", fine) for side in ("left", "right"))
    r = fine.ijk_to_ras[0, 0] * np.arange(90) + fine.ijk_to_ras[0, 3]
    assert left[:, :, np.abs(r + 31) < 25].all()
    assert right[:, :, np.abs(r - 31) < 25].all()
    assert not left[:, :, r > 6].any()
    assert not right[:, :, r < -6].any()


def test_territory_is_the_same_whatever_part_of_it_is_asked_for(a_localizer, any_phantom, any_grid):
    close = {"left": (-33.0, 0.0, 0.0), "right": (31.0, 10.0, 20.0)}
    located = a_localizer.find(any_phantom(any_grid(), close))
    large = Image.from_spacing(np.zeros((60, 60, 110), np.uint8), (1.75,) * 3, (-95, -50, -45))
    everywhere = owned(located, 1, "", large)
    assert 0 < everywhere.mean() < 0.5
    for low, high in (((5, 5, 50), (30, 40, 70)), ((20, 0, 0), (60, 20, 110)), ((0, 0, 0), (8, 8, 8))):
        np.testing.assert_array_equal(owned(located, 1, "", large.cropped(low, high)), everywhere[tuple(map(slice, low, high))])


def test_what_step_1_calls_liver_is_not_given_to_the_kidney(any_classifier, any_phantom, any_grid):
    localizer = Localizer(any_classifier({KIDNEY: 60, LIVER: 300}), Device("cpu"))  # the bone ball plays the liver
    located = localizer.find(any_phantom(any_grid(), {"right": (45.0, -50.0, 0.0)}))
    fine = Image.from_spacing(np.zeros((10, 40, 40), np.uint8), (1.75,) * 3, (0, -85, -8))
    mine = owned(located, 1, "", fine)
    assert mine[5, 20, 25]  # R 44, A -50
    assert not mine[5, 17, 2]  # R 4, A -55: inside the liver


def test_a_fused_kidney_is_divided_at_the_spine(any_classifier, any_phantom, any_grid):
    located = Localizer(any_classifier({KIDNEY: 60, SPINE: 300}), Device("cpu")).find(any_phantom(any_grid(), {"both": (0.0, 20.0, 0.0)}))
    fine = Image.from_spacing(np.zeros((9, 9, 41), np.uint8), (1.0,) * 3, (-20, 15, -4))
    left, right = owned(located, 1, "left", fine), owned(located, 1, "right", fine)
    assert (left ^ right).all()
    r = np.arange(41) - 20
    assert not left[:, :, r > 4].any()
    assert not right[:, :, r < 0].any()
