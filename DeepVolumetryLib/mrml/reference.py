"""A reference in the scene, drawn by somebody else, brought onto the grid of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ..errors import InputError
from ..image import Image
from .masks import masks_on_grid
from .volumes import local_matrix, to_world


def named_masks(node: Any, image: Image, names: Mapping[str, tuple[str, ...]]) -> dict[str, NDArray[np.bool_]]:
    """Segments that are called like a structure, bool (K, J, I) on the grid of an image.

    Args:
        node: a segmentation node; any other kind of node has no names.
        image: the grid.
        names: structure -> what its segment may be called, by ID or by name, in any case of letters.
    """
    if not node.IsA("vtkMRMLSegmentationNode"):
        return {}
    segmentation, found = node.GetSegmentation(), {}
    for structure, accepted in names.items():
        wanted = {name.lower() for name in accepted}
        for segment_id in segmentation.GetSegmentIDs():
            if {segment_id.lower(), segmentation.GetSegment(segment_id).GetName().lower()} & wanted:
                found[structure] = segment_id
                break
    masks = masks_on_grid(node, image, found.values())
    return {structure: masks[segment_id] for structure, segment_id in found.items()}


def labels_on_grid(node: Any, image: Image) -> NDArray[np.int32]:
    """Label values of a label map or of the segments of a segmentation, (K, J, I) on the grid of an image; 0 outside of it.

    Raises:
        InputError: if the node is empty, or a parent transform is not linear.
    """
    if node.IsA("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        if not segmentation.GetNumberOfSegments():
            raise InputError(f"{node.GetName()} has no segments. Choose another reference.")
        labels = np.zeros(image.shape, np.int32)
        for segment_id, mask in masks_on_grid(node, image).items():
            labels[mask] = segmentation.GetSegment(segment_id).GetLabelValue()
        return labels
    if node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError(f"{node.GetName()} holds no voxels. Choose another reference.")
    voxels = slicer.util.arrayFromVolume(node)
    return Image(voxels, to_world(node) @ local_matrix(node)).resampled(image, order=0).voxels.astype(np.int32)
