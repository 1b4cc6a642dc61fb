"""Canvas: a label map in RAS millimeters that shapes are painted on, each inside its own box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline

Inside = Callable[[NDArray, NDArray, NDArray], NDArray]


@dataclass
class Canvas:
    """Labels on an axis-aligned RAS grid: x to the right, y to the front, z up.

    Attributes:
        low: RAS of the center of the first voxel, mm.
        spacing: mm along x, y, z.
        size: voxel counts along x, y, z.
        labels: uint8, shape (K, J, I).
    """

    low: NDArray
    spacing: NDArray
    size: tuple[int, int, int]
    labels: NDArray = field(init=False)

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.size[::-1], np.uint8)

    @property
    def ijk_to_ras(self) -> NDArray:
        """4x4 matrix of the grid."""
        matrix = np.diag((*self.spacing, 1.0))
        matrix[:3, 3] = self.low
        return matrix

    def axes(self) -> tuple[NDArray, NDArray, NDArray]:
        """Open x (1, 1, I), y (1, J, 1), z (K, 1, 1) of the whole grid, float32."""
        return self._open(np.zeros(3, int), np.array(self.size))

    def paint(self, value: int, center: ArrayLike, reach: ArrayLike, inside: Inside, over: NDArray | None = None) -> None:
        """Set `value` where `inside(x, y, z)` holds, looking only at the box center +- reach (mm).

        `inside` gets open coordinate arrays. `over` is a table of 256 bools: which labels may be painted over.
        """
        box, points = self._box(center, reach)
        if box.size:
            mask = np.broadcast_to(inside(*points), box.shape)
            box[mask if over is None else mask & over[box]] = value

    def stamp(self, center: ArrayLike, reach: ArrayLike, labels: Inside) -> None:
        """Write the values of `labels(x, y, z)` where they are not 0, looking only at the box center +- reach (mm)."""
        box, points = self._box(center, reach)
        if box.size:
            values = labels(*points)
            np.copyto(box, values, where=values > 0)

    def ellipsoid(
        self, value: int, center: ArrayLike, radii: ArrayLike, rng: np.random.Generator | None = None, over: NDArray | None = None
    ) -> None:
        """An ellipsoid along the axes; with `rng` its surface is made uneven by about a twentieth of its radii."""
        center, radii = np.asarray(center, float), np.asarray(radii, float)
        wobble = None if rng is None else Wobble(rng, wavelength=2.5 * float(radii.mean()), amplitude=0.12)

        def inside(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
            value = ((x - center[0]) / radii[0]) ** 2 + ((y - center[1]) / radii[1]) ** 2 + ((z - center[2]) / radii[2]) ** 2
            return value < (1 if wobble is None else 1 + wobble(x, y, z))

        self.paint(value, center, radii * 1.35, inside, over)

    def tube(self, value: int, points: ArrayLike, radii: ArrayLike, flatten: float = 1.0, over: NDArray | None = None) -> None:
        """A tube through `points` (N, 3), its radius interpolated between `radii` (N,); `flatten` < 1 makes it thin along y."""
        centers, sizes = along(points, radii)
        for center, radius in zip(centers, sizes, strict=True):
            self.ellipsoid(value, center, (radius, radius * flatten, radius), over=over)

    def _box(self, center: ArrayLike, reach: ArrayLike) -> tuple[NDArray, tuple[NDArray, NDArray, NDArray]]:
        """The part of the grid in a box, as a view, and its open coordinates."""
        low = np.floor((np.asarray(center) - reach - self.low) / self.spacing).astype(int)
        high = np.ceil((np.asarray(center) + reach - self.low) / self.spacing).astype(int) + 1
        low, high = np.clip(low, 0, self.size), np.clip(high, 0, self.size)
        return self.labels[low[2] : high[2], low[1] : high[1], low[0] : high[0]], self._open(low, high)

    def _open(self, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        x, y, z = (np.float32(self.low[a]) + np.arange(low[a], high[a], dtype=np.float32) * np.float32(self.spacing[a]) for a in range(3))
        return x[None, None, :], y[None, :, None], z[:, None, None]


class Wobble:
    """A smooth random field of mean 0 and standard deviation `amplitude`: a few products of sines, which open grids make cheap."""

    def __init__(self, rng: np.random.Generator, wavelength: float, amplitude: float, terms: int = 6) -> None:
        self.wave = (rng.normal(size=(terms, 3)) * 2 * np.pi / wavelength / np.sqrt(3)).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, (terms, 3)).astype(np.float32)
        self.scale = np.float32(amplitude * np.sqrt(8 / terms))

    def __call__(self, x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        """Values at points given by three arrays that broadcast, in mm."""
        total: NDArray = np.zeros((), np.float32)
        for wave, phase in zip(self.wave, self.phase, strict=True):
            total = total + np.sin(z * wave[2] + phase[2]) * np.sin(y * wave[1] + phase[1]) * np.sin(x * wave[0] + phase[0])
        return self.scale * total


def along(points: ArrayLike, radii: ArrayLike) -> tuple[NDArray, NDArray]:
    """A smooth curve through `points` sampled so densely that balls of the interpolated radius merge to a tube."""
    points, radii = np.asarray(points, float), np.asarray(radii, float)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    samples = np.linspace(0, length[-1], 2 + int(length[-1] / (0.4 * radii.min())))
    curve = make_interp_spline(length, points, k=min(2, len(points) - 1))
    return curve(samples), np.interp(samples, length, radii)


def only(*values: int) -> NDArray:
    """Table for `over`: these labels may be painted over."""
    table = np.zeros(256, bool)
    table[list(values)] = True
    return table


def all_but(*values: int) -> NDArray:
    """Table for `over`: every label but these may be painted over."""
    return ~only(*values)
