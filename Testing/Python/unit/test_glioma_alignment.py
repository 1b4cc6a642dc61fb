"""Sequences on different grids come onto one; images that do not belong together are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from GliomaUncertaintyLib.alignment import aligned
from GliomaUncertaintyLib.rigid import register

# Center (RAS mm), radii (mm), signal of each part on T1ce and on FLAIR; later ones lie over earlier ones.
HEAD = [
    ((0, 0, 0), (75, 95, 88), 0.8, 0.5),
    ((0, 0, 2), (70, 88, 82), 0.1, 0.05),
    ((0, 0, 5), (64, 80, 72), 0.5, 0.6),
    ((0, 5, 8), (48, 62, 50), 0.65, 0.45),
    ((-12, 10, 10), (8, 28, 10), 0.15, 0.1),
    ((12, 8, 10), (7, 26, 9), 0.15, 0.1),
    ((30, -25, 20), (18, 14, 16), 0.4, 0.95),
    ((30, -25, 20), (9, 8, 8), 1.0, 0.7),
    ((-28, -48, -28), (22, 18, 14), 0.7, 0.55),
    ((-40, 40, -5), (9, 9, 14), 0.35, 0.75),
]


def head(grid: Image, contrast: int = 0, motion=None) -> Image:
    """A head that was moved by `motion` (4x4, RAS), seen on a grid, with soft edges so that fractions of a voxel count."""
    k, j, i = np.indices(grid.shape)
    points = np.stack([i, j, k, np.ones_like(i)], -1) @ (np.linalg.inv(np.eye(4) if motion is None else motion) @ grid.ijk_to_ras).T
    voxels = np.zeros(grid.shape)
    for center, radii, *signal in HEAD:
        distance = (np.linalg.norm((points[..., :3] - center) / radii, axis=-1) - 1) * min(radii)
        share = np.clip(0.5 - distance / 3, 0, 1)
        voxels += share * (signal[contrast] - voxels)
    noise = np.random.default_rng(contrast).normal(0, 0.01, grid.shape)
    return Image(((voxels + np.abs(noise)) * 1000).astype(np.float32), grid.ijk_to_ras, modality="MR")


def grid(spacing=(2.5, 2.5, 2.5), size=(72, 88, 80)) -> Image:
    origin = -(np.array(size) - 1) / 2 * spacing
    return Image.from_spacing(np.broadcast_to(np.float32(0), size[::-1]), spacing, origin)


def rotation(axis, degrees) -> np.ndarray:
    axis = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


def shift(*mm) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return matrix


@pytest.fixture(scope="module")
def t1ce() -> Image:
    return head(grid())


@pytest.mark.parametrize(
    "motion",
    [shift(6, -4, 5), rotation((1, 0, 0), 7), shift(3, 3, -6) @ rotation((1, 2, 3), -8)],
    ids=["shifted", "turned", "both"],
)
@pytest.mark.parametrize("contrast", [0, 1], ids=["same contrast", "another contrast"])
def test_a_known_motion_is_found(t1ce, motion, contrast):
    moved = head(grid((2.2, 2.2, 4.0), (82, 100, 52)), contrast, motion)
    found = register(t1ce, moved)
    rest = found.matrix @ motion  # what is left of the motion once it is undone
    places = np.array([(x, y, z, 1) for x in (-50, 50) for y in (-60, 60) for z in (-50, 50)], float)
    assert np.linalg.norm(rest[:3, 3]) < 0.5
    assert np.degrees(np.arccos(np.clip((np.trace(rest[:3, :3]) - 1) / 2, -1, 1))) < 0.5
    assert np.linalg.norm((places @ rest.T - places)[:, :3], axis=1).max() < 0.8
    assert found.moved


def test_a_far_motion_is_found_from_the_middles_of_the_bodies(t1ce):
    motion = shift(0, 25, 60)
    moved = head(replace(grid(), ijk_to_ras=motion @ grid().ijk_to_ras), 1, motion @ rotation((0, 0, 1), 4))
    found = register(t1ce, moved)
    assert found.distance_mm == pytest.approx(65, abs=0.8)
    assert found.degrees == pytest.approx(4, abs=0.5)


def test_images_that_fit_already_hardly_move(t1ce):
    found = register(t1ce, head(grid((2.2, 2.2, 5.0), (82, 100, 42)), 1))
    assert found.distance_mm < 0.3
    assert found.degrees < 0.3


def test_the_same_images_give_the_same_motion(t1ce):
    moved = head(grid((2.2, 2.2, 4.0), (82, 100, 52)), 1, shift(2, 1, 0))
    np.testing.assert_array_equal(register(t1ce, moved).matrix, register(t1ce, moved).matrix)


def test_one_grid_is_left_untouched(t1ce):
    flair = head(grid(), 1)
    result = aligned({"flair": flair, "t1ce": t1ce})
    assert result.reference == "t1ce"
    assert list(result.images) == ["t1ce", "flair"]
    assert result.images["flair"].voxels is flair.voxels
    assert result.images["t1ce"] is t1ce
    assert (result.warnings, result.motions) == ([], {})


def test_flair_is_the_reference_where_there_is_no_t1ce(t1ce):
    assert aligned({"t1": head(grid(), 0, shift(0, 0, 0.1)), "flair": head(grid(), 1)}).reference == "flair"


def test_another_grid_is_registered_and_told(t1ce):
    motion = shift(4, 0, 3)
    flair = head(grid((2.2, 2.2, 4.0), (82, 100, 52)), 1, motion)
    result = aligned({"t1ce": t1ce, "flair": flair})
    assert result.images["flair"].same_grid(t1ce)
    wanted, inside = head(grid(), 1).voxels, (slice(10, -10),) * 3
    assert np.corrcoef(result.images["flair"].voxels[inside].ravel(), wanted[inside].ravel())[0, 1] > 0.98
    (warning,) = result.warnings
    assert warning.startswith("FLAIR (2.2×2.2×4 mm) was put on the grid of T1ce (2.5×2.5×2.5 mm) and moved by 5.0 mm and 0.")


def test_left_handed_and_sheared_grids_are_aligned(t1ce):
    matrix = grid().ijk_to_ras.copy()
    matrix[:, 0] *= -1
    matrix[0, 3] *= -1
    matrix[0, 2] += 0.3  # a tilted gantry
    sheared = head(Image(np.zeros(grid().shape, np.float32), matrix), 1)
    result = aligned({"t1ce": t1ce, "flair": sheared})
    wanted, inside = head(grid(), 1).voxels, (slice(10, -10),) * 3
    assert np.corrcoef(result.images["flair"].voxels[inside].ravel(), wanted[inside].ravel())[0, 1] > 0.99


def refusal(images) -> str:
    with pytest.raises(InputError) as caught:
        aligned(images)
    return str(caught.value)


def test_without_t1ce_and_flair_there_is_nothing_to_align_to(t1ce):
    assert refusal({"t1": t1ce}) == "Neither T1ce nor FLAIR is given. Choose at least one of them."


def test_the_same_image_for_two_sequences_is_refused(t1ce):
    copy = replace(t1ce, voxels=t1ce.voxels.copy())
    assert refusal({"t1": copy, "t1ce": t1ce}).startswith("T1 and T1ce are the same image.")


def test_heads_that_do_not_overlap_are_refused(t1ce):
    away = replace(head(grid(), 1), ijk_to_ras=shift(0, 0, 300) @ grid().ijk_to_ras)
    assert refusal({"t1ce": t1ce, "flair": away}).startswith("FLAIR does not lie where T1ce lies: they share 0 % of the head.")


def test_a_head_of_quite_another_size_is_refused(t1ce):
    small = grid((0.6, 0.6, 0.6))
    flair = replace(head(grid(), 1), ijk_to_ras=small.ijk_to_ras)
    assert "cannot be one head" in refusal({"t1ce": t1ce, "flair": flair})


@pytest.mark.parametrize("attribute", ["patient", "frame_uid"])
def test_other_patients_and_frames_of_reference_are_refused(t1ce, attribute):
    flair = replace(head(grid(), 1), **{attribute: "b"})
    sentence = refusal({"t1ce": replace(t1ce, **{attribute: "a"}), "flair": flair})
    assert ("another patient" if attribute == "patient" else "another frame of reference") in sentence
    assert aligned({"t1ce": t1ce, "flair": flair}).reference == "t1ce", "what is not known is no contradiction"
