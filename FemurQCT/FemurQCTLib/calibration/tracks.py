"""Circles that go on from slice to slice along a straight line, and what lies in their cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .circles import Circle, find_circles

_SLAB_MM = 10.0
_SLABS = 10
_MOST_TILT = np.tan(np.radians(25))
_NEAR_MM = 2.0
_CORE = 0.65  # of the radius
_EDGE_MM = 3.0  # what blur may reach: 2.4 SDs of a blur of 3 mm FWHM
_LEAST_CORE = 0.35


@dataclass(frozen=True)
class Track:
    """A straight circular thing: center (x, y) = start + tilt * k, in mm along I and J, over the slices first..last."""

    start: tuple[float, float]
    tilt: tuple[float, float]
    radius: float
    first: int
    last: int
    support: int

    def at(self, k: float) -> NDArray[np.float64]:
        """Center (x, y) in mm in slice k."""
        return np.asarray(self.start) + np.asarray(self.tilt) * k

    def shifted(self, by: NDArray[np.float64]) -> Track:
        """The same track elsewhere, mm along I and J."""
        return Track((self.start[0] + by[0], self.start[1] + by[1]), self.tilt, self.radius, self.first, self.last, 0)


@dataclass(frozen=True)
class Core:
    """What was measured in the core of a track: HU, and where its middle lies (R, A, S)."""

    mean: float
    sd: float
    voxels: int
    center: tuple[float, float, float]


def slab_means(image: Image) -> tuple[list[int], int, list[NDArray[np.float32]]]:
    """Means over some slices each: first slices of the slabs, slices per slab, planes (J, I)."""
    count, thick = image.shape[0], image.spacing[2]
    size = int(np.clip(round(_SLAB_MM / thick), 1, count))
    most = max(1, min(_SLABS, count // size))
    starts = np.unique(np.linspace(0, count - size, most).astype(int)).tolist()
    return starts, size, [image.voxels[start : start + size].mean(axis=0, dtype=np.float32) for start in starts]


def find_tracks(image: Image, radii_mm: tuple[float, float], avoid: NDArray[np.bool_] | None = None) -> list[Track]:
    """Straight circular things in a canonical image (K runs up the patient), the best supported first.

    Args:
        image: HU.
        radii_mm: least and largest radius.
        avoid: bool (K, J, I).
    """
    starts, size, planes = slab_means(image)
    found: list[list[Circle]] = []
    for start, plane in zip(starts, planes, strict=True):
        blocked = None if avoid is None else np.asarray(avoid[start : start + size].any(axis=0))
        found.append(find_circles(plane, image.spacing[:2], radii_mm, blocked))
    middles = [start + (size - 1) / 2 for start in starts]
    return _linked(found, middles, size, image)


def _linked(found: list[list[Circle]], middles: list[float], size: int, image: Image) -> list[Track]:
    """Lines through circles of several slabs: the line with the most circles first, its circles are used up."""
    rows = [(n, c.x, c.y, c.radius, 1.0 if c.bright else -1.0) for n, circles in enumerate(found) for c in circles]
    if not rows:
        return []
    table, heights = np.array(rows), np.array(middles)
    slab, x, y, radius, sign = table.T
    k = heights[slab.astype(int)]
    free = np.ones(len(rows), bool)
    least = 1 if len(found) == 1 else 2 if len(found) < 5 else max(3, round(0.3 * len(found)))
    most_shift = _MOST_TILT * image.spacing[2]
    tracks: list[Track] = []
    while True:
        best: tuple[int, NDArray[np.bool_]] = (0, free)
        for a in np.flatnonzero(free):
            partners = np.flatnonzero(free & (k > k[a]) & (sign == sign[a]) & (np.abs(radius - radius[a]) < 1.0 + 0.1 * radius[a]))
            tilts = np.zeros((1, 2)) if len(found) == 1 else np.column_stack([x[partners] - x[a], y[partners] - y[a]])
            if len(found) > 1:
                tilts = tilts / (k[partners] - k[a])[:, None]
            for tilt in tilts[np.hypot(*tilts.T) <= most_shift]:
                off = np.hypot(x - x[a] - tilt[0] * (k - k[a]), y - y[a] - tilt[1] * (k - k[a]))
                on = free & (off < _NEAR_MM) & (sign == sign[a]) & (np.abs(radius - radius[a]) < 1.0 + 0.1 * radius[a])
                support = len(np.unique(slab[on]))
                if support > best[0]:
                    best = (support, on)
        support, on = best
        if support < least:
            return tracks
        tracks.append(_line(k[on], x[on], y[on], radius[on], support, size))
        free &= ~on


def _line(
    k: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], radius: NDArray[np.float64], support: int, size: int
) -> Track:
    if len(np.unique(k)) > 1:
        design = np.column_stack([np.ones(k.size), k])
        (x0, tilt_x), (y0, tilt_y) = (np.linalg.lstsq(design, values, rcond=None)[0] for values in (x, y))
    else:
        x0, y0, tilt_x, tilt_y = x.mean(), y.mean(), 0.0, 0.0
    half = (size - 1) / 2
    first, last = int(np.floor(k.min() - half)), int(np.ceil(k.max() + half))
    return Track((float(x0), float(y0)), (float(tilt_x), float(tilt_y)), float(np.median(radius)), first, last, support)


def core_radius(radius: float) -> float:
    """Radius in mm of the part of a rod that its surroundings do not blur into."""
    return max(_LEAST_CORE * radius, min(_CORE * radius, radius - _EDGE_MM))


def measure_core(image: Image, track: Track, slices: Sequence[int] | None = None) -> Core | None:
    """Mean and noise of a track's core over its slices; None where it has no voxel.

    Slices whose mean differs from the others (the rod ends there, a bubble, a streak) are left out.
    """
    reach = core_radius(track.radius)
    pixel = image.spacing[:2]
    means, squares, counts, used = [], [], [], []
    for k in slices if slices is not None else range(max(0, track.first), min(image.shape[0], track.last + 1)):
        x, y = track.at(k)
        low = np.maximum(np.floor([(y - reach) / pixel[1], (x - reach) / pixel[0]]).astype(int), 0)
        high = np.minimum(np.ceil([(y + reach) / pixel[1], (x + reach) / pixel[0]]).astype(int) + 1, image.shape[1:])
        if (low >= high).any():
            continue
        j, i = np.mgrid[low[0] : high[0], low[1] : high[1]]
        core = (i * pixel[0] - x) ** 2 + (j * pixel[1] - y) ** 2 <= reach**2
        values = image.voxels[k][low[0] : high[0], low[1] : high[1]][core].astype(np.float64)
        if values.size:
            means.append(values.mean())
            squares.append(values.var(ddof=1) if values.size > 1 else 0.0)
            counts.append(values.size)
            used.append(k)
    if not means:
        return None
    mean, variance, count = np.array(means), np.array(squares), np.array(counts)
    middle = np.median(mean)
    spread = 1.4826 * np.median(np.abs(mean - middle))
    keep = np.abs(mean - middle) <= max(3 * spread, 2.0, 3 * np.sqrt(np.median(variance / count)))
    height = float(np.mean(np.array(used)[keep]))
    x, y = track.at(height)
    center = image.ijk_to_ras @ (x / pixel[0], y / pixel[1], height, 1.0)
    r, a, s = (float(value) for value in center[:3])
    weight = count[keep] / count[keep].sum()
    return Core(float(mean[keep] @ weight), float(np.sqrt(variance[keep] @ weight)), int(count[keep].sum()), (r, a, s))
