"""Showing a place: all slice views jump to it."""

from __future__ import annotations

from collections.abc import Sequence

import slicer


def jump_to(ras_mm: Sequence[float]) -> None:
    """Center every slice view of the scene on a point in world coordinates and put the crosshair there."""
    point = [float(coordinate) for coordinate in ras_mm]
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        view.JumpSliceByCentering(*point)
    for crosshair in slicer.util.getNodesByClass("vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(point)
