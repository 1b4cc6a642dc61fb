"""Circles in one slice: where edges point at a common center (after the fast radial symmetry of Loy and Zelinsky 2003)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BLUR_MM = 1.2
_LEAST_GRADIENT = 4.0  # HU per mm: a rod that stands out by 15 HU or so
_LEAST_SHARE = 0.35  # of the circumference, as votes; what is there of it is then counted in full
_LEAST_COVERED = 0.6  # of the directions around the center
_DIRECTIONS = 24


@dataclass(frozen=True)
class Circle:
    """Center (x along I, y along J) and radius in mm from the center of voxel (0, 0); brighter or darker than around it."""

    x: float
    y: float
    radius: float
    bright: bool
    covered: float


@dataclass(frozen=True)
class _Edges:
    """Thinned edges: positions in mm, unit gradients, and the grid they come from."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    gx: NDArray[np.float64]
    gy: NDArray[np.float64]
    shape: tuple[int, int]
    spacing: tuple[float, float]


def find_circles(
    plane: NDArray[np.floating],
    spacing: tuple[float, float],
    radii_mm: tuple[float, float],
    avoid: NDArray[np.bool_] | None = None,
    most: int = 40,
) -> list[Circle]:
    """Circles in a slice, the best supported first.

    Args:
        plane: HU, (J, I), noise already averaged down.
        spacing: mm along (I, J).
        radii_mm: least and largest radius.
        avoid: bool (J, I); edges there do not count.
        most: at most this many.
    """
    edges = _edges(plane, spacing, avoid)
    if edges.x.size < 20:
        return []
    steps = np.arange(radii_mm[0], radii_mm[1] + 0.25, max(0.5, 0.5 * min(spacing)))
    found: list[tuple[float, float, float, float, bool]] = []
    for bright in (True, False):
        best, at = _votes(edges, steps, bright)
        peak = (
            best >= ndimage.maximum_filter(best, size=(2 * int(radii_mm[0] / spacing[1]) + 1, 2 * int(radii_mm[0] / spacing[0]) + 1))
        ) & (best > _LEAST_SHARE)
        for j, i in np.argwhere(peak):
            found.append((float(best[j, i]), i * spacing[0], j * spacing[1], float(steps[at[j, i]]), bright))
    circles = [_refined(edges, x, y, radius, bright) for _, x, y, radius, bright in sorted(found, reverse=True)[: 2 * most]]
    kept: list[Circle] = []
    for circle in sorted((c for c in circles if c), key=lambda c: -c.covered):
        fits = radii_mm[0] - 0.5 <= circle.radius <= radii_mm[1] + 0.5 and circle.covered >= _LEAST_COVERED
        if fits and all(np.hypot(circle.x - other.x, circle.y - other.y) > 0.5 * other.radius for other in kept):
            kept.append(circle)
    return kept[:most]


def _edges(plane: NDArray[np.floating], spacing: tuple[float, float], avoid: NDArray[np.bool_] | None) -> _Edges:
    """Pixels where the gradient is largest along its own direction."""
    values = np.clip(plane, -250, 1200).astype(np.float32)  # air and metal would shine through the blur
    smooth = ndimage.gaussian_filter(values, (_BLUR_MM / spacing[1], _BLUR_MM / spacing[0]))
    gy, gx = np.gradient(smooth, spacing[1], spacing[0])
    size = np.hypot(gx, gy)
    noise = 1.4826 * float(np.median(size[size > 0])) if (size > 0).any() else 0.0
    strong = size > max(_LEAST_GRADIENT, min(noise * 2.5, 3 * _LEAST_GRADIENT))
    if avoid is not None:
        strong &= ~avoid
    strong[[0, -1]] = False
    strong[:, [0, -1]] = False
    j, i = np.nonzero(strong)
    ux, uy = gx[j, i] / size[j, i], gy[j, i] / size[j, i]
    step = float(np.mean(spacing))
    ahead, behind = (
        ndimage.map_coordinates(size, [j + way * uy * step / spacing[1], i + way * ux * step / spacing[0]], order=1, mode="nearest")
        for way in (1, -1)
    )
    thin = (size[j, i] >= ahead) & (size[j, i] > behind)
    shift = np.zeros(thin.sum())  # the edge within its pixel, by a parabola
    a, b, c = behind[thin], size[j, i][thin], ahead[thin]
    bend = a - 2 * b + c
    np.divide(0.5 * (a - c), bend, out=shift, where=np.abs(bend) > 1e-6)
    shift = np.clip(shift, -1, 1) * step
    ux, uy = ux[thin].astype(float), uy[thin].astype(float)
    rows, columns = plane.shape
    return _Edges(i[thin] * spacing[0] + shift * ux, j[thin] * spacing[1] + shift * uy, ux, uy, (rows, columns), spacing)


def _votes(edges: _Edges, radii: NDArray[np.float64], bright: bool) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Best share of a circumference that votes for a center, and the index of its radius, (J, I)."""
    rows, columns = edges.shape
    way = 1.0 if bright else -1.0  # the gradient of a bright disk points inward
    best, at = np.zeros(edges.shape, np.float32), np.zeros(edges.shape, np.intp)
    step = float(np.mean(edges.spacing))
    blur = (1.0 / edges.spacing[1], 1.0 / edges.spacing[0])
    for number, radius in enumerate(radii):
        i = np.rint((edges.x + way * radius * edges.gx) / edges.spacing[0]).astype(int)
        j = np.rint((edges.y + way * radius * edges.gy) / edges.spacing[1]).astype(int)
        inside = (i >= 0) & (i < columns) & (j >= 0) & (j < rows)
        votes = np.bincount(j[inside] * columns + i[inside], minlength=rows * columns).reshape(edges.shape).astype(np.float32)
        # a Gaussian gathers the votes of a disk of about 4 pi sigma^2
        gathered = ndimage.gaussian_filter(votes, blur, truncate=2.5) * (4 * np.pi * blur[0] * blur[1])
        share = gathered / np.float32(2 * np.pi * radius / step)
        better = share > best
        best[better], at[better] = share[better], number
    return best, at


def _refined(edges: _Edges, x: float, y: float, radius: float, bright: bool) -> Circle | None:
    """Least-squares circle through the edges that belong to it; None where there are too few."""
    way = 1.0 if bright else -1.0
    for tolerance in (0.3, 0.2, 0.15):
        dx, dy = edges.x - x, edges.y - y
        far = np.hypot(dx, dy)
        near = np.abs(far - radius) < max(tolerance * radius, 1.0)
        near &= -way * (dx * edges.gx + dy * edges.gy) > 0.85 * np.maximum(far, 1e-6)
        if near.sum() < 12:
            return None
        px, py = edges.x[near], edges.y[near]
        solution, *_ = np.linalg.lstsq(np.column_stack([2 * px, 2 * py, np.ones(px.size)]), px**2 + py**2, rcond=None)
        x, y = float(solution[0]), float(solution[1])
        radius = float(np.sqrt(max(solution[2] + x * x + y * y, 0.0)))
    bins = np.unique((np.arctan2(py - y, px - x) / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS)
    return Circle(x, y, radius, bright, len(bins) / _DIRECTIONS)
