"""Femora as shapes: smooth surfaces, exact distances, landmarks, the model that ships."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from FemurQCTLib.anatomy.distance import signed_distance
from FemurQCTLib.anatomy.shape import load_shapes, normals, smooth, sphere, volume_ml


def a_ball(radius=20.0):
    """An octahedron divided until it is nearly round, on the sphere."""
    vertices = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], float)
    faces = np.array([(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)])
    for _ in range(4):
        vertices, faces = smooth(vertices, faces, 1)
        vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    return vertices * radius, faces


def test_a_ball_stays_a_ball_when_smoothed():
    vertices, faces = smooth(*a_ball(), 2)
    assert volume_ml(vertices, faces) == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=0.05)
    outward = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", normals(vertices, faces), outward).min() > 0.999


def test_distances_to_a_ball_are_those_of_a_ball():
    vertices, faces = a_ball()
    grid = Image.from_spacing(np.zeros((40, 40, 40), np.uint8), (1.5,) * 3, (-29.0, -29.0, -29.0))
    k, j, i = np.indices(grid.shape)
    true = np.linalg.norm(np.stack([i, j, k], -1) * 1.5 - 29.0, axis=-1) - 20.0
    near = np.abs(true) < 5
    np.testing.assert_allclose(signed_distance(vertices, faces, grid, subdivisions=0)[near], true[near], atol=0.15)


def test_a_sphere_is_found_through_part_of_it():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 3))
    points = points[points[:, 2] > 0]
    points = 24 * points / np.linalg.norm(points, axis=1, keepdims=True) + (5, -3, 100)
    center, radius = sphere(points)
    np.testing.assert_allclose(center, (5, -3, 100), atol=1e-6)
    assert radius == pytest.approx(24)


def test_the_shipped_femur_is_a_left_one_of_human_size():
    model = load_shapes()
    marks = model.landmarks(model.mean)
    assert marks.radius == pytest.approx(23.3, abs=0.2)
    assert marks.neck[0] > 0.5  # the head of a left femur points to the right
    assert marks.shaft[2] > 0.95
    assert 40 < (marks.head - marks.lesser) @ marks.shaft < 70
    assert marks.cut == pytest.approx(marks.lesser @ marks.shaft - 20)
    assert volume_ml(*smooth(model.mean, model.faces)) > 150


def test_draws_differ_and_repeat():
    model = load_shapes()
    one, again, other = (model.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 2
