"""Volume nodes and Images. A node's place in the world includes its parent transforms; so does the Image's."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..errors import InputError
from ..image import Image
from ..image_io.itk import patient_mark

_HOUNSFIELD = "[hnsf'U]"
_PATIENT_LEVEL = "Patient"


def image_from_node(node: Any, color: bool = False) -> Image:
    """What a volume node shows, where it shows it.

    Args:
        node: the volume node.
        color: whether RGB and RGBA are taken too.

    Returns:
        Image in world coordinates, parent transforms included; ``voxels`` is a view of the node's own, (K, J, I), in color (C, K, J, I).

    Raises:
        InputError: if nothing is chosen, the node holds no scalar volume, or a parent transform is not linear.
    """
    if node is None:
        raise InputError("No input volume is chosen. Choose one, or load the sample data.")
    name = node.GetName()
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f"{name} is not a scalar volume. Choose a CT or MR volume.")
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"{name} is a label map. Choose the image that it belongs to.")
    data = node.GetImageData()
    if data is None or data.GetPointData().GetScalars() is None or data.GetNumberOfPoints() == 0:
        raise InputError(f"{name} holds no voxels. Load it again, or choose another volume.")
    count = data.GetNumberOfScalarComponents()
    if not (color and count in (1, 3, 4)) and (node.IsA("vtkMRMLVectorVolumeNode") or count != 1):
        raise InputError(f"{name} has {count} values per voxel (color, vector or time). Choose a volume with one value per voxel.")
    voxels = vtk_to_numpy(data.GetPointData().GetScalars())
    if count == 1:
        voxels = voxels.reshape(data.GetDimensions()[::-1])
    else:
        voxels = np.moveaxis(voxels.reshape(*data.GetDimensions()[::-1], count), -1, 0)
    modality, uid, patient = _dicom(node)
    try:
        # No frame of reference: in the scene a transform may have brought images of several into one place.
        return Image(voxels, to_world(node) @ local_matrix(node), modality=modality, uid=uid, name=name, patient=patient)
    except ValueError as error:
        raise InputError(f"{name} has a voxel size of zero. Set the right spacing in the Volumes module.") from error


def node_from_image(image: Image, name: str = "", node: Any = None) -> Any:
    """A scalar volume node with the voxels and place of an Image; ``node`` is updated if given."""
    node = node or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name or image.name or "Volume")
    set_voxels(node, image.voxels, np.linalg.inv(to_world(node)) @ image.ijk_to_ras)
    return node


def set_voxels(node: Any, voxels: NDArray, matrix: NDArray) -> None:
    """Copy voxels (K, J, I) into a volume node whose own IJK to RAS matrix, without parents, is given."""
    with slicer.util.NodeModify(node):
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        slicer.util.updateVolumeFromArray(node, voxels.astype(np.uint8) if voxels.dtype == bool else voxels)
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()


def local_matrix(node: Any) -> NDArray[np.float64]:
    """IJK to RAS of a volume node without its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def to_world(node: Any) -> NDArray[np.float64]:
    """The chain of parent transforms of a node as one matrix.

    Raises:
        InputError: if one of them is not linear.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(
            f"{node.GetName()} is under a non-linear transform ({parent.GetName()}). "
            "Right-click it in the Data module, choose “Harden transform”, then try again."
        )
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _dicom(node: Any) -> tuple[str, str, str]:
    """Modality, series UID and a mark of the patient, as far as the subject hierarchy or the units tell."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
    modality = hierarchy.GetItemAttribute(item, "DICOM.Modality") if item else ""
    uid = hierarchy.GetItemUID(item, "DICOM") if item else ""
    patient = hierarchy.GetItemAncestorAtLevel(item, _PATIENT_LEVEL) if item else 0
    patient_id = hierarchy.GetItemUID(patient, "DICOM") if patient else ""
    units = node.GetVoxelValueUnits()
    if not modality and units and units.GetCodeValue() == _HOUNSFIELD:
        modality = "CT"
    return modality or "", uid or "", patient_mark(patient_id or "")
