"""A slice on a sphere: magnified about a center, with everything around still in view.

The plane touches a sphere of radius d at the center c. A point at the distance r from c is seen from the sphere's middle under the
angle atan(r/d); spread out flat again it lies at r'. Lengths are scaled so that the circle of radius R, which holds all that matters,
stays where it is, and d follows from the wanted magnification m in the center:

- equidistant: r' = R·atan(r/d) / atan(R/d), m = (R/d) / atan(R/d)
- orthographic: r' = R·sin(atan(r/d)) / sin(atan(R/d)), m = sqrt(1 + (R/d)²)
- linear: r' = m·r, which loses what leaves the field of view (LSU-Net)

The idea is that of SPU-Net (Yang et al., Med Phys 2024); its own equation is not public, these are ours. Points are (y, x) in mm, y along
the rows of a slice. m = 1 is the identity. Results are exact to rounding (float64).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

SPHERES = ("equidistant", "orthographic")
KINDS = (*SPHERES, "linear")

Pair = tuple[float, float]
Points = NDArray[np.float64]


@lru_cache(maxsize=1024)
def bend(kind: str, magnification: float) -> float:
    """R/d that gives the wanted magnification in the center; 0 for a flat plane (magnification 1, or linear).

    Raises:
        ValueError: for an unknown kind or a magnification below 1 or not finite.
    """
    if kind not in KINDS or not (math.isfinite(magnification) and magnification >= 1):
        raise ValueError(f"there is no projection “{kind}” with magnification {magnification}")
    if magnification == 1 or kind == "linear":
        return 0.0
    if kind == "orthographic":
        return math.sqrt(magnification**2 - 1)
    return float(brentq(lambda x: x / math.atan(x) - magnification, 1e-9, 2 * magnification, xtol=1e-14))


@dataclass(frozen=True)
class Projection:
    """One way to see a slice. Hashable, so that what follows from it can be cached.

    Attributes:
        kind: "equidistant", "orthographic" or "linear".
        magnification: in the center, at least 1.
        center_mm: (y, x) of the center; it stays where it is.
        radius_mm: R; nothing that matters lies farther from the center.
        mirrored: left and right exchanged about the center.
        shift_mm: (y, x) added at the end.
    """

    kind: str = "equidistant"
    magnification: float = 1.0
    center_mm: Pair = (0.0, 0.0)
    radius_mm: float = 100.0
    mirrored: bool = False
    shift_mm: Pair = (0.0, 0.0)

    def forward(self, points: Points) -> Points:
        """Where points of the plane are seen; (…, 2) to (…, 2)."""
        offset = points - self.center_mm
        seen = offset * _ratio(self._out(r := _length(offset)), r, self.magnification)[..., None]
        return seen * (1.0, -1.0 if self.mirrored else 1.0) + self.center_mm + self.shift_mm

    def inverse(self, points: Points) -> Points:
        """Which points of the plane are seen there; NaN where no point of the plane is."""
        offset = (points - self.center_mm - self.shift_mm) * (1.0, -1.0 if self.mirrored else 1.0)
        return offset * _ratio(self._in(r := _length(offset)), r, 1 / self.magnification)[..., None] + self.center_mm

    def _out(self, r: Points) -> Points:
        x, radius = bend(self.kind, self.magnification), self.radius_mm
        if x == 0:
            return r * self.magnification
        angle, rim = np.arctan(r * (x / radius)), math.atan(x)
        return radius * angle / rim if self.kind == "equidistant" else radius * np.sin(angle) / math.sin(rim)

    def _in(self, r: Points) -> Points:
        x, radius = bend(self.kind, self.magnification), self.radius_mm
        if x == 0:
            return r / self.magnification
        rim = math.atan(x)
        if self.kind == "equidistant":
            angle = r * (rim / radius)
            return np.where(angle < math.pi / 2, np.tan(np.minimum(angle, 1.57)) * (radius / x), np.nan)
        sine = r * (math.sin(rim) / radius)
        return np.where(sine < 1, np.tan(np.arcsin(np.minimum(sine, 1 - 1e-9))) * (radius / x), np.nan)


IDENTITY = Projection()


def farthest(points: Points, center_mm: Pair) -> float:
    """Distance from the center to the farthest of the points in mm: the smallest R that holds them all; at least 1."""
    return max(1.0, float(_length(points - center_mm).max(initial=0.0)))


def centers(count: int, low_mm: Pair, high_mm: Pair) -> list[Pair]:
    """A fixed, regular arrangement of centers inside a box, row by row; nine are 3 x 3 at the quarters of its sides.

    Counts that fill no rectangle are spread over rows as evenly as they go, the fuller rows in the middle.

    Args:
        count: how many, 0 or more.
        low_mm, high_mm: corners (y, x) of the box.
    """
    if count < 1:
        return []
    height, width = (max(high - low, 1e-6) for low, high in zip(low_mm, high_mm, strict=True))
    rows = min(count, max(1, round(math.sqrt(count * height / width))))
    sizes = [count // rows] * rows
    from_middle = sorted(range(rows), key=lambda row: (abs(row - (rows - 1) / 2), row))
    for row in from_middle[: count % rows]:
        sizes[row] += 1
    return [
        (low_mm[0] + height * (row + 1) / (rows + 1), low_mm[1] + width * (column + 1) / (size + 1))
        for row, size in enumerate(sizes)
        for column in range(size)
    ]


def _length(offset: Points) -> Points:
    return np.hypot(offset[..., 0], offset[..., 1])


def _ratio(after: Points, before: Points, in_center: float) -> Points:
    """after / before, with its limit in the center."""
    return np.divide(after, before, out=np.full(np.shape(before), in_center), where=before > 1e-9)
