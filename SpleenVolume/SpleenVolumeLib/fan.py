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
_BEYOND = 0.1  # of the rows may have something outside of it: text, a bar
_TRIED = 56  # points of a side that lines are laid through
_SYMMETRIC_DEG = 4.0
_COVERS, _WASTES = 0.93, 2.0
_FLAT = 0.33  # of the columns end at the same row

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
    fitted = _fitted(found, points)
    return fitted if fitted is not None and fitted.sum() < _WASTES * found.sum() else _filled_hull(points, gray.shape)


def _bright_part(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The large bright parts without thin strokes, holes filled."""
    side = min(gray.shape)
    edge = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    background = int(np.bincount(edge, minlength=256).argmax())
    background = background if background < 64 else 0
    # On a gray screen the dark parts of the fan are darker than what is around it.
    shows = (np.abs(gray.astype(np.int16) - background) > _SHOWS).astype(np.float32)
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


def _fitted(found: NDArray[np.bool_], points: Points) -> NDArray[np.bool_] | None:
    """Intersection of two sides, arcs and rows that holds (almost) all that was found; None if there is none.

    Fans are symmetric. Where one side is dark, or text lies along it, the mirror image of the other one takes its place.
    """
    width = found.shape[1]
    left, right = _side(points[:, 0], points[:, 1], -1, width), _side(points[:, 0], points[:, 2], +1, width)
    near = points[: max(2, len(points) // 16)]
    middle = float(np.median(near[:, 1] + near[:, 2]) / 2)
    pairs: list[tuple[_Side, _Side]] = []
    if left is not None and right is not None:
        pairs.append((left, right))
    for side in sorted((side for side in (left, right) if side is not None), key=lambda side: -side.rows):
        pairs.append((side, _mirrored(side, middle)) if side is left else (_mirrored(side, middle), side))
    if len(pairs) == 3 and abs(np.degrees(np.arctan(pairs[0][0].slope) + np.arctan(pairs[0][1].slope))) > _SYMMETRIC_DEG:
        pairs.append(pairs.pop(0))
    for pair in pairs:
        inside = _between(found, points, *pair)
        if inside is not None and (inside & found).sum() > _COVERS * found.sum():
            return inside
    return None


def _between(found: NDArray[np.bool_], points: Points, left: _Side, right: _Side) -> NDArray[np.bool_] | None:
    y, x = np.mgrid[: found.shape[0], : found.shape[1]].astype(np.float64)
    inside = (x >= left.x(y) - 0.5) & (x <= right.x(y) + 0.5) & (y >= points[0, 0])
    above_bottom = y <= points[-1, 0]
    opening = np.degrees(np.arctan(right.slope) - np.arctan(left.slope))
    if opening < _PARALLEL_DEG:
        return inside & above_bottom
    apex_y = (left.at - right.at) / (right.slope - left.slope)
    apex_x = float(left.x(apex_y))
    if apex_y > points[0, 0] + 0.03 * found.shape[0] + 2:
        return None
    distance = np.hypot(x - apex_x, y - apex_y)
    seen = distance[found & inside]
    if not seen.size:
        return None
    inside &= (distance <= np.percentile(seen, 99.8) + 1) & (distance >= np.percentile(seen, 0.02) - 1)
    return inside & above_bottom if _flat_below(found) else inside


def _flat_below(found: NDArray[np.bool_]) -> bool:
    """True if the bottom is straight, cut off by the end of the picture or drawn so, and not an arc."""
    columns = np.flatnonzero(found.any(axis=0))
    lowest = found.shape[0] - 1 - found[::-1, columns].argmax(axis=0)
    level = np.percentile(lowest, 98)
    return bool((np.abs(lowest - level) <= 0.008 * found.shape[0] + 1).mean() > _FLAT)


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
    y, x = rows[free], columns[free]
    tolerance = max(1.0, 0.005 * width)
    picked = np.unique(np.linspace(0, len(y) - 1, _TRIED).astype(int))
    first, last = (picked[each] for each in np.triu_indices(len(picked), 1))
    far = y[last] - y[first] >= 0.08 * len(rows)
    first, last = first[far], last[far]
    slope = (x[last] - x[first]) / (y[last] - y[first])
    outward = (sign * slope > -0.05) & (np.abs(slope) < 2.2)
    first, slope = first[outward], slope[outward]
    if not slope.size:
        return None
    at = x[first] - slope * y[first]
    off = sign * (x - at[:, None] - slope[:, None] * y)
    touching = (np.abs(off) <= tolerance).sum(axis=1)
    touching[(off > 2 * tolerance).mean(axis=1) > _BEYOND] = 0
    best = int(touching.argmax())
    if touching[best] < _SUPPORT * len(rows):
        return None
    near = np.abs(off[best]) <= tolerance
    better = np.polyfit(y[near], x[near], 1)
    return _Side(float(better[1]), float(better[0]), int(touching[best]))
