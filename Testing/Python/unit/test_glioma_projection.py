from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaUncertaintyLib.projection import IDENTITY, KINDS, SPHERES, Projection, bend, centers, farthest
from GliomaUncertaintyLib.sampling import (
    SAMPLES,
    Raster,
    covered,
    grid_of,
    plane_matrix,
    sample,
    sampling_matrix,
    sphere_grid,
    sphere_matrix,
    sphere_raster,
)

PLANE = Raster((176, 144))


@pytest.fixture(scope="module")
def brain():
    """The brain of a slice of 1 mm: an ellipse, and its points (n, 2)."""
    y, x = np.mgrid[: PLANE.shape[0], : PLANE.shape[1]]
    inside = ((y - 88) / 86) ** 2 + ((x - 72) / 70) ** 2 <= 1
    return inside, np.argwhere(inside).astype(float)


def looking_at(center, kind="equidistant", magnification=2.0, points=((0, 0), (175, 143)), **more):
    corners = np.array([(y, x) for y in (points[0][0], points[1][0]) for x in (points[0][1], points[1][1])], float)
    return Projection(kind, magnification, center, farthest(corners, center), **more)


@pytest.mark.parametrize(("kind", "ratio"), [("equidistant", 2.3311), ("orthographic", 1.7321)])
def test_twofold_magnification_needs_the_known_bend(kind, ratio):
    assert bend(kind, 2.0) == pytest.approx(ratio, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("magnification", [1.0, 1.001, 1.5, 2.0, 4.0])
def test_the_center_is_magnified_as_wanted(kind, magnification):
    projection = Projection(kind, magnification, (50.0, 60.0), 90.0)
    step = 1e-4
    seen = projection.forward(np.array([(50.0, 60.0 + step), (50.0, 60.0)]))
    assert (seen[0, 1] - seen[1, 1]) / step == pytest.approx(magnification, rel=1e-5)


@pytest.mark.parametrize("kind", SPHERES)
def test_the_rim_stays_where_it_is_and_is_compressed(kind):
    projection = Projection(kind, 2.0, (0.0, 0.0), 90.0)
    rim, before = projection.forward(np.array([(0.0, 90.0), (0.0, 89.999)]))
    assert rim[1] == pytest.approx(90, abs=1e-9)
    assert (rim[1] - before[1]) / 0.001 == pytest.approx(0.3107 if kind == "equidistant" else 0.25, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_magnification_1_is_the_identity(kind):
    points = np.random.default_rng(0).uniform(0, 150, (50, 2))
    np.testing.assert_allclose(Projection(kind, 1.0, (30.0, 40.0), 120.0).forward(points), points, atol=1e-12)
    np.testing.assert_array_equal(IDENTITY.inverse(points), points)


@given(
    kind=st.sampled_from(KINDS),
    magnification=st.floats(1, 4),
    center=st.tuples(st.floats(0, 175), st.floats(0, 143)),
    mirrored=st.booleans(),
    shift=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
)
@settings(deadline=None, max_examples=50)
def test_there_and_back_is_exact(kind, magnification, center, mirrored, shift):
    projection = looking_at(center, kind, magnification, mirrored=mirrored, shift_mm=shift)
    points = PLANE.points().reshape(-1, 2)
    np.testing.assert_allclose(projection.inverse(projection.forward(points)), points, atol=1e-7)


def test_what_lies_behind_the_sphere_shows_nothing():
    for kind in SPHERES:
        assert np.isnan(Projection(kind, 2.0, (0.0, 0.0), 90.0).inverse(np.array([(0.0, 140.0)]))).all()


@pytest.mark.parametrize(("kind", "magnification"), [("stereographic", 2.0), ("equidistant", 0.5), ("equidistant", math.inf)])
def test_a_projection_that_is_not_offered_is_refused(kind, magnification):
    with pytest.raises(ValueError, match="there is no projection"):
        bend(kind, magnification)


@pytest.mark.parametrize("kind", SPHERES)
@pytest.mark.parametrize("magnification", [1.0, 2.0, 2.5])
@pytest.mark.parametrize("center", [(88.0, 72.0), (44.0, 36.0), (132.0, 108.0), (10.0, 70.0)])
def test_every_pixel_of_the_brain_is_seen_and_comes_back(brain, kind, magnification, center):
    _, points = brain
    projection = Projection(kind, magnification, center, farthest(points, center))
    sphere = sphere_raster(projection, points)
    assert covered(projection, points, sphere).all()
    assert all(side % 16 == 0 for side in sphere.shape)
    back = plane_matrix(projection, points, sphere)
    np.testing.assert_allclose(back @ np.ones((math.prod(sphere.shape), 1), np.float32), 1, atol=1e-5)


@pytest.mark.parametrize("kind", SPHERES)
@pytest.mark.parametrize("center", [(88.0, 72.0), (44.0, 36.0), (60.0, 100.0)])
def test_a_mask_comes_back_less_than_a_pixel_off(brain, kind, center):
    _, points = brain
    y, x = np.mgrid[: PLANE.shape[0], : PLANE.shape[1]]
    mask = (((y - 60) / 22) ** 2 + ((x - 95) / 15) ** 2 <= 1) | (np.hypot(y - 120, x - 40) <= 6)
    projection = Projection(kind, 2.0, center, farthest(points, center))
    sphere = sphere_raster(projection, points)
    there = sphere_matrix(projection, PLANE, sphere) @ mask.reshape(-1, 1).astype(np.float32)
    back = np.zeros(PLANE.shape, bool)
    back[tuple(points.astype(int).T)] = (plane_matrix(projection, points, sphere) @ there)[:, 0] > 0.5
    for one, other in ((mask, back), (back, mask)):
        away = ndimage.distance_transform_edt(~ndimage.binary_dilation(other))
        assert away[one].max() == 0  # nothing lies beyond the neighbors of the other
    assert 2 * (mask & back).sum() / (mask.sum() + back.sum()) > 0.97
    assert abs(int(mask.sum()) - int(back.sum())) < 0.02 * mask.sum()


def test_the_linear_view_sees_a_part_at_twice_the_size(brain):
    _, points = brain
    projection = Projection("linear", 2.0, (60.0, 50.0))
    sphere = sphere_raster(projection, points)
    assert sphere.shape == sphere_raster(IDENTITY, points).shape
    inside = covered(projection, points, sphere)
    assert 0.2 < inside.mean() < 0.5
    assert inside[np.abs(points - (60, 50)).max(axis=1) < 30].all()


def test_nine_linear_views_leave_nothing_of_the_brain_out(brain):
    _, points = brain
    views = [Projection("linear", 2.0, center) for center in centers(9, (0.0, 0.0), (175.0, 143.0))]
    assert np.any([covered(view, points, sphere_raster(view, points)) for view in views], axis=0).all()


def test_matrix_and_grid_sample_give_the_same_image(brain):
    _, points = brain
    projection = looking_at((60.0, 50.0), mirrored=True, shift_mm=(0.4, -0.7))
    sphere = sphere_raster(projection, points)
    image = np.random.default_rng(0).normal(size=(3, *PLANE.shape)).astype(np.float32)
    by_matrix = (sphere_matrix(projection, PLANE, sphere) @ image.reshape(3, -1).T).T.reshape(3, *sphere.shape)
    grid = grid_of(projection.inverse(sphere.points(SAMPLES)), PLANE)
    by_grid = sample(torch.from_numpy(image)[None], grid)[0].numpy()
    np.testing.assert_allclose(by_matrix, by_grid, atol=2e-4)


def test_what_is_too_fine_for_the_pixels_is_averaged_instead_of_aliased():
    stripes = np.tile((np.arange(96) % 2).astype(np.float32), (96, 1))
    plane, sphere = Raster((96, 96)), Raster((48, 48), (1.5, 1.5), (12.0, 12.0))
    averaged = sphere_matrix(IDENTITY, plane, sphere) @ stripes.reshape(-1, 1)
    single = sampling_matrix(sphere.points().reshape(-1, 1, 2), plane) @ stripes.reshape(-1, 1)
    assert averaged.mean() == pytest.approx(0.5, abs=0.01)
    assert averaged.std() < 0.4 * single.std()


def test_a_field_of_view_is_the_same_whatever_the_pixels_of_the_file():
    smooth = [np.sin(y / 20) * np.cos(x / 17) for y, x in (np.mgrid[:100, :80], np.mgrid[:200, :160] / 2.0)]
    corners = np.array([(0.0, 0.0), (99.0, 79.0), (0.0, 79.0), (99.0, 0.0)])
    coarse = sphere_grid((100, 80), (50, 40), "equidistant", 2.0, sphere_shape=(64, 64), field=corners)
    fine = sphere_grid((200, 160), (100, 80), "equidistant", 2.0, pixel_mm=(0.5, 0.5), sphere_shape=(64, 64), field=corners * 2)
    one, other = (sample(torch.from_numpy(i)[None, None].float(), grid) for i, grid in zip(smooth, (coarse, fine), strict=True))
    inner = (..., slice(12, -12), slice(12, -12))
    torch.testing.assert_close(one[inner], other[inner], atol=5e-3, rtol=0)


def test_a_training_grid_fits_a_batch():
    grid = sphere_grid((192, 160), (80.5, 70.0), "orthographic", 1.7)
    assert grid.shape == (1, 320, 320, 2) and grid.dtype == torch.float32
    assert sample(torch.zeros(4, 12, 192, 160), grid).shape == (4, 12, 160, 160)


def test_nine_centers_are_three_by_three_and_stay_the_same():
    found = centers(9, (0.0, 0.0), (176.0, 144.0))
    assert found == [(y, x) for y in (44.0, 88.0, 132.0) for x in (36.0, 72.0, 108.0)]
    assert centers(9, (0.0, 0.0), (176.0, 144.0)) == found


@pytest.mark.parametrize("count", range(26))
def test_any_number_of_centers_is_spread_inside_the_box(count):
    found = np.array(centers(count, (10.0, 20.0), (186.0, 164.0))).reshape(-1, 2)
    assert len(np.unique(found, axis=0)) == count
    assert ((found > (10, 20)) & (found < (186, 164))).all()
    if count:
        np.testing.assert_allclose(found.mean(axis=0), (98, 92), atol=12)
