"""Shapes without a template: bent ellipsoids, hollowed by the stomach and the kidney."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def implicit_distance(frame: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """About the distance to the surface of one such shape, negative inside.

    Args:
        frame: points in the frame of the spleen's axes (long, middle, thin; the thin one points to the ribs), (…, 3) mm.
    """
    half = np.array([rng.uniform(45, 62), rng.uniform(30, 40), rng.uniform(17, 26)], np.float32)
    # A cap over the ribs: the whole body follows a sphere on the side of the diaphragm.
    dome = np.float32(rng.uniform(70, 130))
    bent = frame.copy()
    bent[..., 2] += (frame[..., 0] ** 2 + frame[..., 1] ** 2) / (2 * dome) - np.float32(half[0] ** 2 + half[1] ** 2) / (5 * 2 * dome)
    power = rng.uniform(1.9, 2.6)
    radius = (np.abs(bent / half) ** power).sum(-1) ** (1 / power)
    slope = np.sqrt(((bent / half**2) ** 2).sum(-1)) / np.maximum(radius, 1e-3)
    field = (radius - 1) / np.maximum(slope, 1e-3)
    for _ in range(rng.integers(1, 3)):
        ball = np.float32(rng.uniform(28, 60))
        depth = rng.uniform(2, 12)
        place = np.array([rng.normal(0, 18), rng.normal(0, 12), -half[2] - ball + depth], np.float32)
        hollow = ball - np.sqrt(((bent - place) ** 2).sum(-1))
        field = np.logaddexp(field / 3, hollow / 3) * 3  # a smooth maximum: rounded rims
    return field.astype(np.float32)
