"""Habitus: how wide, deep and fat a body is at each height, and the painting of its outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas
from .label_names import FAT, MUSCLE

# Height above L2 in mm, then what the half width and half depth of the inner cavity are relative to those at L2.
_PROFILE = np.array(
    [
        (-260, 0.72, 0.62),
        (-200, 0.82, 0.72),
        (-140, 0.98, 0.85),
        (-90, 1.0, 0.92),
        (-40, 0.96, 0.98),
        (20, 1.0, 1.0),
        (90, 1.05, 1.08),
        (180, 1.02, 1.05),
    ]
)


@dataclass(frozen=True)
class Habitus:
    """Lengths in mm.

    Attributes:
        width, depth: half axes of the space inside the muscle wall at L2.
        wall: thickness of the muscle wall at the side and in front.
        fat, fat_back: subcutaneous fat in front and behind.
        visceral: share of the cavity that is fat between bowel loops, 0-1.
        scale: overall size of the skeleton relative to average.
    """

    width: float
    depth: float
    wall: float
    fat: float
    fat_back: float
    visceral: float
    scale: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Habitus:
        """From slim to obese."""
        scale = float(np.clip(rng.normal(1, 0.06), 0.85, 1.15))
        weight = float(rng.beta(2, 3))
        return cls(
            width=scale * (108 + 42 * weight + rng.normal(0, 4)),
            depth=scale * (68 + 48 * weight + rng.normal(0, 5)),
            wall=rng.uniform(8, 17),
            fat=4 + 40 * weight * rng.uniform(0.4, 1.1),
            fat_back=4 + 26 * weight * rng.uniform(0.4, 1.1),
            visceral=float(np.clip(0.15 + 0.6 * weight + rng.normal(0, 0.1), 0.1, 0.85)),
            scale=scale,
        )

    @property
    def back(self) -> float:
        """y of the posterior wall of the cavity."""
        return -34.0 * self.scale

    @property
    def skin_back(self) -> float:
        """y of the outside of the back muscles."""
        return -84.0 * self.scale

    @property
    def front(self) -> float:
        """y of the anterior wall of the cavity at L2."""
        return self.back + 2 * self.depth

    def box(self, extent: tuple[float, float]) -> tuple[NDArray, NDArray]:
        """Corners that hold the body between two heights, with air around."""
        side = max(1.05 * self.width, 0.85 * self.width + 48 * self.scale) + self.wall + self.fat + 14
        low = np.array([-side, self.skin_back - self.fat_back - 12, extent[0]])
        return low, np.array([side, self.back + 2.16 * self.depth + self.wall + self.fat + 14, extent[1]])

    def half_width(self, z: NDArray) -> NDArray:
        """Of the cavity, at heights z."""
        return np.float32(self.width) * np.interp(z, _PROFILE[:, 0], _PROFILE[:, 1]).astype(np.float32)

    def half_depth(self, z: NDArray) -> NDArray:
        """Of the cavity, at heights z."""
        return np.float32(self.depth) * np.interp(z, _PROFILE[:, 0], _PROFILE[:, 2]).astype(np.float32)

    def cavity(self, x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        """1 on the wall of the cavity, less inside."""
        depth = self.half_depth(z)
        return np.abs(x / self.half_width(z)) ** 2.3 + np.abs((y - self.back - depth) / depth) ** 2.3

    def paint(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Skin and subcutaneous fat, muscle wall, and fat in the cavity."""
        x, y, z = canvas.axes()
        # Below the waist the buttocks lie outside the cavity.
        buttocks = np.interp(z, (-260, -200, -150, -90), (50, 46, 28, 0)).astype(np.float32) * np.float32(self.scale)
        half_width = self.half_width(z) + self.wall + buttocks
        front = self.back + 2 * self.half_depth(z) + self.wall
        middle, half = (front + self.skin_back) / 2, (front - self.skin_back) / 2
        flank = (self.fat + self.fat_back) / 2 * rng.uniform(0.8, 1.2)
        shift = (self.fat - self.fat_back) / 2
        skin_half = half + (self.fat + self.fat_back) / 2
        for value, across, center, deep in ((FAT, half_width + flank, middle + shift, skin_half), (MUSCLE, half_width, middle, half)):
            canvas.labels[np.abs(x / across) ** 2.4 + np.abs((y - center) / deep) ** 2.4 < 1] = value
        canvas.labels[self.cavity(x, y, z) < 1] = FAT
