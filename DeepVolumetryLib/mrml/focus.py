"""Showing a place: all slice views jump to it, and all views zoom in on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import slicer

_AROUND = 3.0
"""A view shows so many times the width of a place: what is around it tells what it is."""
_LEAST_MM = 60.0


def jump_to(ras_mm: Sequence[float]) -> None:
    """Center every slice view of the scene on a point in world coordinates and put the crosshair there."""
    point = [float(coordinate) for coordinate in ras_mm]
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        view.JumpSliceByCentering(*point)
    for crosshair in slicer.util.getNodesByClass("vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(point)


def zoom_on(ras_mm: Sequence[float], size_mm: float) -> None:
    """Let every slice view and every 3D view show a place and what is around it.

    Args:
        ras_mm: its center in world coordinates.
        size_mm: its width.
    """
    shown = max(_LEAST_MM, _AROUND * size_mm)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        width, height, depth = view.GetFieldOfView()
        scale = shown / min(width, height) if min(width, height) > 0 else 0.0
        if scale > 0:
            view.SetFieldOfView(scale * width, scale * height, depth)
    for camera in slicer.util.getNodesByClass("vtkMRMLCameraNode"):
        _aim(camera, np.asarray(ras_mm, float), shown)


def size_mm(box_kji: Sequence[Sequence[int]], spacing_ijk: Sequence[float]) -> float:
    """Width of a box of voxels along its longest side."""
    low, high = box_kji
    return float(max((b - a) * step for a, b, step in zip(low, high, spacing_ijk[::-1], strict=True)))


def _aim(camera: object, point: np.ndarray, shown: float) -> None:
    """Look at the point from the side that the camera is on already."""
    away = np.subtract(camera.GetPosition(), camera.GetFocalPoint())
    length = float(np.linalg.norm(away))
    away = away / length if length > 0 else np.array([0.0, 1.0, 0.0])
    distance = shown / 2 / math.tan(math.radians(camera.GetViewAngle()) / 2)
    with slicer.util.NodeModify(camera):
        camera.SetFocalPoint(*point)
        camera.SetPosition(*(point + distance * away))
    camera.ResetClippingRange()
