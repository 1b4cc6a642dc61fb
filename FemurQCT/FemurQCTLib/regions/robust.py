"""Spheres and lines through points of which some belong to something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_TRIES = 300


def sphere_through(points: Points, radii: tuple[float, float], tolerance: float) -> tuple[Points, float, float]:
    """Center, radius and share of the surface that points lie on: the sphere that most points (N, 3) lie on."""
    center, radius, on = _sphere_through(points, radii, tolerance)
    if on is None:
        return points.mean(axis=0), float(radii[0]), 0.0
    off = (points[on] - center) / radius
    rows = np.clip(((off[:, 2] + 1) * 5).astype(int), 0, 9)  # bands of equal area
    columns = (np.arctan2(off[:, 1], off[:, 0]) / (2 * np.pi) * 20).astype(int) % 20
    return center, radius, len(np.unique(rows * 20 + columns)) / 200


def _sphere_through(points: Points, radii: tuple[float, float], tolerance: float) -> tuple[Points, float, NDArray[np.bool_] | None]:
    """Circle or sphere through random points, the one with the most others on it, then least squares over those (RANSAC, fixed seed)."""
    count, axes = points.shape
    if count < axes + 2:
        return points.mean(axis=0), 0.0, None
    rng = np.random.default_rng(0)
    few = points if count <= 1500 else points[rng.choice(count, 1500, replace=False)]
    drawn = few[rng.integers(0, len(few), (_TRIES, axes + 1))]
    system = np.concatenate([2 * drawn, np.ones((*drawn.shape[:2], 1))], axis=2)
    good = np.abs(np.linalg.det(system)) > 1e-3
    if not good.any():
        return points.mean(axis=0), 0.0, None
    solved = np.linalg.solve(system[good], (drawn[good] ** 2).sum(axis=2)[..., None])[..., 0]
    centers = solved[:, :axes]
    squared = solved[:, axes] + (centers**2).sum(axis=1)
    fits = (squared > radii[0] ** 2) & (squared < radii[1] ** 2)
    if not fits.any():
        return points.mean(axis=0), 0.0, None
    centers, sizes = centers[fits], np.sqrt(squared[fits])
    distance = np.linalg.norm(few[None] - centers[:, None], axis=2)
    # small circles have fewer points to lie on: count them per circumference or surface
    votes = (np.abs(distance - sizes[:, None]) < tolerance).sum(axis=1) / sizes ** ((axes - 1) / 2)
    best = int(np.argmax(votes))
    center, radius = centers[best], float(sizes[best])
    on = np.zeros(count, bool)
    for _ in range(8):
        on = np.abs(np.linalg.norm(points - center, axis=1) - radius) < tolerance
        if on.sum() < axes + 2:
            return center, radius, None
        matrix = np.column_stack([2 * points[on], np.ones(on.sum())])
        solution = np.linalg.lstsq(matrix, (points[on] ** 2).sum(axis=1), rcond=None)[0]
        center = solution[:axes]
        radius = float(np.sqrt(max(solution[axes] + center @ center, 1e-6)))
    return np.asarray(center), radius, on


def line_through(points: Points, weights: NDArray[np.float64], towards: Points) -> tuple[Points, Points]:
    """Direction (on the side of ``towards``) and a point of the line through points (N, 3), those off the line counting less (IRLS)."""
    weight = weights.copy() + 1e-6
    direction, middle = towards, points.mean(axis=0)
    for _ in range(10):
        middle = (points * weight[:, None]).sum(axis=0) / weight.sum()
        off = (points - middle) * np.sqrt(weight)[:, None]
        direction = np.linalg.svd(off, full_matrices=False)[2][0]
        rest = points - middle - np.outer((points - middle) @ direction, direction)
        far = np.linalg.norm(rest, axis=1)
        weight = (weights + 1e-6) / (1 + (far / 0.5) ** 2)
    if direction @ towards < 0:
        direction = -direction
    return np.asarray(direction), np.asarray(middle)
