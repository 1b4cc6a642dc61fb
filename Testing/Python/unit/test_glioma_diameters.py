from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from DeepVolumetryLib.image import Image
from GliomaUncertaintyLib.diameters import Calipers, axial_axis, least_diameter_mm, lesions
from GliomaUncertaintyLib.outline import Outline

OBLIQUE = np.array([[0.9, 0.1, 0.2, -30], [-0.1, 1.0, 0.3, 12], [-0.1, -0.2, 1.9, 4], [0, 0, 0, 1]])


def blob(seed, size=13):
    """A ragged slice with holes and dents."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 1.6)
    mask = noise > np.quantile(noise, 0.6)
    labels, count = ndimage.label(mask)
    return labels == 1 + np.argmax(ndimage.sum_labels(mask, labels, range(1, count + 1)))


def is_in(mask, point):
    """The pixel at a point is in the mask or shares a side with a pixel of it."""
    row, column = (math.floor(x + 0.5) for x in point)
    around = [(row, column), (row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return any(0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c] for r, c in around)


def outline_points(mask):
    points = set()
    for row, column in np.argwhere(mask):
        for dr, dc in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            r, c = row + dr, column + dc
            if not (0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c]):
                points.add((row + dr / 2, column + dc / 2))
    return np.array(sorted(points))


def stays_in(mask, a, b):
    """Every pixel that a line passes is in the mask or beside it."""
    crossings = {0.0, 1.0}
    for start, end in zip(a, b, strict=True):
        low, high = sorted((start, end))
        borders = [n + 0.5 for n in range(math.ceil(low - 0.5), math.floor(high - 0.5) + 1)]
        crossings |= {(border - start) / (end - start) for border in borders if end != start}
    ordered = sorted(crossings)
    return all(is_in(mask, a + (b - a) * (t + u) / 2) for t, u in pairwise(ordered) if u - t > 1e-9)


def longest_by_brute_force(mask, to_mm):
    points = outline_points(mask)
    pairs = sorted(((np.linalg.norm(to_mm @ (b - a)), n, m) for (n, a), (m, b) in combinations(enumerate(points), 2)), reverse=True)
    return next(length for length, n, m in pairs if stays_in(mask, points[n], points[m]))


def longest_across_by_brute_force(mask, to_mm, along):
    """Lines across the diameter, a twentieth of a millimeter apart, each cut where it leaves the neighborhood of the mask."""
    u = to_mm @ along / np.linalg.norm(to_mm @ along)
    v = np.array([-u[1], u[0]])
    points = outline_points(mask) @ to_mm.T
    level = np.pad(mask.astype(float), 3)
    best = 0.0
    for t in np.arange((points @ u).min(), (points @ u).max(), 0.05):
        line = np.linalg.solve(to_mm, (t * u + np.outer(np.arange((points @ v).min() - 1, (points @ v).max() + 1, 0.05), v)).T).T
        near = np.array([is_in(mask, point) for point in line])
        inside = near & (ndimage.map_coordinates(level, line.T + 3, order=1) >= 0.5)
        labels, count = ndimage.label(near)
        for run in range(1, count + 1):
            at = np.flatnonzero(inside & (labels == run))
            best = max(best, 0.05 * (at[-1] - at[0]) if at.size else 0)
    return best


pixels = st.sampled_from([np.eye(2), np.diag([0.9, 1.4]), np.array([[1.0, 0.35], [0.0, 0.8]])])


@given(st.integers(0, 10_000), pixels)
@settings(deadline=None, max_examples=40)
def test_the_longest_diameter_is_that_of_brute_force(seed, to_mm):
    mask = blob(seed)
    lines = Outline(mask, to_mm).lines()
    assert lines.longest_mm == pytest.approx(longest_by_brute_force(mask, to_mm))


@pytest.mark.parametrize("seed", range(4))
def test_no_line_across_is_longer(seed):
    to_mm = np.array([[1.0, 0.35], [0.0, 0.8]]) if seed % 2 else np.eye(2)
    mask = blob(seed)
    lines = Outline(mask, to_mm).lines()
    exact = longest_across_by_brute_force(mask, to_mm, lines.ends[1] - lines.ends[0])
    assert lines.perpendicular_mm == pytest.approx(exact, abs=0.35)
    a, b, c, d = lines.ends @ to_mm.T
    assert (b - a) @ (d - c) == pytest.approx(0, abs=1e-6)
    assert np.linalg.norm(d - c) == pytest.approx(lines.perpendicular_mm)


def ellipsoid(radii, shape=(40, 60, 60), matrix=None, hole=0.0):
    """A solid ellipsoid, radii in mm along R, A, S around the middle of the grid."""
    image = Image(np.zeros(shape, bool), np.eye(4) if matrix is None else matrix)
    kji = np.indices(shape).reshape(3, -1)
    ras = image.ijk_to_ras[:3, :3] @ (kji[::-1] - (np.array(shape[::-1])[:, None] - 1) / 2)
    outside = np.sqrt(((ras / np.array(radii)[:, None]) ** 2).sum(axis=0)).reshape(shape)
    return image.with_voxels((outside <= 1) & (outside >= hole))


def test_a_ball_measures_its_diameter_both_ways():
    image = ellipsoid((15, 15, 15))
    (lesion,) = lesions(image.voxels, image)
    assert lesion.diameters.longest_mm == pytest.approx(30, abs=1)
    assert lesion.diameters.perpendicular_mm == pytest.approx(30, abs=1)
    assert lesion.volume_ml == pytest.approx(4 / 3 * math.pi * 15**3 / 1000, rel=0.03)
    assert lesion.measurable


def test_sizes_are_right_on_an_oblique_grid():
    image = ellipsoid((20, 9, 14), (44, 60, 72), OBLIQUE)
    (lesion,) = lesions(image.voxels, image)
    upright = ellipsoid((20, 9, 14))
    (expected,) = lesions(upright.voxels, upright)
    # the slices are tilted by some degrees against the axes of the ellipsoid
    assert lesion.diameters.longest_mm == pytest.approx(expected.diameters.longest_mm, abs=1.5)
    assert lesion.diameters.perpendicular_mm == pytest.approx(expected.diameters.perpendicular_mm, abs=1.5)
    a, b, c, d = np.array(lesion.diameters.ends_ras_mm)
    assert np.linalg.norm(b - a) == pytest.approx(lesion.diameters.longest_mm)
    assert abs((b - a) @ (d - c)) < 1e-6
    inside = image.ras_to_ijk @ [*((a + b) / 2), 1]
    assert image.voxels[tuple(np.rint(inside[2::-1]).astype(int))]


def test_the_axial_slices_are_found_whatever_the_order_of_the_axes():
    image = ellipsoid((20, 9, 5))
    sagittal = Image(np.moveaxis(image.voxels, 2, 0), image.ijk_to_ras[:, [1, 2, 0, 3]])
    assert (axial_axis(image), axial_axis(sagittal)) == (0, 1)
    (expected,), (found,) = lesions(image.voxels, image), lesions(sagittal.voxels, sagittal)
    assert found.diameters.longest_mm == pytest.approx(expected.diameters.longest_mm)
    assert found.diameters.product_mm2 == pytest.approx(expected.diameters.product_mm2, rel=0.01)


def test_a_diameter_does_not_cross_a_necrotic_center():
    _, j, i = np.indices((6, 60, 60))
    radius = np.hypot(j - 29.5, i - 29.5)
    ring = (radius <= 25) & (radius > 18)
    image = Image(ring, np.eye(4))
    (lesion,) = lesions(ring, image)
    assert lesion.diameters.longest_mm == pytest.approx(2 * math.sqrt(25**2 - 17**2), abs=1.5)  # a chord past the cavity
    (solid,) = lesions(radius <= 25, image)
    assert solid.diameters.longest_mm == pytest.approx(50, abs=1)


def test_measurable_takes_ten_millimeters_both_ways_on_two_slices():
    disc = ellipsoid((8, 8, 30), (1, 40, 40)).voxels[0]
    two, one = np.zeros((6, 40, 40), bool), np.zeros((6, 40, 40), bool)
    two[2:4], one[2] = disc, disc
    thin = np.zeros((6, 40, 40), bool)
    thin[1:5, 15:24, 5:35] = True
    found = [lesions(mask, Image(mask, np.eye(4)))[0] for mask in (two, one, thin)]
    assert [lesion.measurable for lesion in found] == [True, False, False]
    assert found[2].diameters.perpendicular_mm == pytest.approx(9, abs=0.7)  # the diameter is that of a rectangle: its diagonal


def test_thick_slices_ask_for_twice_their_thickness():
    thick = Image(np.zeros((3, 4, 4)), np.diag([1, 1, 6.5, 1.0]))
    assert least_diameter_mm(thick) == 13
    assert least_diameter_mm(Image(np.zeros((3, 4, 4)), np.diag([1, 1, 5.0, 1]))) == 10


def test_lesions_are_counted_apart_and_specks_are_not():
    mask = np.zeros((20, 60, 60), bool)
    mask[5:9, 10:22, 10:22] = True
    mask[5:15, 35:55, 35:55] = True
    mask[0, 0, 0] = True
    found = lesions(mask, Image(mask, np.eye(4)))
    assert [lesion.volume_ml for lesion in found] == pytest.approx([4.0, 0.576])
    assert lesions(np.zeros_like(mask), Image(mask, np.eye(4))) == []


def test_after_an_edit_the_same_calipers_measure_as_new_ones():
    image = ellipsoid((15, 12, 9), hole=0.5)
    calipers = Calipers()
    lesions(image.voxels, image, calipers)
    edited = image.voxels.copy()
    edited[18:22, 20:30, 10:50] = True
    edited[25:] = False
    assert lesions(edited, image, calipers) == lesions(edited, image)
