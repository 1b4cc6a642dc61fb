"""The fan of a B-mode picture: the part that shows the patient, without text, scales, gray bars and logos around it.

Burned-in text may name the patient and would mislead a network, so everything outside of the fan is set to black first. Sector, curved
and linear arrays and trapezoids are intersections of simple parts: two straight sides, an arc at the bottom, one at the top, and rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

_SHOWS = 4  # gray values above the background from which a pixel shows something; JPEG leaves up to 3
_WINDOW, _STROKE = 0.012, 0.012  # of the shorter side: where brightness is gathered; half the width of what is text or a line
_SECOND = 0.08  # parts of the fan cut off by a shadow are at least so large, of the largest part; bars and texts are smaller
_LEAST = 0.04  # of the picture
_PARALLEL_DEG = 4.0
_SUPPORT = 0.15  # of the rows that a straight side must touch
_COVERS, _WASTES = 0.97, 1.25

Points = NDArray[np.float64]


@dataclass(frozen=True)
class _Side:
    """x = at + slope * y, and how many rows it touches."""

    at: float
    slope: float
    rows: int

    def x(self, y: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
        return self.at + self.slope * y


def find_fan(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the picture shows the patient.

    Args:
        gray: B-mode picture, uint8 (J, I).

    Returns:
        bool, (J, I); nothing where no fan is found. Dark parts of the fan belong to it as far as its shape says so.
    """
    found = _bright_part(gray)
    if found.sum() < _LEAST * found.size:
        return np.zeros(gray.shape, bool)
    if found.mean() > 0.97:  # cropped to the inside of the fan
        return np.ones(gray.shape, bool)
    points = _outline(found)
    hull = _filled_hull(points, gray.shape)
    fitted = _fitted(found, hull, points)
    if fitted is None:
        return hull
    covers = (fitted & found).sum() / found.sum()
    return fitted if covers > _COVERS and fitted.sum() < _WASTES * hull.sum() else hull


def _bright_part(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The large bright parts without thin strokes, holes filled."""
    side = min(gray.shape)
    edge = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    background = int(np.bincount(edge, minlength=256).argmax())
    background = background if background < 64 else 0
    shows = (gray.astype(np.int16) > background + _SHOWS).astype(np.float32)
    window = 2 * max(1, round(_WINDOW * side / 2)) + 1
    dense = ndimage.binary_fill_holes(ndimage.uniform_filter(shows, window) > 0.4)
    opened = _opened(dense, max(1.0, _STROKE * side))
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros(gray.shape, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= _SECOND * sizes.max())
    return np.asarray(ndimage.binary_fill_holes(np.isin(labels, kept)), bool)


def _opened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Binary opening with a disk; the border of the picture does not erode."""
    pad = int(radius) + 2
    inside = ndimage.distance_transform_edt(np.pad(mask, pad, mode="edge"))[pad:-pad, pad:-pad] > radius
    if not inside.any():
        return np.zeros_like(mask)
    return np.asarray((ndimage.distance_transform_edt(~inside) <= radius) & mask, bool)


def _outline(mask: NDArray[np.bool_]) -> Points:
    """First and last column of each row with something in it: (row, left, right)."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask[rows].argmax(axis=1)
    right = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    return np.stack([rows, left, right], axis=1).astype(np.float64)


def _filled_hull(points: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    corners = np.concatenate([points[:, [1, 0]], points[:, [2, 0]]])
    try:
        planes = ConvexHull(corners).equations
    except QhullError:
        return np.zeros(shape, bool)
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = np.ones(shape, bool)
    for a, b, c in planes[np.argsort(-np.abs(planes[:, 2]))]:
        inside &= a * x + b * y + c <= 0.5
    return inside


def _fitted(found: NDArray[np.bool_], hull: NDArray[np.bool_], points: Points) -> NDArray[np.bool_] | None:
    """Intersection of two sides, arcs and rows; None if there are no straight sides."""
    width = found.shape[1]
    left, right = _side(points[:, 0], points[:, 1], -1, width), _side(points[:, 0], points[:, 2], +1, width)
    if left is None and right is None:
        return None
    near = points[: max(2, len(points) // 25)]
    middle = float((near[:, 1].min() + near[:, 2].max()) / 2)
    if left is None and right is not None:
        left = _mirrored(right, middle)
    if right is None and left is not None:
        right = _mirrored(left, middle)
    assert left is not None and right is not None
    y, x = np.mgrid[: found.shape[0], : found.shape[1]].astype(np.float64)
    inside = (x >= left.x(y) - 0.5) & (x <= right.x(y) + 0.5) & (y >= points[0, 0]) & (y <= points[-1, 0])
    opening = np.degrees(np.arctan(right.slope) - np.arctan(left.slope))
    if opening < _PARALLEL_DEG:
        return inside
    apex_y = (left.at - right.at) / (right.slope - left.slope)
    apex_x = float(left.x(apex_y))
    if apex_y > points[0, 0] + 2:
        return None
    distance = np.hypot(x - apex_x, y - apex_y)
    seen = distance[found]
    return inside & (distance <= np.percentile(seen, 99.8) + 1) & (distance >= seen.min() - 1)


def _mirrored(side: _Side, middle: float) -> _Side:
    return _Side(2 * middle - side.at, -side.slope, 0)


def _side(rows: NDArray[np.float64], columns: NDArray[np.float64], sign: int, width: int) -> _Side | None:
    """The straight line that leaves (almost) all points on its inner side and touches most rows.

    Args:
        rows, columns: outermost pixel of each row.
        sign: -1 for the left side, +1 for the right one.
        width: of the picture; points at its border are cut off and touch nothing.
    """
    free = (columns > 0) & (columns < width - 1)
    if free.sum() < 8:
        return None
    tolerance = max(1.0, 0.006 * width)
    y, x = rows[free], columns[free]
    hull = _chain(y, x, sign)
    best: _Side | None = None
    for first in range(len(hull) - 1):
        for last in range(first + 1, len(hull)):
            (y0, x0), (y1, x1) = hull[first], hull[last]
            if y1 - y0 < 0.08 * len(rows):
                continue
            slope = (x1 - x0) / (y1 - y0)
            off = sign * (x - (x0 + slope * (y - y0)))
            if off.max() > tolerance * 2:
                continue
            touching = int((np.abs(off) <= tolerance).sum())
            if sign * slope > -0.05 and abs(slope) < 2.2 and (best is None or touching > best.rows):
                best = _Side(x0 - slope * y0, slope, touching)
    return best if best is not None and best.rows >= _SUPPORT * len(rows) else None


def _chain(y: NDArray[np.float64], x: NDArray[np.float64], sign: int) -> list[tuple[float, float]]:
    """Outer convex chain of points sorted by y (Andrew 1979)."""
    chain: list[tuple[float, float]] = []
    for point in zip(y.tolist(), (sign * x).tolist(), strict=True):
        while len(chain) > 1:
            (y0, x0), (y1, x1) = chain[-2], chain[-1]
            if (x1 - x0) * (point[0] - y0) <= (point[1] - x0) * (y1 - y0):
                chain.pop()
            else:
                break
        chain.append(point)
    return [(row, sign * column) for row, column in chain]
