"""An input where a run moved it to: what lies below the result must lie where the result was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from numpy.typing import ArrayLike

from .volumes import local_matrix, to_world


def moved_copy(node: Any, motion: ArrayLike) -> Any:
    """A volume node with the voxels and the display of another one in another place, not saved with the scene.

    Args:
        node: volume node; it stays where it is, and its voxels are shared.
        motion: 4x4, world coordinates in mm.
    """
    copy = slicer.vtkMRMLScalarVolumeNode()
    copy.SetName(slicer.mrmlScene.GenerateUniqueName(f"{node.GetName()} aligned"))
    copy.SetHideFromEditors(True)
    copy.SetSaveWithScene(False)
    copy = slicer.mrmlScene.AddNode(copy)
    copy.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.asarray(motion, float) @ to_world(node) @ local_matrix(node)))
    copy.SetAndObserveImageData(node.GetImageData())
    copy.SetAndObserveDisplayNodeID(node.GetDisplayNodeID())
    return copy


def remove_copy(copy: Any, node: Any) -> None:
    """Take a moved copy away; views that show it show the volume itself again."""
    if copy.GetScene() is None:
        return
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if view.GetBackgroundVolumeID() == copy.GetID():
            view.SetBackgroundVolumeID(node.GetID() if node.GetScene() else None)
    slicer.mrmlScene.RemoveNode(copy)
