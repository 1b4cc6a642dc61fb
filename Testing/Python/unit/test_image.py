"""Where voxels lie: the same patient gives the same answer whatever grid holds it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.image import LPS_FROM_RAS, Image

few = settings(max_examples=40, deadline=None)

spacings = st.tuples(*[st.floats(0.4, 6.0)] * 3)
origins = st.tuples(*[st.floats(-300, 300)] * 3)
# ITK's singular value decomposition gives up on angles like 1e-313.
rotations = st.tuples(*[st.floats(-np.pi, np.pi)] * 3).map(lambda angles: Rotation.from_euler("xyz", np.round(angles, 9)).as_matrix())
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3).map(np.diag)
permutations = st.permutations([0, 1, 2]).map(lambda order: np.eye(3)[:, order])
shears = st.tuples(*[st.floats(-0.4, 0.4)] * 3).map(lambda s: np.array([[1, s[0], s[1]], [0, 1, s[2]], [0, 0, 1]]))


@st.composite
def orthonormal_directions(draw):
    """Oblique, permuted and left-handed."""
    return draw(rotations) @ draw(flips) @ draw(permutations)


@st.composite
def any_directions(draw):
    """The same, and sheared."""
    return draw(orthonormal_directions()) @ draw(shears)


def a_ball(directions, spacing, center, radius_mm=12.0):
    """Distance to a sphere on a grid that holds it whole, with its center at ``center``."""
    steps = np.asarray(directions) * np.asarray(spacing)
    half = np.ceil(np.linalg.norm(np.linalg.inv(steps), axis=1) * (radius_mm + 6)).astype(int)
    size = 2 * half + 1
    origin = np.asarray(center) - steps @ half
    k, j, i = np.mgrid[tuple(slice(0, n) for n in size[::-1])]
    places = np.stack([i, j, k], axis=-1) @ steps.T + origin
    distance = radius_mm - np.linalg.norm(places - center, axis=-1)
    return Image.from_spacing(distance.astype(np.float32), spacing, origin, directions, modality="CT", uid="1.2.3", name="ball")


def a_ramp(image, slope=(0.3, -0.2, 0.5), offset=7.0):
    """A field that is linear in world coordinates, so that linear interpolation must give it back."""
    k, j, i = np.mgrid[tuple(slice(0, n) for n in image.shape)]
    places = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ image.ijk_to_ras.T
    return image.with_voxels((places[..., :3] @ np.array(slope) + offset).astype(np.float32))


def as_sitk(image):
    """The image as SimpleITK holds it; orthonormal directions only."""
    matrix = LPS_FROM_RAS @ image.ijk_to_ras
    out = sitk.GetImageFromArray(np.asarray(image.voxels))
    out.SetSpacing(image.spacing)
    out.SetOrigin(matrix[:3, 3].tolist())
    out.SetDirection((matrix[:3, :3] / image.spacing).ravel().tolist())
    return out


@few
@given(orthonormal_directions(), spacings, origins)
def test_voxels_lie_where_simpleitk_says(directions, spacing, origin):
    image = Image.from_spacing(np.zeros((4, 5, 6), np.int16), spacing, origin, directions)
    for index in ((0, 0, 0), (5, 4, 3), (2, 0, 1)):
        lps = as_sitk(image).TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((LPS_FROM_RAS @ image.ijk_to_ras @ (*index, 1))[:3], lps, atol=1e-6)


@few
@given(any_directions(), spacings)
def test_voxel_volume_is_the_determinant_for_sheared_grids_too(directions, spacing):
    image = Image.from_spacing(np.zeros((2, 2, 2)), spacing, direction_ras=directions)
    assert image.voxel_ml == pytest.approx(np.prod(spacing) / 1000, rel=1e-9)  # shears and rotations keep volume


@few
@given(any_directions(), st.tuples(*[st.floats(0.5, 1.5)] * 3), origins)
def test_a_ball_has_the_same_volume_on_every_fine_grid(directions, spacing, center):
    ball = a_ball(directions, spacing, center)
    fine = a_ball(np.eye(3), (0.5, 0.5, 0.5), center)
    moved = ball.with_voxels(ball.voxels).resampled(fine)
    volume = (moved.voxels > 0).sum() * moved.voxel_ml
    assert volume == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.02)
    np.testing.assert_allclose(np.argwhere(moved.voxels > 0).mean(axis=0), [(n - 1) / 2 for n in fine.shape], atol=0.5)


@few
@given(orthonormal_directions(), spacings, origins, orthonormal_directions(), spacings)
def test_resampling_agrees_with_simpleitk(directions, spacing, center, other_directions, other_spacing):
    ball = a_ball(directions, spacing, center)
    like = a_ball(other_directions, other_spacing, center)
    ours = ball.resampled(like, fill=-50)
    theirs = sitk.GetArrayFromImage(sitk.Resample(as_sitk(ball), as_sitk(like), sitk.Transform(), sitk.sitkLinear, -50.0))
    inside = (theirs > -49) & (ours.voxels > -49)
    assert (inside == (theirs > -49)).mean() > 0.98  # a voxel exactly on the rim may fall on either side
    np.testing.assert_allclose(ours.voxels[inside], theirs[inside], atol=1e-2)
    volume = (theirs > 0).sum()
    assert (ours.voxels > 0).sum() == pytest.approx(volume, rel=1e-3, abs=1)


@few
@given(any_directions(), spacings, origins, any_directions())
def test_a_linear_field_survives_any_change_of_grid(directions, spacing, center, other_directions):
    field = a_ramp(a_ball(directions, spacing, center, radius_mm=18))
    like = a_ball(other_directions, (2, 2, 2), center, radius_mm=1)
    moved = field.resampled(like, fill=np.nan).voxels
    truth = a_ramp(like).voxels
    inside = np.isfinite(moved)
    assume(inside.mean() > 0.5)
    size = np.array(field.size)
    k, j, i = np.mgrid[tuple(slice(0, n) for n in like.shape)]
    index = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ (field.ras_to_ijk @ like.ijk_to_ras).T
    interior = inside & (index[..., :3] > 0).all(-1) & (index[..., :3] < size - 1).all(-1)
    np.testing.assert_allclose(moved[interior], truth[interior], atol=2e-2)


@few
@given(any_directions(), spacings, origins, rotations, origins)
def test_a_parent_transform_moves_the_patient_and_keeps_the_volume(directions, spacing, center, turn, shift):
    ball = a_ball(directions, spacing, center)
    parent = np.eye(4)
    parent[:3, :3], parent[:3, 3] = turn, shift
    world = Image(ball.voxels, parent @ ball.ijk_to_ras)
    like = Image(np.zeros((9, 9, 9)), parent @ Image.from_spacing(np.zeros((9, 9, 9)), (3, 3, 3), np.asarray(center) - 12).ijk_to_ras)
    straight = Image(np.zeros((9, 9, 9)), np.linalg.inv(parent) @ like.ijk_to_ras)
    np.testing.assert_allclose(world.resampled(like).voxels, ball.resampled(straight).voxels, atol=2e-3)
    assert world.voxel_ml == pytest.approx(ball.voxel_ml, rel=1e-9)


@few
@given(any_directions(), spacings, origins, st.integers(0, 2**32 - 1))
def test_canonical_goes_back_to_the_input_voxel_for_voxel(directions, spacing, origin, seed):
    voxels = np.random.default_rng(seed).integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    image = Image.from_spacing(voxels, spacing, origin, directions)
    canonical = image.canonical()
    assert (np.diag(canonical.ijk_to_ras)[:3] > -1e-9).all()
    back = canonical.resampled(image, order=0)
    np.testing.assert_array_equal(back.voxels, voxels)
    assert back.same_grid(image)
    np.testing.assert_array_equal(canonical.resampled(image).voxels, voxels)  # copied, not interpolated


@few
@given(rotations, spacings, origins, st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_every_axis_order_of_a_file_gives_the_same_canonical_voxels(directions, spacing, origin, order, flipped):
    image = Image.from_spacing(np.arange(60).reshape(3, 4, 5), spacing, origin, directions)
    voxels, matrix = image.voxels.transpose([2 - axis for axis in order][::-1]), image.ijk_to_ras[:, [*order, 3]].copy()
    for axis in np.flatnonzero(flipped):
        voxels = np.flip(voxels, -1 - axis)
        matrix[:, 3] += matrix[:, axis] * (voxels.shape[-1 - axis] - 1)
        matrix[:, axis] *= -1
    reordered = Image(voxels, matrix)
    np.testing.assert_array_equal(reordered.canonical().voxels, image.canonical().voxels)
    assert reordered.canonical().same_grid(image.canonical())


@pytest.mark.parametrize("fill", [None, -5.0])
def test_a_cropped_result_goes_back_into_the_whole_image(fill):
    image = Image.from_spacing(np.arange(6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8), (1, 2, 3), (4, 5, 6))
    part = image.cropped((1, 2, 3), (4, 6, 7))
    back = part.resampled(image, fill=fill)
    np.testing.assert_array_equal(back.voxels[1:4, 2:6, 3:7], part.voxels)
    assert back.voxels[0, 0, 0] == (part.voxels.min() if fill is None else fill)


def test_images_that_do_not_meet_give_only_the_fill_value():
    image = Image.from_spacing(np.ones((3, 3, 3), np.uint8), (1, 1, 1))
    far = Image.from_spacing(np.zeros((2, 2, 2)), (1, 1, 1), (100, 0, 0))
    near = Image.from_spacing(np.zeros((2, 2, 2)), (1, 1, 1), (100.3, 0.2, 0))
    assert (image.resampled(far, order=0).voxels == 0).all()
    assert (image.resampled(near, fill=-7).voxels == -7).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_labels_keep_their_type_and_values(dtype):
    labels = Image.from_spacing((np.indices((6, 6, 6)).sum(axis=0) % 2).astype(dtype), (2, 2, 2))
    moved = labels.resampled(Image.from_spacing(np.zeros((12, 12, 12)), (1, 1, 1), (-0.5, -0.5, -0.5)), order=0)
    assert moved.voxels.dtype == dtype
    np.testing.assert_array_equal(moved.voxels, labels.voxels.repeat(2, 0).repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("dtype", [np.int16, np.float16, np.float32, np.uint8])
@pytest.mark.parametrize("order", [1, 3])
def test_interpolated_voxels_are_float32(dtype, order):
    image = Image.from_spacing(np.full((5, 5, 5), 3, dtype), (1, 1, 1))
    moved = image.resampled(Image.from_spacing(np.zeros((4, 4, 4)), (1.1, 1, 1), (0.1, 0, 0)), order=order)
    assert moved.voxels.dtype == np.float32
    np.testing.assert_allclose(moved.voxels, 3, atol=1e-5)


def test_every_channel_moves_the_same_way():
    image = Image.from_spacing(np.stack([np.indices((5, 5, 5))[2], np.indices((5, 5, 5))[0]]).astype(np.float32), (1, 1, 1))
    moved = image.resampled(Image.from_spacing(np.zeros((4, 4, 4)), (1, 1, 1), (0.5, 0, 0.25)))
    np.testing.assert_allclose(moved.voxels[0, 0, 0], [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(moved.voxels[1, :, 0, 0], [0.25, 1.25, 2.25, 3.25])


@pytest.mark.parametrize("shape", [(12, 12, 12), (11, 13, 10)])
def test_antialias_keeps_the_mean_of_what_does_not_fit_the_coarse_grid(shape):
    stripes = (np.indices(shape)[2] % 2 * 100).astype(np.int16)
    image = Image.from_spacing(stripes, (1, 1, 1))
    coarse = Image.from_spacing(np.zeros((5, 5, 4)), (2, 2, 2), (0.5, 0.5, 0.5))
    np.testing.assert_allclose(image.resampled(coarse, antialias=True).voxels, 50, atol=1e-4)


@few
@given(any_directions())
def test_antialias_does_not_shift_a_field(directions):
    fine = a_ramp(a_ball(directions, (0.7, 0.7, 1.0), (10, 20, 30), radius_mm=10))
    coarse = Image.from_spacing(np.zeros((3, 3, 3)), (2.5, 2.5, 2.5), (7.5, 17.5, 27.5))
    np.testing.assert_allclose(fine.resampled(coarse, antialias=True).voxels, a_ramp(coarse).voxels, atol=2e-2)


def test_labels_are_never_averaged():
    image = Image.from_spacing(np.zeros((3, 3, 3)), (1, 1, 1))
    with pytest.raises(ValueError, match="not offered"):
        image.resampled(image, order=0, antialias=True)


@pytest.mark.parametrize(
    ("voxels", "matrix", "sentence"),
    [
        (np.zeros((2, 2)), np.eye(4), "3 or 4 axes"),
        (np.zeros((2, 2, 2)), np.eye(3), "4x4"),
        (np.zeros((2, 2, 2)), np.diag([1, 1, 0, 1]), "inverted"),
        (np.zeros((2, 2, 2)), np.diag([1, 1, np.nan, 1]), "inverted"),
    ],
)
def test_a_grid_that_is_none_is_refused(voxels, matrix, sentence):
    with pytest.raises(ValueError, match=sentence):
        Image(voxels, matrix)
