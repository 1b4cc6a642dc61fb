"""Simulated ultrasound: its truth is true, and it looks as ultrasound does where that can be counted."""

from __future__ import annotations

import time

import numpy as np
import pytest

from SpleenVolumeLib.simulator import SimulatorSettings, simulate
from SpleenVolumeLib.simulator.fans import Fan, place


@pytest.fixture
def a_spleen() -> np.ndarray:
    """An ellipse of 110 × 44 mm on the 1 mm grid."""
    y, x = np.mgrid[-128:128, -128:128] + 0.5
    return (x / 55) ** 2 + (y / 22) ** 2 < 1


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("view", ["coronal", "transverse", "sagittal"])
def test_the_outline_keeps_its_size_in_millimeters(a_spleen, view):
    for seed in range(3):
        made = simulate(a_spleen, view, _rng(seed))
        area = made.spleen.sum() * made.pixel_mm[0] * made.pixel_mm[1]
        assert area == pytest.approx(a_spleen.sum(), rel=0.02)
        columns = np.flatnonzero(made.spleen.any(axis=0))
        assert (columns[-1] - columns[0] + 1) * made.pixel_mm[1] == pytest.approx(110, abs=2.5)


def test_the_whole_spleen_lies_in_the_fan_unless_a_part_is_to_be_cut_off(a_spleen):
    for seed in range(3):
        made = simulate(a_spleen, "coronal", _rng(seed))
        assert not (made.spleen & ~made.fan).any()
    giant = np.kron(a_spleen[64:192, 64:192], np.ones((3, 3), bool))  # 330 mm
    made = simulate(giant, "coronal", _rng(1), SimulatorSettings(pixel_mm=1.0))
    assert made.spleen.sum() * made.pixel_mm[0] * made.pixel_mm[1] == pytest.approx(giant.sum(), rel=0.02)


def test_the_same_seed_gives_the_same_picture(a_spleen):
    first, second, other = (simulate(a_spleen, "coronal", _rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.gray, second.gray) and first.pixel_mm == second.pixel_mm
    assert first.gray.shape != other.gray.shape or not np.array_equal(first.gray, other.gray)


def test_the_spleen_is_even_and_the_rest_is_not(a_spleen):
    """Smoothed over the speckle, gray values vary less inside the spleen than in the whole fan."""
    from scipy import ndimage

    ratios = []
    for seed in range(6):
        made = simulate(a_spleen, "coronal", _rng(seed), SimulatorSettings(overlays=False, pixel_mm=0.5))
        smooth = ndimage.gaussian_filter(made.gray.astype(float), 6)
        inner = ndimage.binary_erosion(made.spleen, iterations=12)
        ratios.append(smooth[inner].std() / smooth[made.fan].std())
    assert np.median(ratios) < 0.6


def test_speckle_is_wider_at_depth(a_spleen):
    """The lateral correlation length grows from the focus to the end of the picture."""
    from SpleenVolumeLib.simulator.acquisition import _blurred_by_depth, _scatterers, draw_acquisition

    drawn = draw_acquisition(_rng(2))
    share = np.broadcast_to(np.linspace(0, 1, 300, dtype=np.float32), (160, 300))
    speckle = np.abs(_blurred_by_depth(_scatterers((160, 300), _rng(3)), drawn, share, 0.5))

    def width(part: np.ndarray) -> float:
        part = part - part.mean(axis=0)
        return float((part[1:] * part[:-1]).mean() / part.var())

    focus = int(drawn.focus * 300)
    assert width(speckle[:, -25:]) > width(speckle[:, focus - 12 : focus + 13])


def test_nothing_is_written_outside_of_the_fan_when_overlays_are_off(a_spleen):
    made = simulate(a_spleen, "coronal", _rng(), SimulatorSettings(overlays=False))
    assert not made.gray[~made.fan].any()


def test_a_fan_holds_what_it_scans():
    fan = Fan(50, np.deg2rad(35), 150)
    assert fan.holds(np.float32([0, 0, 0, 200]), np.float32([1, 149, 151, 20])).tolist() == [True, True, False, False]
    y0, y1, x0, x1 = fan.box
    assert y1 == 150 and x1 == pytest.approx(200 * np.sin(np.deg2rad(35))) and x0 == -x1 and y0 < 0


def test_a_part_is_cut_off_where_wanted(a_spleen):
    y, x = np.nonzero(a_spleen)
    held = []
    for seed in range(12):
        placed = place(a_spleen, _rng(seed), 0.7)
        held.append(placed.fan.holds(x - np.float32(placed.left), y - np.float32(placed.top)).mean())
    assert min(held) >= 0.7 and min(held) < 1


def test_an_empty_mask_or_an_unknown_view_is_refused(a_spleen):
    with pytest.raises(ValueError, match="empty"):
        simulate(np.zeros((256, 256), bool), "coronal", _rng())
    with pytest.raises(ValueError, match="no view"):
        simulate(a_spleen, "oblique", _rng())


def test_a_picture_takes_less_than_a_second(a_spleen):
    started = time.process_time()
    for seed in range(3):
        simulate(a_spleen, "coronal", _rng(seed))
    assert (time.process_time() - started) / 3 < 1.0
