"""What a machine draws around the picture: text, a depth scale, a gray bar, a logo, an ECG line; at times calipers inside.

The text is random strokes and names nobody: it is there for the fan finder to remove.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rng = np.random.Generator


def draw_overlays(gray: Picture, fan: NDArray[np.bool_], pixel_mm: tuple[float, float], rng: Rng) -> Picture:
    """The picture with drawn things around it; nothing is drawn on the fan but, at times, calipers."""
    screen = np.zeros_like(gray)
    height, width = gray.shape
    scale = max(1, round(height / 350))
    background = int(rng.choice([0, 0, 0, int(rng.integers(2, 30))]))
    for _ in range(int(rng.integers(0, 5))):
        _text(
            screen, (int(rng.integers(0, height)), int(rng.choice([0.01, 0.7, rng.random()]) * width)), int(rng.integers(3, 18)), scale, rng
        )
    if rng.random() < 0.6:
        _depth_scale(screen, pixel_mm, rng)
    if rng.random() < 0.5:
        _gray_bar(screen, rng)
    if rng.random() < 0.4:
        _logo(screen, rng)
    if rng.random() < 0.15:
        _ecg(screen, rng)
    framed = np.where(fan, gray, np.maximum(screen, background)).astype(np.uint8)
    if rng.random() < 0.12:
        _calipers(framed, fan, scale, rng)
    return framed


def _text(screen: Picture, corner: tuple[int, int], letters: int, scale: int, rng: Rng) -> None:
    """Letters of 5 × 4 random dots, as high as those of a machine."""
    value = int(rng.integers(120, 256))
    for number in range(letters):
        dots = rng.random((5, 4)) < 0.55
        _stamp(screen, np.kron(dots, np.ones((2 * scale, 2 * scale), bool)), (corner[0], corner[1] + number * 10 * scale), value)


def _stamp(screen: Picture, shape: NDArray[np.bool_], corner: tuple[int, int], value: int) -> None:
    row, column = corner
    part = screen[max(0, row) : row + shape.shape[0], max(0, column) : column + shape.shape[1]]
    part[shape[: part.shape[0], : part.shape[1]]] = value


def _depth_scale(screen: Picture, pixel_mm: tuple[float, float], rng: Rng) -> None:
    column = int(screen.shape[1] * rng.choice([0.005, 0.97]))
    every = 10 / pixel_mm[0]
    for number in range(int(screen.shape[0] / every) + 1):
        row = int(number * every)
        screen[row : row + 2, column : column + (8 if number % 5 == 0 else 4)] = 200


def _gray_bar(screen: Picture, rng: Rng) -> None:
    height, width = screen.shape
    top, tall, wide = (
        int(rng.uniform(0.02, 0.4) * height),
        int(rng.uniform(0.2, 0.5) * height),
        max(4, int(rng.uniform(0.012, 0.03) * width)),
    )
    column = int(rng.choice([0.01, 0.94]) * width)
    bar = np.linspace(255, 0, tall)[:, None].astype(np.uint8)
    screen[top : top + tall, column : column + wide] = bar


def _logo(screen: Picture, rng: Rng) -> None:
    height, width = screen.shape
    radius = max(4, int(rng.uniform(0.01, 0.03) * height))
    y, x = np.ogrid[:height, :width]
    center = (radius + 3, int(rng.choice([0.06, 0.9, rng.random()]) * width))
    ring = np.hypot(y - center[0], x - center[1])
    screen[(ring < radius) & ((ring > 0.6 * radius) | (rng.random() < 0.4))] = int(rng.integers(140, 256))


def _ecg(screen: Picture, rng: Rng) -> None:
    height, width = screen.shape
    t = np.arange(width)
    beat = rng.uniform(60, 160)
    phase = (t % beat) / beat
    wave = (
        np.exp(-(((phase - 0.4) / 0.03) ** 2))
        - 0.25 * np.exp(-(((phase - 0.46) / 0.03) ** 2))
        + 0.2 * np.exp(-(((phase - 0.7) / 0.06) ** 2))
    )
    rows = np.clip((0.96 - 0.07 * wave) * height, 0, height - 1).astype(int)
    screen[rows, t] = 180


def _calipers(framed: Picture, fan: NDArray[np.bool_], scale: int, rng: Rng) -> None:
    rows, columns = np.nonzero(fan)
    arm = 3 * scale
    for _ in range(int(rng.choice([2, 4]))):
        at = int(rng.integers(rows.size))
        row, column = int(rows[at]), int(columns[at])
        framed[max(0, row - arm) : row + arm + 1, column] = 230
        framed[row, max(0, column - arm) : column + arm + 1] = 230
