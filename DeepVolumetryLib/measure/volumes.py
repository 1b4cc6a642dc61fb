"""Volumes and lengths of masks, right on every grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from ..result import Code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..image import Image

VOLUME = Code("SCT", "118565006", "Volume")
Box = tuple[slice, slice, slice]


def volume_ml(mask: NDArray[Any], voxel_ml: float) -> float:
    """Volume of a mask (K, J, I) in mL."""
    return float(np.count_nonzero(mask) * voxel_ml)


def bounding_box(mask: NDArray[Any], margin: int = 0) -> Box | None:
    """Smallest box around a mask as slices (K, J, I), widened by a margin in voxels; None for an empty mask."""
    slices: list[slice] = []
    view = mask
    for axis in range(3):  # each step looks only at what the steps before left over
        others = tuple(other for other in range(3) if other != axis)
        at = np.flatnonzero(view.any(axis=others))
        if not at.size:
            return None
        found = slice(int(at[0]), int(at[-1]) + 1)
        slices.append(found)
        view = view[(slice(None),) * axis + (found,)]
    k, j, i = (slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(slices, mask.shape, strict=True))
    return k, j, i


def surface_points(mask: NDArray[Any], image: Image) -> NDArray[np.float64]:
    """Where a mask meets what is outside of it: a point half way to each neighbor across a face, RAS in mm, shape (N, 3).

    Voxels at the edge of the array have their outside there.
    """
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 3))
    part = np.pad(mask[box].astype(bool), 1)
    inner = (slice(1, -1),) * 3
    points = []
    for axis in range(3):
        for step in (-1, 1):
            outside = ~np.roll(part, -step, axis)[inner]
            at = np.argwhere(part[inner] & outside).astype(float)
            at[:, axis] += step / 2
            points.append(at)
    kji = np.concatenate(points) + [s.start for s in box]
    return kji[:, ::-1] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]


def max_diameter_mm(mask: NDArray[Any], image: Image) -> float:
    """Largest distance between two points on the surface of a mask in mm, NaN for an empty mask.

    The surface is that of ``surface_points``. Only voxels that may be so far apart are looked at, so a whole kidney takes some
    milliseconds.
    """
    kji = _ends_of_lines(mask)
    if not len(kji):
        return float("nan")
    kji = kji[_may_be_ends(kji[:, ::-1] @ image.ijk_to_ras[:3, :3].T, max(image.spacing))]
    return float(pdist(_hull_vertices(_hull_points(kji, image))).max())


def hull_points(mask: NDArray[Any], image: Image) -> NDArray[np.float64]:
    """Points whose convex hull is that of ``surface_points``, but few of them; RAS in mm, shape (N, 3)."""
    return _hull_points(_ends_of_lines(mask), image)


def _ends_of_lines(mask: NDArray[Any]) -> NDArray[np.int64]:
    """Voxels (k, j, i) that are the first or the last of their line along every axis: all corners of the convex hull are among them."""
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 3), np.int64)
    part = mask[box].astype(bool, copy=False)
    ends = [(part.argmax(axis), part.shape[axis] - 1 - np.flip(part, axis).argmax(axis)) for axis in range(3)]
    rows = np.argwhere(part.any(axis=2))
    kji = np.concatenate([np.column_stack([rows, end[rows[:, 0], rows[:, 1]]]) for end in ends[2]])
    for axis, others in ((0, (1, 2)), (1, (0, 2))):
        first, last = (end[kji[:, others[0]], kji[:, others[1]]] for end in ends[axis])
        kji = kji[(kji[:, axis] == first) | (kji[:, axis] == last)]
    return kji + [s.start for s in box]


def _hull_points(kji: NDArray[np.int64], image: Image) -> NDArray[np.float64]:
    """The middle of each face of those voxels that are corners, RAS in mm."""
    to_faces = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    corners = _hull_vertices(kji.astype(float))
    points = (corners[:, None] + to_faces).reshape(-1, 3)
    return points[:, ::-1] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]


def _may_be_ends(points: NDArray[np.float64], slack: float) -> NDArray[np.bool_]:
    """Which points may be an end of the largest distance, which may be longer by ``slack`` in mm than that between two points.

    Two points that somebody found are so far apart that an end of anything longer cannot lie near the middle of all.
    """
    away = np.linalg.norm(points - (points.min(axis=0) + points.max(axis=0)) / 2, axis=1)
    found, end = 0.0, points[away.argmax()]
    for _ in range(3):  # to the farthest point, and on from there
        distances = np.linalg.norm(points - end, axis=1)
        found, end = max(found, float(distances.max())), points[distances.argmax()]
    return away >= found - away.max() - slack


def _hull_vertices(points: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # too few or all in one plane: every point may be a corner
        return np.unique(points, axis=0)


def touches_edge(mask: NDArray[Any]) -> bool:
    """True if a mask reaches the first or last voxel along any axis: the organ may go on outside of the image."""
    return any(bool(np.moveaxis(mask, axis, 0)[side].any()) for axis in range(3) for side in (0, -1))
