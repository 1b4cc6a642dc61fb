"""Any grid under any linear transform: the scene gives back the same voxels, the same place and the same volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import vtk  # noqa: E402

from DeepVolumetryLib.image import Image  # noqa: E402
from DeepVolumetryLib.mrml.masks import masks_on_grid, segment_images, volumes_ml  # noqa: E402
from DeepVolumetryLib.mrml.results import show_result  # noqa: E402
from DeepVolumetryLib.mrml.volumes import image_from_node, node_from_image  # noqa: E402

angles = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)
small = st.tuples(*[st.floats(-0.4, 0.4)] * 3)


def upper(values):
    return np.array([[1, values[0], values[1]], [0, 1, values[2]], [0, 0, 1]])


@st.composite
def any_grid(draw):
    """Oblique, permuted, left-handed and sheared."""
    directions = Rotation.from_euler("xyz", draw(angles)).as_matrix() @ np.diag(draw(st.tuples(*[st.sampled_from([-1, 1])] * 3)))
    directions = directions[:, draw(st.permutations([0, 1, 2]))] @ upper(draw(small))
    return directions, draw(st.tuples(*[st.floats(0.4, 6)] * 3)), draw(st.tuples(*[st.floats(-300, 300)] * 3))


@st.composite
def any_transform(draw):
    """Turned, shifted, and scaled or sheared a little, as a registration gives it."""
    matrix = np.eye(4)
    matrix[:3, :3] = (
        Rotation.from_euler("xyz", draw(angles)).as_matrix() @ upper(draw(small)) @ np.diag(draw(st.tuples(*[st.floats(0.7, 1.4)] * 3)))
    )
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-200, 200)] * 3))
    return matrix


def a_transform_node(matrix):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=any_grid(), first=any_transform(), second=any_transform())
def test_a_result_stays_on_the_patient(a_scene, a_kidney_phantom, a_result, grid, first, second):
    a_scene.Clear(0)
    directions, spacing, origin = grid
    volume = node_from_image(Image.from_spacing(a_kidney_phantom.voxels, spacing, origin, directions, name="CT"))
    inner, outer = a_transform_node(first), a_transform_node(second)
    inner.SetAndObserveTransformNodeID(outer.GetID())
    volume.SetAndObserveTransformNodeID(inner.GetID())

    image = image_from_node(volume)
    node = show_result(replace(a_result, image=image), volume).segmentation
    for key, mask in masks_on_grid(node, image).items():
        np.testing.assert_array_equal(mask, a_result.segments[key])

    voxel_ml = np.prod(spacing) / 1000 * np.linalg.det(first[:3, :3]) * np.linalg.det(second[:3, :3])
    assert volumes_ml(node)["left_kidney"] == pytest.approx(a_result.segments["left_kidney"].sum() * voxel_ml, rel=1e-3)

    found = segment_images(node, ["left_kidney"])["left_kidney"]
    k, j, i = np.argwhere(found.voxels)[0]
    k0, j0, i0 = np.argwhere(a_result.segments["left_kidney"])[0]
    here, there = found.ijk_to_ras @ (i, j, k, 1), image.ijk_to_ras @ (i0, j0, k0, 1)
    np.testing.assert_allclose(here, there, atol=1e-3)
    np.testing.assert_allclose(there[:3], world_position(volume, (i0, j0, k0)), atol=1e-6)


def world_position(volume, ijk):
    """Where VTK says that a voxel lies."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    local = matrix.MultiplyPoint((*map(float, ijk), 1.0))[:3]
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(volume.GetParentTransformNode(), None, to_world)
    return to_world.TransformPoint(local)


def test_a_segmentation_on_another_grid_is_resampled(a_scene, a_kidney_phantom, a_result, a_volume_node):
    node = show_result(a_result, a_volume_node).segmentation
    finer = Image.from_spacing(
        np.zeros([2 * n for n in a_kidney_phantom.shape]),
        np.array(a_kidney_phantom.spacing) / 2,
        (a_kidney_phantom.ijk_to_ras @ (-0.25, -0.25, -0.25, 1))[:3],
        a_kidney_phantom.ijk_to_ras[:3, :3] / a_kidney_phantom.spacing,
    )
    fine = masks_on_grid(node, finer, ["left_kidney"])["left_kidney"]
    np.testing.assert_array_equal(fine, a_result.segments["left_kidney"].repeat(2, 0).repeat(2, 1).repeat(2, 2))
