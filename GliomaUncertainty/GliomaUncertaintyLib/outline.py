"""Straight lines in one slice of one lesion: its longest diameter, and the longest line across that.

Ends of a diameter are outline points, half way between a pixel of the lesion and its neighbor outside. A line must stay on pixels
that are in the lesion or share a side with it. The convex hull answers most slices at once; a ring around a cavity is searched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP = 0.5  # pixels between the places where a line across is looked at
_EDGE = 3  # empty pixels around the mask
_BATCH = 8192  # pairs that are tested together, roughly
_FEW = 128  # and those of them that are tested exactly
_LINES = 24  # lines across that are followed together
_SLACK = 0.1  # pixels by which the interpolated outline may pass the hull of its points


@dataclass(frozen=True)
class Lines:
    """Lengths of the two lines in mm, and their ends in (row, column), shape (4, 2)."""

    longest_mm: float
    perpendicular_mm: float
    ends: NDArray[np.float64]


class Outline:
    """The outline of one slice of one lesion.

    Args:
        mask: (rows, columns), bool, not empty.
        to_mm: 2x2, (row, column) to orthogonal millimeters in the plane.
    """

    def __init__(self, mask: NDArray[np.bool_], to_mm: NDArray[np.float64]) -> None:
        self._mask, self._to_mm = np.pad(mask, _EDGE), to_mm
        self._found: Lines | None = None
        self._shorter_than = math.inf  # what the search for the longest diameter has excluded so far
        self._points = _outline_points(mask)
        self._mm = self._points @ to_mm.T
        hull = ConvexHull(self._mm)
        self._corners, area = hull.vertices, float(hull.volume)
        lengths = pdist(self._mm[self._corners])
        self._widest = int(np.argmax(lengths))
        a, b = self._pair_of_corners
        self.solid = self._first_clear(a[None], b[None]) == 0
        """True if the longest diameter of the convex hull stays in the lesion."""
        self.most_mm2 = min(2 * area, float(lengths.max()) ** 2)
        """The bidimensional product is not larger: two perpendicular lines in a convex outline span at least half of theirs."""
        if self.solid:
            self.most_mm2 = min(self.most_mm2, float(lengths.max() * self._across(b - a)[1].max()))

    def lines(self, least_mm: float = 0.0) -> Lines | None:
        """The longest diameter and the longest line perpendicular to it; None if no diameter is as long as ``least_mm``."""
        if self._found is None and least_mm < self._shorter_than:
            ends = self._pair_of_corners if self.solid else self._longest(least_mm)
            if ends is None:
                self._shorter_than = least_mm
            else:
                across, across_ends = self._perpendicular(ends[1] - ends[0])
                self._found = Lines(float(np.linalg.norm(self._to_mm @ (ends[1] - ends[0]))), across, np.stack([*ends, *across_ends]))
        return self._found if self._found is not None and self._found.longest_mm >= least_mm else None

    @cached_property
    def _near(self) -> NDArray[np.bool_]:
        return ndimage.binary_dilation(self._mask)

    @property
    def _pair_of_corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first, second = (side[self._widest] for side in np.triu_indices(len(self._corners), 1))
        return self._points[self._corners[first]], self._points[self._corners[second]]

    def _longest(self, least_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Ends of the longest line between two outline points that stays in the lesion."""
        first, second = np.triu_indices(len(self._points), 1)
        lengths = pdist(self._mm)
        order = np.flatnonzero((lengths >= least_mm) & (lengths < self._shorter_than))
        order = order[np.argsort(-lengths[order], kind="stable")]
        for start in range(0, len(order), _BATCH):
            chunk = order[start : start + _BATCH]
            found = self._first_clear(self._points[first[chunk]], self._points[second[chunk]])
            if found is not None:
                return self._points[first[chunk[found]]], self._points[second[chunk[found]]]
        return None

    def _first_clear(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> int | None:
        """Number of the first line from a to b, both (N, 2), that stays in the lesion; None if there is none."""
        left = np.arange(len(a))
        for fractions in ([1 / 2], [1 / 4, 3 / 4], [1 / 8, 3 / 8, 5 / 8, 7 / 8]):  # the middle first, where a cavity would be
            points = a[left, None] + (b - a)[left, None] * np.array(fractions)[:, None]
            left = left[self._near[_pixels(points)].all(axis=1)]
        for start in range(0, len(left), _FEW):
            some = left[start : start + _FEW]
            clear = self._near[_pixels(_visits(a[some], b[some]))].all(axis=1)
            if clear.any():
                return int(some[np.argmax(clear)])
        return None

    def _across(self, along: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Direction across ``along`` (both in pixels; of 1 mm), and how long a line through each outline point can be within the hull."""
        u = self._to_mm @ along / np.linalg.norm(self._to_mm @ along)
        v = np.array([-u[1], u[0]])
        corners = self._mm[self._corners]
        t, s, at = np.round(corners @ u, 6), corners @ v, np.round(self._mm @ u, 6)
        width = np.zeros(len(at))
        for sign in (1, -1):  # upper and lower chain of the hull, each a function of the place along the diameter
            chain = np.lexsort((-sign * s, t))
            width += sign * _chain(t[chain], s[chain], at, sign)
        return np.linalg.solve(self._to_mm, v), width

    def _perpendicular(self, along: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Longest line across ``along``: length in mm and its ends in (row, column).

        Lines through the outline points are followed both ways as long as they stay in the lesion; they end where they last cross
        the outline, which is interpolated between pixels. Those with the widest hull come first, until no other can be longer.
        """
        direction, most = self._across(along)
        pixel = float(np.abs(direction).max())  # pixels per millimeter
        level = self._mask.astype(np.float32)
        best, ends = -1.0, np.zeros((2, 2))
        order = np.argsort(-most, kind="stable")
        for start in range(0, len(order), _LINES):
            chunk = order[start : start + _LINES]
            if most[chunk[0]] + 2 * _SLACK / pixel <= best:
                break
            back, ahead = (self._reach(self._points[chunk], sign * direction, most[chunk].max(), level) for sign in (-1, 1))
            longest = int(np.argmax(back + ahead))
            if back[longest] + ahead[longest] > best:
                best = float(back[longest] + ahead[longest])
                ends = self._points[chunk[longest]] + np.outer([-back[longest], ahead[longest]], direction)
        return best, ends

    def _reach(
        self, points: NDArray[np.float64], direction: NDArray[np.float64], most_mm: float, level: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """How far a line from each point runs one way within the lesion, in mm."""
        step_mm = _STEP / float(np.abs(direction).max())
        steps = math.ceil(most_mm / step_mm) + 3
        at = points[:, None] + direction * (step_mm * np.arange(steps))[None, :, None]
        at = np.clip(at, -_EDGE, np.array(level.shape) - 1.0 - _EDGE)
        value = ndimage.map_coordinates(level, (at + _EDGE).reshape(-1, 2).T, order=1, mode="nearest").reshape(at.shape[:2])
        inside = np.logical_and.accumulate(self._near[_pixels(at)], axis=1) & (value >= 0.5)
        inside[:, 0] = True
        last = steps - 1 - inside[:, ::-1].argmax(axis=1)
        lines = np.arange(len(points))
        here, there = value[lines, last], value[lines, np.minimum(last + 1, steps - 1)]
        beyond = np.clip((here - 0.5) / np.maximum(here - there, 1e-6), 0, 1)
        return np.asarray((last + np.where(here > there, beyond, 0)) * step_mm)


def _outline_points(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Half way between the pixels of a slice and their neighbors outside, (row, column), shape (N, 2), sorted."""
    part = np.pad(mask, 1)
    points = []
    for axis in (0, 1):
        for step in (-1, 1):
            at = np.argwhere(part & ~np.roll(part, -step, axis)) - 1.0
            at[:, axis] += step / 2
            points.append(at)
    return np.unique(np.concatenate(points), axis=0)


def _pixels(points: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index of the pixel at each point (…, 2), in an array with ``_EDGE`` empty pixels around."""
    at = np.floor(points + (0.5 + _EDGE)).astype(np.intp)
    return at[..., 0], at[..., 1]


def _visits(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """A point of each line from a to b in every pixel that it passes, shape (N, V, 2); the last ones may repeat."""
    fractions = [np.zeros((len(a), 1)), np.ones((len(a), 1))]
    for axis in (0, 1):
        start, step = a[:, axis, None], (b - a)[:, axis, None]
        sign = np.where(step < 0, -1, 1)
        borders = np.floor(start * sign + 0.5) + 0.5 + np.arange(math.ceil(float(np.abs(step).max())) + 1)
        fractions.append(np.clip((borders - start * sign) / np.maximum(np.abs(step), 1e-9), 0, 1))
    crossings = np.sort(np.concatenate(fractions, axis=1), axis=1)
    middle = (crossings[:, 1:] + crossings[:, :-1]) / 2
    middle = np.where(np.diff(crossings, axis=1) > 1e-9, middle, 0.5)  # crossings that coincide: ask the middle again
    return a[:, None] + (b - a)[:, None] * middle[..., None]


def _chain(t: NDArray[np.float64], s: NDArray[np.float64], at: NDArray[np.float64], sign: int) -> NDArray[np.float64]:
    """Upper (sign 1) or lower chain of a convex polygon at places along its axis, from its corners sorted along it."""
    first, last = int(np.argmin(t)), int(np.argmax(t))
    base = np.interp(t, [t[first], t[last]], [s[first], s[last]]) if t[last] > t[first] else s
    keep = (sign * (s - base) >= -1e-9) | (t == t[first]) | (t == t[last])
    places, where = np.unique(t[keep], return_index=True)  # corners are sorted so that the outermost of a place comes first
    return np.asarray(np.interp(at, places, s[keep][where]))
