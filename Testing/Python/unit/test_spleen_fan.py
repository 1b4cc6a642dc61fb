"""The fan of a B-mode picture is found, and what a machine writes around it is left out."""

from __future__ import annotations

import numpy as np
import pytest

from SpleenVolumeLib.fan import find_fan

SHAPE = (420, 560)


def _fan(kind: str) -> np.ndarray:
    """Fans as machines draw them, bool (420, 560)."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    x -= SHAPE[1] / 2
    if kind == "linear":
        return (np.abs(x) < 120) & (y > 20) & (y < 400)
    if kind == "trapezoid":
        return (np.abs(x) < 80 + 0.35 * (y - 20)) & (y > 20) & (y < 400)
    apex, near, far, half = {"curved": (-80, 100, 480, 35), "sector": (14, 4, 390, 42), "cut": (-60, 80, 600, 30)}[kind]
    radius, angle = np.hypot(x, y - apex), np.degrees(np.arctan2(x, y - apex))
    return (np.abs(angle) < half) & (radius > near) & (radius < far)


def _picture(fan: np.ndarray, seed: int = 0) -> np.ndarray:
    """Speckle inside."""
    rng = np.random.default_rng(seed)
    speckle = 70 * rng.rayleigh(0.8, SHAPE)
    return np.where(fan, np.clip(speckle, 0, 255), 0).astype(np.uint8)


def _agreement(found: np.ndarray, fan: np.ndarray) -> float:
    return float((found & fan).sum() / (found | fan).sum())


@pytest.mark.parametrize("kind", ["curved", "sector", "cut", "linear", "trapezoid"])
def test_fans_of_all_kinds_are_found(kind):
    fan = _fan(kind)
    assert _agreement(find_fan(_picture(fan)), fan) > 0.96


def _with_writing(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Text beside and against the fan, a gray bar, a scale and an ECG line; and where they are."""
    rng = np.random.default_rng(3)
    drawn = np.zeros(SHAPE, np.uint8)
    for row, column in ((8, 6), (30, 6), (200, 10), (380, 430), (395, 6)):
        letters = np.kron(rng.random((5, 30)) < 0.5, np.ones((2, 2))) * 230
        drawn[row : row + 10, column : column + 60] = letters
    drawn[60:300, 535:550] = np.linspace(255, 0, 240)[:, None]
    drawn[20:400:38, 520:528] = 220
    drawn[(409 + 5 * np.sin(np.arange(560) / 6)).astype(int), np.arange(560)] = 200
    outside = (drawn > 0) & (gray == 0)
    return np.where(outside, drawn, gray).astype(np.uint8), outside


def test_text_scales_and_bars_are_left_out():
    fan = _fan("curved")
    gray, written = _with_writing(_picture(fan))
    found = find_fan(gray)
    assert _agreement(found, fan) > 0.95
    assert (found & written).sum() < 0.01 * written.sum()


def test_a_dark_side_and_a_dark_depth_belong_to_the_fan():
    fan = _fan("curved")
    gray = _picture(fan)
    x = np.arange(SHAPE[1])[None] - SHAPE[1] / 2
    y = np.arange(SHAPE[0])[:, None]
    gray[(x < -0.35 * (y + 10)) & (y > 60)] = 0  # no contact on the left
    assert (find_fan(gray) & fan).sum() > 0.97 * fan.sum()


def test_a_gray_screen_is_not_taken_for_the_fan():
    fan = _fan("curved")
    gray = _picture(fan)
    gray[~fan] = 28
    assert _agreement(find_fan(gray), fan) > 0.95


def test_a_picture_cropped_to_the_tissue_is_all_fan():
    assert find_fan(_picture(np.ones(SHAPE, bool))).all()


def test_small_frames_work_too():
    small = _picture(_fan("curved"))[::7, ::7]
    assert _agreement(find_fan(small), _fan("curved")[::7, ::7]) > 0.9


def test_nothing_is_found_in_a_black_picture_or_in_text_alone():
    assert not find_fan(np.zeros(SHAPE, np.uint8)).any()
    assert not find_fan(_with_writing(np.zeros(SHAPE, np.uint8))[0]).any()
