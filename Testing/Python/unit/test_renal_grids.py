"""Working grids: what is sampled and carried back lies where it lay in the patient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.engine.grids import _anywhere, box_grid, carry, corners_ras, index_box, sample
from DeepVolumetryLib.image import Image

ROTATED = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
SHEARED = np.array([[1.0, 0.25, 0.0], [0.0, 1.0, -0.2], [0.1, 0.0, 1.0]])
DIRECTIONS = {
    "along the axes": np.eye(3),
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
    "oblique": ROTATED,
    "oblique and left-handed": ROTATED @ np.diag([1.0, 1.0, -1.0]),
    "sheared": SHEARED,
}
any_direction = pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())


def linear(grid: Image) -> np.ndarray:
    """2 R - A + 3 S + 40 at the center of each voxel."""
    k, j, i = np.indices(grid.shape)
    r, a, s = (row[0] * i + row[1] * j + row[2] * k + row[3] for row in grid.ijk_to_ras[:3])
    return (2 * r - a + 3 * s + 40).astype(np.float32)


def scan_of(direction, spacing=(1.5, 2.0, 3.0), size=(60, 50, 40)) -> Image:
    origin = -(direction * np.array(spacing)) @ ((np.array(size) - 1) / 2)
    grid = Image.from_spacing(np.zeros(size[::-1], np.float32), spacing, origin, direction, modality="CT")
    return grid.with_voxels(linear(grid))


@any_direction
@pytest.mark.parametrize("spacing", [1.75, 5.0])
def test_sampling_keeps_a_linear_function_of_the_patient_coordinates(direction, spacing):
    grid = box_grid(np.array([-14.0, -16, -12]), np.array([15.0, 13, 17]), spacing)
    seen = sample(scan_of(direction), grid)
    assert seen.covered.all()
    np.testing.assert_allclose(seen.image.voxels, linear(grid), atol=2e-3)


@any_direction
def test_carrying_back_keeps_a_linear_function_of_the_patient_coordinates(direction):
    grid = box_grid(np.array([-100.0, -100, -120]), np.array([100.0, 100, 120]), 6.0)
    scan = scan_of(direction)
    channels = torch.from_numpy(np.stack([linear(grid), -linear(grid)]))
    there = carry(channels, grid, scan).numpy()
    np.testing.assert_allclose(there, np.stack([scan.voxels, -scan.voxels]), atol=0.02)


@any_direction
def test_what_lies_beyond_the_scan_is_not_covered(direction):
    scan = scan_of(direction)
    grid = box_grid(np.full(3, -110.0), np.full(3, 110.0), 3.0)
    covered = sample(scan, grid).covered
    assert covered.sum() * grid.voxel_ml == pytest.approx(scan.voxels.size * scan.voxel_ml, rel=0.04)


def test_beyond_the_working_grid_there_is_nothing():
    grid = box_grid(np.full(3, -5.0), np.full(3, 5.0), 2.0)
    for direction in (np.eye(3), ROTATED):
        far = Image.from_spacing(np.zeros((2, 3, 4), np.float32), (1, 1, 1), (90, 90, 90), direction)
        assert not carry(torch.full((2, *grid.shape), 0.5), grid, far).any()


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1.0, 1.0])], ids=["RAS", "LPS"])
def test_carrying_along_the_axes_gives_what_carrying_anywhere_gives(direction):
    rng = np.random.default_rng(5)
    grid = box_grid(np.full(3, -20.0), np.array([20.0, 24, 17]), 1.75)
    channels = torch.from_numpy(rng.random((4, *grid.shape), np.float32))
    scan = scan_of(direction, (0.8, 0.7, 1.1))
    index_map = grid.ras_to_ijk @ scan.ijk_to_ras
    anywhere = _anywhere(channels, index_map, scan.size)
    torch.testing.assert_close(carry(channels, grid, scan), anywhere, atol=2e-5, rtol=0)
    slab = scan.cropped((9, 0, 0), (13, *scan.shape[1:]))
    torch.testing.assert_close(carry(channels, grid, slab), anywhere[:, 9:13], atol=2e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(3)), flips=st.tuples(*[st.booleans()] * 3))
def test_the_axis_order_of_a_file_does_not_change_a_sampled_value(order, flips):
    rng = np.random.default_rng(3)
    scan = Image.from_spacing(rng.normal(size=(21, 33, 40)).astype(np.float32), (0.8, 0.8, 1.4), (-16, -13, -15), ROTATED)
    matrix = scan.ijk_to_ras.copy()
    matrix[:, :3] = matrix[:, list(order)]
    voxels = np.moveaxis(scan.voxels, [-1 - axis for axis in order], [-1, -2, -3])
    for axis, flip in enumerate(flips):
        if flip:
            voxels = np.flip(voxels, -1 - axis)
            matrix[:, 3] += matrix[:, axis] * (voxels.shape[-1 - axis] - 1)
            matrix[:, axis] *= -1
    grid = box_grid(np.full(3, -9.0), np.full(3, 9.0), 5.0)
    one, other = sample(scan, grid), sample(Image(voxels, matrix), grid)
    np.testing.assert_allclose(other.image.voxels, one.image.voxels, atol=1e-5)
    np.testing.assert_array_equal(other.covered, one.covered)


def test_a_coarse_grid_shows_averages_and_not_single_voxels():
    rng = np.random.default_rng(0)
    noise = Image.from_spacing(rng.normal(size=(60, 60, 60)).astype(np.float32), (1, 1, 1), (-30, -30, -30))
    seen = sample(noise, box_grid(np.full(3, -20.0), np.full(3, 20.0), 5.0))
    assert seen.image.voxels.std() < 0.12


def test_a_box_grid_covers_its_box_and_no_more_than_a_voxel_beyond():
    low, high = np.array([-3.0, 10, 4]), np.array([8.5, 31, 5])
    outer = corners_ras(box_grid(low, high, 5.0))
    assert (outer.min(0) <= low).all()
    assert (outer.max(0) >= high).all()
    assert (outer.max(0) - outer.min(0) - (high - low) < 5).all()


def test_an_index_box_stays_inside_the_image_and_is_never_empty():
    image = Image.from_spacing(np.zeros((4, 5, 6)), (1, 1, 1))
    low, high = index_box(image, np.array([[100.0, 100, 100], [120, 120, 120]]), margin=2)
    assert low.tolist() == [3, 4, 5]
    assert high.tolist() == [4, 5, 6]
