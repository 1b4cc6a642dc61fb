"""The part of a structure that is certain enough, shown in place of the segmentation while somebody looks at it."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from .segmentation import labelmap_of

_SEGMENT = "certain"


class CertainPart:
    """A segmentation of its own, neither listed in selectors nor saved with the scene.

    Args:
        segmentation: the node that stands aside; nothing in it is changed but whether it is shown.
    """

    def __init__(self, segmentation: Any) -> None:
        self._segmentation, self.node = segmentation, None

    def show(self, mask: NDArray[np.bool_], matrix: NDArray[np.float64], color: tuple[int, int, int]) -> None:
        """Hide the segmentation and draw a mask where it was.

        Args:
            mask: what is certain, (K, J, I).
            matrix: index to the coordinates of the segmentation node.
            color: RGB, 0-255.
        """
        node = self._ensure_node()
        with slicer.util.NodeModify(node):
            node.GetSegmentation().RemoveAllSegments()
            segment = slicer.vtkSegment()
            segment.SetName(_SEGMENT)
            segment.SetColor(*(channel / 255 for channel in color))
            segment.AddRepresentation("Binary labelmap", labelmap_of(mask.astype(np.uint8), matrix))
            node.GetSegmentation().AddSegment(segment, _SEGMENT)
        self._segmentation.GetDisplayNode().SetVisibility(False)

    def hide(self) -> None:
        """Take the part away and show the segmentation again; nothing happens if no part is shown."""
        if self.node is None:
            return
        if self.node.GetScene():
            slicer.mrmlScene.RemoveNode(self.node)
        self.node = None
        if self._segmentation.GetScene() and self._segmentation.GetDisplayNode():
            self._segmentation.GetDisplayNode().SetVisibility(True)

    def _ensure_node(self) -> Any:
        if self.node is None or self.node.GetScene() is None:
            node = slicer.vtkMRMLSegmentationNode()
            node.SetName(f"{self._segmentation.GetName()} certain part")
            node.SetHideFromEditors(True)
            node.SetSaveWithScene(False)
            self.node = slicer.mrmlScene.AddNode(node)
            self.node.CreateDefaultDisplayNodes()
            self.node.GetDisplayNode().SetSaveWithScene(False)
        self.node.SetAndObserveTransformNodeID(self._segmentation.GetTransformNodeID())
        return self.node
