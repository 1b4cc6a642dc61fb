"""Volumes of the scene as images: what is read from them, and what is said about those that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image_io.check import check_usable

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib.mrml.volumes import image_from_node  # noqa: E402


def test_an_image_survives_the_scene(a_volume_node, a_kidney_phantom):
    image = image_from_node(a_volume_node)
    assert image.same_grid(a_kidney_phantom)
    np.testing.assert_array_equal(image.voxels, a_kidney_phantom.voxels)
    check_usable(image, ("CT", "MR"))


def test_patients_are_told_apart_without_their_names(a_volume_node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    marks = set()
    for number, patient_id in enumerate(("Doe^Jane", "Doe^John", "")):
        patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), f"patient {number}")
        hierarchy.SetItemUID(patient, "DICOM", patient_id)
        hierarchy.SetItemParent(hierarchy.CreateItem(patient, a_volume_node), patient)
        mark = image_from_node(a_volume_node).patient
        assert "Doe" not in mark
        marks.add(mark)
    assert len(marks) == 3 and "" in marks


def test_modality_and_series_are_read_from_the_subject_hierarchy(a_volume_node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), a_volume_node)
    hierarchy.SetItemAttribute(item, "DICOM.Modality", "US")
    hierarchy.SetItemUID(item, "DICOM", "1.2.3")
    image = image_from_node(a_volume_node)
    assert (image.modality, image.uid) == ("US", "1.2.3")
    with pytest.raises(InputError, match="Phantom is ultrasound"):
        check_usable(image, ("CT", "MR"))


def test_no_input_asks_for_one(a_scene):
    with pytest.raises(InputError, match="No input volume is chosen"):
        image_from_node(None)


def test_a_non_linear_parent_asks_to_harden_it(a_volume_node):
    bspline = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Warp")
    import vtk

    grid = vtk.vtkImageData()
    grid.SetDimensions(3, 3, 3)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    grid.GetPointData().GetScalars().Fill(1.0)
    warp = slicer.vtkOrientedGridTransform()
    warp.SetDisplacementGridData(grid)
    bspline.SetAndObserveTransformToParent(warp)
    a_volume_node.SetAndObserveTransformNodeID(bspline.GetID())
    with pytest.raises(InputError, match=r"non-linear transform \(Warp\).*Harden"):
        image_from_node(a_volume_node)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("vtkMRMLModelNode", "is not a scalar volume"),
        ("vtkMRMLLabelMapVolumeNode", "is a label map"),
        ("vtkMRMLScalarVolumeNode", "holds no voxels"),
    ],
)
def test_a_node_of_another_kind_is_named(a_scene, kind, sentence):
    with pytest.raises(InputError, match=f"Thing {sentence}"):
        image_from_node(a_scene.AddNewNodeByClass(kind, "Thing"))


def test_a_color_volume_is_refused(a_scene):
    node = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5, 3), np.uint8), np.eye(4), "Photo", "vtkMRMLVectorVolumeNode")
    with pytest.raises(InputError, match="Photo has 3 values per voxel"):
        image_from_node(node)
