"""Fit the frame of a proximal femur to its mask: head, shaft, lesser trochanter, neck.

Everything is found on points in millimeters, so neither the grid nor its orientation matters; the patient lies roughly along S.
All steps are ours; docs/femur-densitometry.md has their errors on a shape model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import bounding_box, surface_points

from .frame import LEFT, RIGHT, Frame, Vector
from .robust import line_through, sphere_through

_GRID_MM = 1.5
_LEAST_ML = 20.0
_HEAD_REACH_MM = 75.0  # below the top of the femur
_HEAD_WIDE_MM = 50.0
_LEAST_OFFSET_MM = 18.0  # of the head from the axis of the shaft
_HEAD_RADIUS = (14.0, 35.0)
_LEAST_ROUND = 0.5  # of a sphere's surface
_AVERAGE_RADIUS, _AVERAGE_DROP = 23.5, 50.7  # of the head, and from its center down to the lesser trochanter, mm
_FLARE_MM, _FAR_MM, _ENOUGH_MM = 18.0, 75.0, 20.0  # of the shaft below the lesser trochanter: from, to, and how much of it makes a line
_LYING, _UNCERTAIN, _UNCERTAIN_MM = 10.0, 6.0, 40.0  # degrees; the second is the error of a line through 40 mm of trochanters
_COURSE = np.array(
    [  # level from the lesser trochanter, center of the section from the axis of the shaft to the medial side and to the front, mm
        (-45, -0.45, 0.75), (-36, -0.39, 0.5), (-27, -0.28, 0.06), (-21, -0.05, -0.39), (-18, 0.16, -0.71), (-15, 0.49, -1.18),
        (-12, 1.04, -1.81), (-9, 1.67, -2.48), (-6, 2.29, -3.07), (-3, 2.79, -3.41), (0, 3.02, -3.42), (3, 2.98, -3.07),
        (6, 2.75, -2.48), (9, 2.38, -1.67), (12, 1.92, -0.81), (15, 1.6, -0.04), (18, 1.56, 0.68), (21, 1.92, 1.34),
    ]
)  # fmt: skip
"""Means over 40 draws from the shape model (shared data, Unibas GRAVIS), for a head of ``_AVERAGE_RADIUS``."""

_STEP_MM = 2.0
_LESSER_BELOW_HEAD = (30.0, 95.0)
_LESSER_SECTOR = (-95.0, 25.0)  # degrees from medial, negative to the back
_SHORT_MM = 12.0

Points = NDArray[np.float64]


def fit_frame(mask: NDArray[Any], image: Image, side: str) -> Frame:
    """Frame of one femur.

    Args:
        mask: of the femur, (K, J, I) on the grid of the image; may end below the lesser trochanter.
        image: geometry only, any affine.
        side: "left" or "right".

    Raises:
        InputError: if the mask is empty or shows no head of a femur, or its head points away from the middle of the body.
    """
    if side not in (LEFT, RIGHT):
        raise InputError(f"A femur is left or right, not “{side}”.")
    even = _even(mask, image)
    if even is None:
        raise InputError(f"The mask of the {side} femur is empty or smaller than {_LEAST_ML:g} mL: there is no proximal femur to measure.")
    points = _points(even)
    surface = surface_points(even.voxels, even)
    towards_middle = np.array([1.0 if side == LEFT else -1.0, 0.0, 0.0])
    warnings: list[str] = []

    head, radius = _head(surface, towards_middle, side)
    axis = np.array([0.0, 0.0, 1.0])
    lesser, clear = float(head @ axis) - _AVERAGE_DROP * radius / _AVERAGE_RADIUS, False
    for _ in range(4):
        axis, origin = _shaft(points, axis, lesser, head, radius)
        lesser, clear = _lesser(surface, axis, origin, head)
    if not clear:
        warnings.append(f"The lesser trochanter of the {side} femur does not stand out; check the lower plane of the regions.")
    bottom = float(np.percentile(points @ axis, 0.5))
    length = lesser - bottom
    if length < _SHORT_MM:
        warnings.append(
            f"The {side} femur ends {max(length, 0):.0f} mm below the lesser trochanter: the direction of its shaft is uncertain, "
            "and so are anteversion, aBMD and strength."
        )
    if np.linalg.norm(head - origin - ((head - origin) @ axis) * axis) < _LEAST_OFFSET_MM:
        raise InputError(_headless(side))
    neck, center, neck_radius = _neck(points, head, radius, axis, origin, lesser)
    at_lesser = origin + (lesser - origin @ axis) * axis
    return Frame(
        side=side,
        head_center=_vector(head),
        head_radius=radius,
        neck_center=_vector(center),
        neck_axis=_vector(neck),
        neck_radius=neck_radius,
        shaft_point=_vector(at_lesser),
        shaft_axis=_vector(axis),
        lesser_trochanter_level=lesser - float(head @ axis),
        shaft_length=length,
        warnings=tuple(warnings),
    )


def _even(mask: NDArray[Any], image: Image) -> Image | None:
    """The largest part of the mask on an even grid along R, A, S; None if it is too small."""
    box = bounding_box(mask)
    if box is None or np.count_nonzero(mask[box]) * image.voxel_ml < _LEAST_ML:
        return None
    low = np.array([s.start for s in box])
    part = np.pad(mask[box].astype(np.float32), 1)
    matrix = image.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ (low[::-1] - 1.0)
    padded = Image(part, matrix)
    corners = np.array([[i, j, k, 1] for i in (0, part.shape[2]) for j in (0, part.shape[1]) for k in (0, part.shape[0])], float) @ matrix.T
    start, end = corners[:, :3].min(axis=0) - _GRID_MM, corners[:, :3].max(axis=0) + _GRID_MM
    size = np.ceil((end - start) / _GRID_MM).astype(int) + 1
    grid = Image.from_spacing(np.zeros(size[::-1], np.uint8), (_GRID_MM,) * 3, start)
    inside = padded.resampled(grid, order=1, fill=0.0).voxels > 0.5
    labels, count = ndimage.label(inside)
    if count > 1:
        inside = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return grid.with_voxels(inside) if inside.any() else None


def _points(even: Image) -> Points:
    kji = np.argwhere(even.voxels).astype(float)
    return np.asarray(kji[:, ::-1] @ even.ijk_to_ras[:3, :3].T + even.ijk_to_ras[:3, 3])


def _head(surface: Points, towards_middle: Points, side: str) -> tuple[Points, float]:
    """Sphere through the head: the roundest thing among what lies high and near to the middle of the body."""
    high = surface[surface[:, 2] > surface[:, 2].max() - _HEAD_REACH_MM]
    inner = high @ towards_middle
    center, radius, share = sphere_through(high[inner > inner.max() - _HEAD_WIDE_MM], _HEAD_RADIUS, tolerance=1.2)
    *_, other = sphere_through(high[inner < inner.min() + _HEAD_WIDE_MM], _HEAD_RADIUS, tolerance=1.2)
    if other > max(share, _LEAST_ROUND) + 0.05:
        raise InputError(f"The head of the {side} femur points away from the middle of the body. Is it the other femur, or mirrored?")
    if share < _LEAST_ROUND:
        raise InputError(_headless(side))
    return center, radius


def _headless(side: str) -> str:
    return (
        f"The mask of the {side} femur shows no round head. If the scan cuts it off, regions cannot be placed; otherwise correct the mask."
    )


def _shaft(points: Points, axis: Points, lesser: float, head: Points, radius: float) -> tuple[Points, Points]:
    """Line through the centers of sections across the shaft.

    Where enough of the shaft is there, the sections below the lesser trochanter. Otherwise those up to the base of the neck too: their
    centers leave the axis by what the trochanters add, in the way ``_COURSE`` has it for the average femur.
    """
    height = points @ axis
    levels = np.arange(float(height.min()) + 1.0, lesser + _COURSE[-1, 0], _STEP_MM)
    sections = [points[np.abs(height - level) < _STEP_MM] for level in levels]
    counts = np.array([len(section) for section in sections])
    whole = [count > 0.9 * np.median(counts[n : n + 8]) for n, count in enumerate(counts)]
    start = int(np.argmax(whole)) + 1 if any(whole) else 0  # the lower end may be cut at an angle
    free = [n for n in range(start, len(levels)) if lesser - _FAR_MM < levels[n] < lesser - _FLARE_MM]
    enough = len(free) * _STEP_MM >= _ENOUGH_MM
    used = free if enough else list(range(start, len(levels)))
    if len(used) < 3:
        return axis, points[height < height.min() + 10].mean(axis=0)
    centers = np.array([sections[n].mean(axis=0) for n in used])
    if enough:
        return line_through(centers, np.ones(len(centers)), axis)
    medial, front = _across(axis, centers.mean(axis=0), head)
    course = [np.interp((levels[used] - lesser) * _AVERAGE_RADIUS / radius, _COURSE[:, 0], _COURSE[:, n]) for n in (1, 2)]
    centers = centers - (np.outer(course[0], medial) + np.outer(course[1], front)) * radius / _AVERAGE_RADIUS
    line, middle = line_through(centers, np.ones(len(centers)), axis)
    # Such a short line is uncertain: a patient lies along the table, give or take _LYING degrees, and that is worth something.
    error = _UNCERTAIN * _UNCERTAIN_MM / (len(used) * _STEP_MM)
    trust = _LYING**2 / (_LYING**2 + error**2)
    line = trust * line / line[2] + (1 - trust) * np.array([0.0, 0.0, 1.0]) if line[2] > 0.2 else axis
    return line / np.linalg.norm(line), middle


def _across(axis: Points, origin: Points, head: Points) -> tuple[Points, Points]:
    """Unit vectors across the shaft: to the side of the head, and to the front."""
    medial = head - origin
    medial = medial - (medial @ axis) * axis
    medial = medial / np.linalg.norm(medial)
    front = np.cross(axis, medial)
    return medial, front if front[1] > 0 else -front


def _lesser(surface: Points, axis: Points, origin: Points, head: Points) -> tuple[float, bool]:
    """Height of the lesser trochanter along the axis, and whether it stands out.

    The bone is unrolled around the axis of the shaft: distance of the surface by height and direction. The lesser trochanter is the blob
    on the medial and back side, below the neck.
    """
    medial, front = _across(axis, origin, head)
    off = surface - origin
    height = surface @ axis
    angle = np.degrees(np.arctan2(off @ front, off @ medial))
    radius = np.hypot(off @ front, off @ medial)
    high = float(head @ axis) - _LESSER_BELOW_HEAD[0] + 12
    low = max(float(height.min()), float(head @ axis) - _LESSER_BELOW_HEAD[1] - 12)
    levels, sectors = max(8, int((high - low) / _STEP_MM)), 72
    row = ((height - low) / (high - low) * levels).astype(int)
    column = ((angle + 180) / 5).astype(int) % sectors
    on = (row >= 0) & (row < levels) & (height > low)
    unrolled = np.full((levels, sectors), -1.0)
    np.maximum.at(unrolled, (row[on], column[on]), radius[on])
    unrolled = _filled(unrolled)
    modes = ("nearest", "wrap")
    step = (high - low) / levels
    blob = ndimage.gaussian_filter(unrolled, (4 / step, 2), mode=modes) - ndimage.gaussian_filter(unrolled, (13 / step, 6), mode=modes)
    at = low + (np.arange(levels) + 0.5) * step
    directions = -180 + 5 * (np.arange(sectors) + 0.5)
    allowed = np.ix_(
        (at < float(head @ axis) - _LESSER_BELOW_HEAD[0]) & (at > low + 2),
        (directions > _LESSER_SECTOR[0]) & (directions < _LESSER_SECTOR[1]),
    )
    peak = (
        (blob >= ndimage.maximum_filter(blob, (5, 5), mode=modes))
        & (np.arange(levels) > 0)[:, None]
        & (np.arange(levels) < levels - 1)[:, None]
    )
    inside = np.zeros(blob.shape, bool)
    inside[allowed] = True
    candidates = np.argwhere(peak & inside)
    if not len(candidates):
        return float(head @ axis) - 56.0, False
    best = max(candidates, key=lambda rc: blob[rc[0], rc[1]])
    value = blob[best[0], best[1]]
    around = blob[max(0, best[0] - 1) : best[0] + 2, best[1]]
    shift = 0.0
    if len(around) == 3 and 2 * around[1] - around[0] - around[2] > 1e-6:
        shift = float(np.clip(0.5 * (around[2] - around[0]) / (2 * around[1] - around[0] - around[2]), -1, 1))
    return float(at[best[0]] + shift * step), bool(value > 1.0)


def _filled(unrolled: Points) -> Points:
    """Empty cells take the value of the nearest cell that has one."""
    empty = unrolled < 0
    if not empty.any():
        return unrolled
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    return np.asarray(unrolled[tuple(nearest)])


def _neck(points: Points, head: Points, radius: float, axis: Points, origin: Points, lesser: float) -> tuple[Points, Points, float]:
    """Axis, middle and radius of the neck: the line from the head through the centers of the narrow sections."""
    base = origin + (lesser + 25.0 - origin @ axis) * axis
    neck = (head - base) / np.linalg.norm(head - base)
    center, area = head - 1.3 * radius * neck, np.pi * (0.65 * radius) ** 2
    for _ in range(6):
        along = (head - points) @ neck
        off = points - head + np.outer(along, neck)
        near = np.einsum("ni,ni->n", off, off) < (1.3 * radius) ** 2
        at = np.arange(0.6 * radius, 2.1 * radius, 1.0)
        areas, centers = [], []
        for level in at:
            section = points[near & (np.abs(along - level) < 1.5)]
            areas.append(len(section) * _GRID_MM**3 / 3.0)
            centers.append(section.mean(axis=0) if len(section) else head - level * neck)
        smooth = ndimage.gaussian_filter1d(np.array(areas), 2)
        narrow = int(np.argmin(smooth))
        band = slice(max(0, narrow - 5), narrow + 6)
        middle = np.mean(centers[band], axis=0)
        center, area = np.asarray(centers[narrow]), float(smooth[narrow])
        turned = (head - middle) / np.linalg.norm(head - middle)
        done = float(turned @ neck) > np.cos(np.radians(0.1))
        neck = turned
        if done:
            break
    return neck, center, float(np.sqrt(area / np.pi))


def _vector(values: Points) -> Vector:
    r, a, s = (float(value) for value in values)
    return r, a, s
