"""Segments as numpy masks, quick enough to measure again after every stroke of the brush."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..image import Image
from .volumes import to_world


def segment_images(node: Any, segment_ids: Iterable[str] | None = None) -> dict[str, Image]:
    """Each segment as a bool Image in world coordinates, no larger than its label map in the scene.

    Empty segments are left out. Volume in mL is ``image.voxels.sum() * image.voxel_ml``.

    Raises:
        InputError: if a parent transform is not linear.
    """
    parent = to_world(node)
    images = {}
    for segment_id in segment_ids if segment_ids is not None else node.GetSegmentation().GetSegmentIDs():
        labels, matrix = _labels(node, segment_id)
        if labels is not None:
            value = node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
            images[segment_id] = Image(labels == value, parent @ matrix, name=segment_id)
    return images


def masks_on_grid(node: Any, image: Image, segment_ids: Iterable[str] | None = None) -> dict[str, NDArray[np.bool_]]:
    """Each segment as a bool mask (K, J, I) on the grid of an image; empty segments too.

    Where the segmentation is on that grid or a cut of it, as ``show_segmentation`` leaves it, voxels are copied; else resampled.
    """
    wanted = list(segment_ids if segment_ids is not None else node.GetSegmentation().GetSegmentIDs())
    found = segment_images(node, wanted)
    return {
        segment_id: found[segment_id].resampled(image, order=0).voxels if segment_id in found else np.zeros(image.shape, bool)
        for segment_id in wanted
    }


def volumes_ml(node: Any) -> dict[str, float]:
    """Volume of every segment in mL; segments that share a label map are counted in one pass."""
    scale = abs(np.linalg.det(to_world(node)[:3, :3]))
    segmentation = node.GetSegmentation()
    counted: dict[int, NDArray[np.int64]] = {}
    volumes = {}
    for segment_id in segmentation.GetSegmentIDs():
        labels, matrix = _labels(node, segment_id)
        if labels is None:
            volumes[segment_id] = 0.0
            continue
        address = labels.__array_interface__["data"][0]
        if address not in counted:
            counted[address] = np.bincount(labels.ravel(), minlength=256)
        value = segmentation.GetSegment(segment_id).GetLabelValue()
        count = counted[address][value] if value < len(counted[address]) else 0
        volumes[segment_id] = float(count * scale * abs(np.linalg.det(matrix[:3, :3])) / 1000)
    return volumes


def _labels(node: Any, segment_id: str) -> tuple[NDArray | None, NDArray[np.float64]]:
    """The label map that holds a segment, a view, and its matrix to the node's coordinates; None if it is empty."""
    labelmap = node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if labelmap is None or labelmap.IsEmpty() or labelmap.GetPointData().GetScalars() is None:
        return None, np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    local = slicer.util.arrayFromVTKMatrix(matrix)
    first = labelmap.GetExtent()[::2]
    local[:, 3] = local @ (*first, 1.0)
    labels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])
    return labels, local
