"""Thickness of the cortex along the normals of the surface.

From each point of the surface the density is followed inwards. A cortex is where it is above the threshold; it reaches from
half way between what lies outside and its peak to half way between its peak and what lies inside. The scanner's blur makes a thin
cortex look thick and less dense; how much is measured in docs/results-femur.md. Below about the width of the blur a thickness says
little, and a cortex whose peak stays below the threshold is given as 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import bounding_box, surface_points

from .compartments import CORTICAL_THRESHOLD

_OUTSIDE_MM, _INSIDE_MM, _STEP_MM = 2.0, 14.0, 0.25
_RISE_WITHIN_MM = 3.0  # below the surface: what rises deeper is no cortex
_BESIDE_MM = 3.0  # how far inside the cortex the density of what lies there is read
_SMOOTH_MM = 1.5
_MOST_POINTS = 40_000


@dataclass(frozen=True)
class Cortex:
    """Thickness on the surface.

    Attributes:
        points: of the surface, RAS in mm, (N, 3).
        thickness: mm, (N,); 0 where no cortex rises above the threshold, NaN where it does not end within 14 mm.
    """

    points: NDArray[np.float64]
    thickness: NDArray[np.float64]


def cortex(density: NDArray[Any], mask: NDArray[Any], image: Image, threshold: float = CORTICAL_THRESHOLD) -> Cortex:
    """Thickness at points all over the surface of a femur, except where the scan cuts it off.

    Args:
        density: mg/cm3, (K, J, I).
        mask: of the femur, same shape.
        image: geometry.
        threshold: mg/cm3 that bounds the cortex on both sides.
    """
    box = bounding_box(mask, margin=int(np.ceil(4 / min(image.spacing))))
    if box is None:
        return Cortex(np.zeros((0, 3)), np.zeros(0))
    part = image.cropped([s.start for s in box], [s.stop for s in box])
    inside = mask[box].astype(bool, copy=False)
    points = surface_points(inside, part)
    index = (points - part.ijk_to_ras[:3, 3]) @ np.linalg.inv(part.ijk_to_ras[:3, :3]).T
    within = ((index > 0) & (index < np.array(part.size) - 1)).all(axis=1)
    points, index = points[within], index[within]
    if len(points) > _MOST_POINTS:
        chosen = np.linspace(0, len(points) - 1, _MOST_POINTS).astype(int)
        points, index = points[chosen], index[chosen]
    if not len(points):
        return Cortex(points, np.zeros(0))
    inwards = _inward_normals(inside, part, index)
    along = np.arange(-_OUTSIDE_MM, _INSIDE_MM + _STEP_MM, _STEP_MM)
    to_index = np.linalg.inv(part.ijk_to_ras[:3, :3])
    steps = (inwards @ to_index.T)[:, None, :] * along[None, :, None]
    places = index[:, None, :] + steps
    profile = ndimage.map_coordinates(
        density[box].astype(np.float32, copy=False), places[..., ::-1].reshape(-1, 3).T, order=1, mode="nearest"
    ).reshape(len(points), len(along))
    return Cortex(points, _thickness(profile, along, threshold))


def thickness_map(density: NDArray[Any], mask: NDArray[Any], image: Image, threshold: float = CORTICAL_THRESHOLD) -> NDArray[np.float32]:
    """Thickness in mm at each voxel of the cortex (K, J, I), 0 elsewhere: that of the nearest point of the surface.

    Args: as of ``cortex``.
    """
    found = np.zeros(mask.shape, np.float32)
    surface = cortex(density, mask, image, threshold)
    known = np.isfinite(surface.thickness) & (surface.thickness > 0)
    box = bounding_box(mask)
    if box is None or not known.any():
        return found
    at = np.argwhere(mask[box] & (density[box] >= threshold)) + [s.start for s in box]
    points = at[:, ::-1] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
    distance, nearest = cKDTree(surface.points[known]).query(points)
    thickness = surface.thickness[known][nearest]
    thickness[distance > thickness + 1.5] = 0  # dense bone deeper than the cortex that lies above it
    found[tuple(at.T)] = thickness
    return found


def _inward_normals(inside: NDArray[np.bool_], part: Image, index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors in RAS up the gradient of the smoothed mask."""
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), [_SMOOTH_MM / s for s in part.spacing[::-1]])
    slopes = np.gradient(smooth)[::-1]
    at = index[:, ::-1].T
    by_index = np.column_stack([ndimage.map_coordinates(slope, at, order=1, mode="nearest") for slope in slopes])
    normals = by_index @ np.linalg.inv(part.ijk_to_ras[:3, :3])  # a gradient transforms with the inverse transpose
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9))


def _thickness(profile: NDArray[np.float32], along: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Width at half height of the first part of each row that is above the threshold; NaN where it does not end, 0 where there is none."""
    rows, column = np.arange(len(profile)), np.arange(len(along))
    above = profile >= threshold
    rise = np.argmax(above, axis=1)
    risen = above[rows, rise] & (along[rise] <= _RISE_WITHIN_MM)
    fall = np.argmax(~above & (column > rise[:, None]), axis=1)
    fallen = ~above[rows, fall] & (fall > rise)
    on = (column >= rise[:, None]) & (column < np.where(fallen, fall, len(along))[:, None])
    peak_at = np.argmax(np.where(on, profile, -np.inf), axis=1)
    peak = profile[rows, peak_at].astype(np.float64)
    outside = np.min(np.where(column <= rise[:, None], profile, np.inf), axis=1)
    inner = on | (column < rise[:, None]) | (column > fall[:, None] + int(_BESIDE_MM / _STEP_MM))
    inside = np.min(np.where(inner, np.inf, profile), axis=1)
    before, after = column <= peak_at[:, None], column >= peak_at[:, None]
    start_level, end_level = (peak + outside) / 2, (peak + np.where(np.isfinite(inside), inside, 0)) / 2
    # the last sample below the level before the peak, and the first one after it
    start = len(along) - 1 - np.argmax((before & (profile < start_level[:, None]))[:, ::-1], axis=1) + 1
    end = np.argmax(after & (profile < end_level[:, None]), axis=1)
    ended = fallen & (end > peak_at)
    width = _crossing(profile, along, end, end_level) - _crossing(profile, along, np.minimum(start, peak_at), start_level)
    return np.where(risen, np.where(ended, width, np.nan), 0.0)


def _crossing(
    profile: NDArray[np.float32], along: NDArray[np.float64], at: NDArray[np.intp], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the profile crosses a level between the sample before ``at`` and ``at``."""
    rows, before = np.arange(len(profile)), np.maximum(at - 1, 0)
    low, high = profile[rows, before].astype(np.float64), profile[rows, at].astype(np.float64)
    step = np.where(np.abs(high - low) > 1e-9, high - low, 1.0)
    share = np.clip((level - low) / step, 0, 1)
    return np.where(at == before, along[at], along[before] + share * (along[at] - along[before]))
