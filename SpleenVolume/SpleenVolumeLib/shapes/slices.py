"""Cuts through a shape: the largest slices, and the ones that a sonographer gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from .solid import occupancy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .generator import Shape

AXIS = {"coronal": 1, "transverse": 0, "sagittal": 2}
ROTATION_DEG, TILT_DEG, OFFSET_MM = 20.0, 15.0, 10.0
"""How far a sonographer's view may be from the largest slice."""


@dataclass(frozen=True)
class Cut:
    """How a plane lies.

    Attributes:
        rotation_deg: turn within the plane.
        tilt_deg: turns of the plane about its column and its row direction.
        offset_mm: distance from the largest slice.
        jitter_mm: standard deviation of the smooth unevenness of the outline, and of its being drawn too wide or too narrow.
        thickness_mm: slices of the scan that coronal and sagittal views were cut from; 0 for none.
    """

    rotation_deg: float = 0.0
    tilt_deg: tuple[float, float] = (0.0, 0.0)
    offset_mm: float = 0.0
    jitter_mm: float = 0.0
    thickness_mm: float = 0.0

    @classmethod
    def sonographer(cls, rng: np.random.Generator, severity: float = 1.0) -> Cut:
        """A view within the ranges of ``ROTATION_DEG``, ``TILT_DEG`` and ``OFFSET_MM``, times ``severity``."""
        tilt = rng.uniform(-TILT_DEG, TILT_DEG, 2) * severity
        return cls(
            float(rng.uniform(-ROTATION_DEG, ROTATION_DEG) * severity),
            (float(tilt[0]), float(tilt[1])),
            float(rng.uniform(-OFFSET_MM, OFFSET_MM) * severity),
            float(abs(rng.normal(0, 0.6))),
        )

    @classmethod
    def scan(cls, rng: np.random.Generator) -> Cut:
        """The largest slice of a CT label map, with the unevenness of drawn outlines and of slices."""
        return cls(jitter_mm=float(abs(rng.normal(0, 0.5))), thickness_mm=float(rng.uniform(2, 5)) if rng.random() < 0.25 else 0.0)


def cut_views(
    shape: Shape, cuts: Mapping[str, Cut], rng: np.random.Generator | None = None, pixel_mm: float = 1.0, size: int | None = None
) -> dict[str, NDArray[np.bool_]]:
    """Masks in CT orientation, each centered on its centroid.

    Args:
        cuts: plane -> how it lies.
        rng: for the jitter.
        pixel_mm, size: of the masks; ``size`` None takes 256 mm, or 384 mm where the spleen is larger than fits.
    """
    if size is None:
        size = round((256 if shape.extents_mm.max() < 240 else 384) / pixel_mm)
    return {plane: _cut(shape, plane, cut, rng, pixel_mm, size) for plane, cut in cuts.items()}


def _cut(shape: Shape, plane: str, cut: Cut, rng: np.random.Generator | None, pixel_mm: float, size: int) -> NDArray[np.bool_]:
    axis = AXIS[plane]
    others = [other for other in range(3) if other != axis]
    inside = occupancy(shape.distance, shape.step_mm)
    areas = inside.sum(tuple(others))
    origin = (
        np.array([(inside.sum(tuple(o for o in range(3) if o != a)) * np.arange(inside.shape[a])).sum() for a in range(3)]) / inside.sum()
    )
    best = int(areas.argmax())
    origin[axis] = best + _vertex(areas, best)
    # A tilted plane turns about the middle of the largest slice.
    section = inside.take(best, axis)
    for other, weights in zip(others, (section.sum(1), section.sum(0)), strict=True):
        origin[other] = float((weights * np.arange(weights.size)).sum() / weights.sum())
    normal, row, column = np.eye(3)[axis], np.eye(3)[others[0]], np.eye(3)[others[1]]
    turn = Rotation.from_rotvec(math.radians(cut.tilt_deg[0]) * column) * Rotation.from_rotvec(math.radians(cut.tilt_deg[1]) * row)
    turn = turn * Rotation.from_rotvec(math.radians(cut.rotation_deg) * normal)
    row, column, normal = (turn.apply(vector) for vector in (row, column, normal))
    half = (np.arange(size, dtype=np.float64) - (size - 1) / 2) * pixel_mm / shape.step_mm
    start = origin + normal * (cut.offset_mm / shape.step_mm)
    mask = _plane(shape, start, row, column, half, cut, rng, pixel_mm)
    if not mask.any():  # moved off the spleen
        mask = _plane(shape, origin, row, column, half, cut, None, pixel_mm)
    return _centered(mask)


def _centered(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    middle = (mask.shape[0] - 1) / 2
    shift = [round(middle - float(np.mean(index))) for index in np.nonzero(mask)]
    return np.roll(mask, shift, (0, 1))


def _plane(
    shape: Shape,
    start: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    half: NDArray[np.float64],
    cut: Cut,
    rng: np.random.Generator | None,
    pixel_mm: float,
) -> NDArray[np.bool_]:
    places = start[:, None, None] + row[:, None, None] * half[None, :, None] + column[:, None, None] * half[None, None, :]
    if cut.thickness_mm > 0 and abs(row[0]) > 0.7:
        slab = cut.thickness_mm / shape.step_mm
        places[0] = np.round(places[0] / slab) * slab
    field = ndimage.map_coordinates(shape.distance, places, order=1, mode="constant", cval=20.0)
    if rng is not None and cut.jitter_mm > 0:
        noise = ndimage.gaussian_filter(rng.normal(size=field.shape).astype(np.float32), 4 / pixel_mm)
        field = field + noise * (cut.jitter_mm / max(float(noise.std()), 1e-9)) + rng.normal(0, 0.5 * cut.jitter_mm)
    mask = field < 0
    labels, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        mask = labels == sizes.argmax()
    return np.asarray(mask)


def _vertex(values: NDArray[np.float32], best: int) -> float:
    """Where between voxels the largest slice lies, by a parabola."""
    if not 0 < best < values.size - 1:
        return 0.0
    before, here, after = (float(v) for v in values[best - 1 : best + 2])
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
