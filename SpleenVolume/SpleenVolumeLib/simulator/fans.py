"""Fans: the sector that an array scans, and how it is set onto a spleen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Fan:
    """A sector about an apex above the skin. x runs to the right, y downwards, (0, 0) is the middle of the probe's face, mm.

    Attributes:
        radius: of the probe's face about the apex: 40-80 curved, few for a sector.
        half_angle: of the opening, radians.
        depth: from the face to the end.
    """

    radius: float
    half_angle: float
    depth: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """First and last y, first and last x, of the sector."""
        side = (self.radius + self.depth) * np.sin(self.half_angle)
        return float(self.radius * (np.cos(self.half_angle) - 1)), self.depth, -float(side), float(side)

    def polar(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Angle in radians and depth from the face in mm."""
        return np.arctan2(x, y + np.float32(self.radius)), np.hypot(x, y + np.float32(self.radius)) - np.float32(self.radius)

    def holds(self, x: Field, y: Field) -> NDArray[np.bool_]:
        """Which points it scans."""
        angle, depth = self.polar(x, y)
        return (np.abs(angle) <= self.half_angle) & (depth >= 0) & (depth <= self.depth)

    def grid(self, lines: int, samples: int) -> tuple[Field, Field, Field]:
        """x, y and depth of all samples of all lines, (lines, samples)."""
        angle = np.linspace(-self.half_angle, self.half_angle, lines, dtype=np.float32)[:, None]
        depth = np.broadcast_to(np.linspace(0, self.depth, samples, dtype=np.float32), (lines, samples))
        radius = depth + np.float32(self.radius)
        return np.sin(angle) * radius, np.cos(angle) * radius - np.float32(self.radius), depth


@dataclass(frozen=True)
class Placed:
    """A spleen under a probe: pixel (row, column) of its 1 mm mask lies at x = column - left, y = row - top."""

    fan: Fan
    left: float
    top: float


def place(mask: NDArray[np.bool_], rng: np.random.Generator, whole: float) -> Placed:
    """Draw a fan, and where the spleen lies in it.

    Args:
        mask: spleen, bool, 1 mm, in ultrasound orientation: the probe is above.
        rng: draws.
        whole: share of the spleen that the fan must hold. A common fan is tried first; what does not fit gets a wider one, in the end one
            wider than any probe's, as a panorama would.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    y, x = (where.astype(np.float32) for where in np.nonzero(mask))
    fan, grow = _drawn(rng), 1.0
    for attempt in range(60):
        wall = float(rng.uniform(10, 34)) * min(grow, 1.6)
        needed = wall + len(rows) + float(rng.uniform(8, 70))
        fan = replace(_drawn(rng), depth=max(needed if attempt > 3 else 0.0, float(rng.uniform(100, 200))))
        if attempt > 8:
            grow = 1.03 ** (attempt - 8)
            fan = Fan(max(fan.radius, 50) * grow, min(fan.half_angle * (1 + 0.02 * attempt), np.deg2rad(46)), fan.depth)
        jitter = float(rng.normal(0, 12)) / grow
        middle = (columns[0] + columns[-1]) / 2 + jitter
        placed = Placed(fan, middle, float(rows[0]) - wall)
        held = fan.holds(x - np.float32(placed.left), y - np.float32(placed.top)).mean()
        if held >= whole - (0.01 if attempt > 40 else 0.0):
            break
    return placed


def _drawn(rng: np.random.Generator) -> Fan:
    """A curved array in most draws, else a sector with a small face."""
    if rng.random() < 0.85:
        return Fan(float(rng.uniform(38, 68)), float(np.deg2rad(rng.uniform(27, 38))), float(rng.uniform(100, 240)))
    return Fan(float(rng.uniform(3, 20)), float(np.deg2rad(rng.uniform(35, 46))), float(rng.uniform(120, 240)))
