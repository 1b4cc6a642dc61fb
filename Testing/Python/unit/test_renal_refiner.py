"""Step 2: what a kidney is made of, seen in several ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.errors import Cancelled
from RenalParenchymaLib.labels import BACKGROUND, PARENCHYMA
from RenalParenchymaLib.refiner import Member, Refiner, _connected, members

BALL_ML = 82.4  # 4/3 pi 27^3
LOW, HIGH = np.array([35.0, -25, -33]), np.array([89.0, 29, 21])


@pytest.fixture
def a_refiner(any_classifier):
    return Refiner(any_classifier({PARENCHYMA: 45}), Device("cpu"))


def everything(grid):
    return np.ones(grid.shape, bool)


def segment(refiner, image, owned=everything, ways=None, step=lambda: None):
    return refiner.segment(image, LOW, HIGH, owned, ways or [Member()], step)


def test_the_first_member_sees_the_image_as_it_is_and_the_second_its_mirror_image():
    assert members(2, seed=7) == [Member(), Member(mirrored=True)]
    assert members(1, seed=7) == [Member()]


def test_members_are_the_same_for_the_same_seed_and_others_for_another():
    assert members(8, seed=3) == members(8, seed=3)
    assert members(8, seed=3)[2:] != members(8, seed=4)[2:]


def test_more_members_begin_with_the_same_ones():
    assert members(8, seed=3)[:4] == members(4, seed=3)


def test_no_member_turns_bright_into_dark():
    assert all(member.gain > 0 and member.bend > 0 and 0.9 < member.zoom < 1.1 for member in members(16, seed=0))


def test_the_volume_of_a_kidney_is_found(a_refiner, a_ball_phantom):
    refined = segment(a_refiner, a_ball_phantom)
    organ, parenchyma, tumor, cyst = refined.member_ml[0]
    assert organ == pytest.approx(BALL_ML, rel=0.03)
    assert (parenchyma, tumor, cyst) == (organ, 0, 0)


def test_mirroring_changes_nothing_for_a_network_that_looks_at_single_voxels(a_refiner, a_ball_phantom):
    ways = [Member(), Member(mirrored=True)]
    plain, mirrored = (segment(a_refiner, a_ball_phantom, ways=[way]).probability for way in ways)
    assert torch.equal(plain, mirrored)


def test_the_probability_is_the_mean_over_the_members_and_sums_to_one(a_refiner, a_ball_phantom):
    ways = members(4, seed=0)
    mean = segment(a_refiner, a_ball_phantom, ways=ways).probability
    single = torch.stack([segment(a_refiner, a_ball_phantom, ways=[way]).probability for way in ways]).mean(0)
    torch.testing.assert_close(mean, single, atol=1e-5, rtol=0)
    torch.testing.assert_close(mean.sum(0), torch.ones(mean.shape[1:]), atol=1e-5, rtol=0)


def test_every_member_has_its_volumes(a_refiner, a_ball_phantom):
    volumes = segment(a_refiner, a_ball_phantom, ways=members(5, seed=1)).member_ml
    assert volumes.shape == (5, 4)
    assert volumes[:, 0] == pytest.approx([BALL_ML] * 5, rel=0.15)
    assert np.unique(volumes[:, 0]).size > 2


def test_cancel_ends_between_two_members(a_refiner, a_ball_phantom):
    done = []

    def step():
        done.append(1)
        if len(done) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        segment(a_refiner, a_ball_phantom, ways=members(5, seed=1), step=step)
    assert len(done) == 2


def test_what_belongs_to_something_else_is_background(a_refiner, a_ball_phantom):
    def upper_half(grid):
        own = np.zeros(grid.shape, bool)
        own[grid.shape[0] // 2 :] = True
        return own

    refined = segment(a_refiner, a_ball_phantom, upper_half)
    middle = refined.grid.shape[0] // 2
    assert float(refined.probability[BACKGROUND, :middle].min()) == 1
    assert refined.member_ml[0, 0] == pytest.approx(BALL_ML / 2, rel=0.06)


def test_outside_the_scan_there_is_no_kidney(any_classifier, a_ball_phantom):
    bright = any_classifier({PARENCHYMA: -900})  # calls even the value of unscanned voxels parenchyma
    cut = a_ball_phantom.cropped((18, 0, 0), a_ball_phantom.shape)
    refined = segment(Refiner(bright, Device("cpu")), cut)
    s = refined.grid.ijk_to_ras[2, 2] * np.arange(refined.grid.shape[0]) + refined.grid.ijk_to_ras[2, 3]
    below = float(cut.ijk_to_ras[2, 3]) - 2 - 1.75
    assert float(refined.probability[BACKGROUND, s < below].min()) == 1
    assert float(refined.probability[BACKGROUND, s > below + 4].max()) < 0.5


def test_stray_pieces_are_removed_but_a_faint_glow_stays_as_uncertainty():
    kidney = torch.zeros(30, 30, 30)
    kidney[5:20, 5:20, 5:20] = 0.9
    kidney[25:27, 25:27, 25:27] = 0.8  # a piece on its own
    kidney[24:28, 4:8, 4:8] = 0.3  # never above one half
    probability = torch.stack([1 - kidney, kidney, *torch.zeros(3, 30, 30, 30)])
    cleared = _connected(probability)
    assert float(cleared[PARENCHYMA, 25:27, 25:27, 25:27].max()) == 0
    assert float(cleared[BACKGROUND, 25:27, 25:27, 25:27].min()) == 1
    assert torch.equal(cleared[:, :22, :22, :22], probability[:, :22, :22, :22])
    assert float(cleared[PARENCHYMA, 24:28, 4:8, 4:8].min()) == pytest.approx(0.3)
