"""How shapes are changed: bends along the spleen's own axes, and smooth random velocity fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COARSE_MM = 12.0
_SQUARINGS = 4


@dataclass(frozen=True)
class Bends:
    """Changes in the frame of the spleen's axes: long, middle, thin. Each is invertible everywhere, and so is what they make together.

    Attributes:
        spread_mm: standard deviations of the template along its axes.
        stretch: logarithm of the scale along each axis.
        curve: shift of the thin and of the middle axis with the square of the position along the long one, and of the thin one with that
            along the middle one: more or less hooked, more or less hollow on the side of the stomach.
        taper: logarithm of the change of width and thickness from one end to the other.
        twist: radians from one end to the other.
        hook: shift of the lower and of the upper tip.
    """

    spread_mm: NDArray[np.float64]
    stretch: NDArray[np.float64]
    curve: NDArray[np.float64]
    taper: NDArray[np.float64]
    twist: float
    hook: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, spread_mm: NDArray[np.float64], enlargement: float) -> Bends:
        """Random bends. ``enlargement`` is log(volume / 200 mL): large spleens are longer and thicker than the same shape magnified."""
        growth = np.array([0.035, -0.045, 0.01]) * enlargement
        stretch = rng.normal(0, [0.10, 0.08, 0.09]) + growth
        if rng.random() < 0.08:
            stretch = stretch + np.array([0.25, -0.05, -0.15]) * rng.uniform(0.4, 1)
        hook = rng.normal(0, 0.3, 2) if rng.random() < 0.15 else np.zeros(2)
        return cls(spread_mm, stretch, rng.normal(0, [0.12, 0.09, 0.10]), rng.normal(0, 0.14, 2), float(rng.normal(0, 0.2)), hook)

    def undo(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """From the bent frame to that of the template, (…, 3) mm."""
        long, middle, thin = (points[..., axis] * np.float32(np.exp(-self.stretch[axis])) for axis in range(3))
        s1, s2 = (np.float32(s) for s in self.spread_mm[:2])
        u, w = np.clip(long / s1, -3, 3), np.clip(middle / s2, -3, 3)
        thin = thin - np.float32(self.curve[0]) * (u * u - 1) * s1 / 2 - np.float32(self.curve[2]) * (w * w - 1) * s2 / 2
        thin = thin - s1 * sum(np.float32(h) * np.maximum(side * u - 1, 0) ** 2 for h, side in zip(self.hook, (1, -1), strict=True))
        middle = middle - np.float32(self.curve[1]) * (u * u - 1) * s1 / 2
        ends = np.tanh(u / 2)
        middle = middle * np.exp(-np.float32(self.taper[0]) * ends)
        thin = thin * np.exp(-np.float32(self.taper[1]) * ends)
        cosine, sine = np.cos(np.float32(self.twist) * ends), np.sin(np.float32(self.twist) * ends)
        return np.stack([long, cosine * middle - sine * thin, sine * middle + cosine * thin], -1)


def random_displacement(shape: tuple[int, ...], step_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Displacement of a random diffeomorphism on a grid, (*shape, 3) in mm.

    A stationary velocity field, smooth over some 3 cm with a finer part, is integrated by scaling and squaring (Arsigny 2006) on a coarse
    grid, which keeps the map invertible, and interpolated.
    """
    coarse = [int(np.ceil((n - 1) * step_mm / _COARSE_MM)) + 1 for n in shape]
    velocity = np.zeros((3, *coarse), np.float32)
    for smooth, amplitude in ((2.2, abs(rng.normal(0, 2.2))), (1.1, abs(rng.normal(0, 1.0)))):
        noise = ndimage.gaussian_filter(rng.normal(size=velocity.shape), [0, smooth, smooth, smooth], mode="wrap")
        velocity += (noise * (amplitude / max(noise.std(), 1e-9))).astype(np.float32)
    grid = np.indices(coarse).astype(np.float32)
    moved = velocity / np.float32(_COARSE_MM * 2**_SQUARINGS)
    for _ in range(_SQUARINGS):
        moved = moved + np.stack([ndimage.map_coordinates(part, grid + moved, order=1, mode="nearest") for part in moved])
    ratio = step_mm / _COARSE_MM
    fine = [ndimage.affine_transform(part, [ratio] * 3, output_shape=shape, order=1, mode="nearest") for part in moved]
    return np.stack(fine, -1) * np.float32(_COARSE_MM)
