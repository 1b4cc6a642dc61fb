"""Maps as volumes over the image: uncertainty from 0 to 100 with its own colors, window and legend; probability in percent.

In the scene they are whole numbers (docs/decisions/0008-maps-in-the-scene.md); what is measured and exported is the result's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ..image_io.color_table import UNCERTAINTY
from ..result import Result
from .nodes import find_or_add_node
from .volumes import local_matrix, set_voxels

ROLE = "uncertainty"
PROBABILITY = "probability"
MAP = "map"
_COLORS_NAME = "DeepVolumetry Uncertainty"
_VISIBLE_FROM = 10.0
_OPACITY = 0.6
_LEGEND_SIZE, _LEGEND_POSITION = (0.07, 0.4), (0.97, 0.5)  # of the view; 0 is left and bottom, 1 is right and top


def show_uncertainty(result: Result, input_node: Any) -> dict[str, Any]:
    """One scalar volume per target, made or updated; nothing is brought to the foreground yet."""
    module = result.provenance.module
    nodes = {}
    for target, values in result.uncertainty.items():
        node = find_or_add_node("vtkMRMLScalarVolumeNode", input_node, module, f"{ROLE} {target}", f"{target} uncertainty")
        if node.GetDisplayNode() is None:
            _create_display(node)
        set_voxels(node, _whole_numbers(values), local_matrix(input_node))
        nodes[target] = node
    return nodes


def show_probability(result: Result, input_node: Any) -> dict[str, Any]:
    """One volume in percent per target, made or updated; for the user to look at, none is brought to the foreground."""
    module = result.provenance.module
    nodes = {}
    for target, values in result.probability.items():
        node = find_or_add_node("vtkMRMLScalarVolumeNode", input_node, module, f"{PROBABILITY} {target}", f"{target} probability")
        if node.GetDisplayNode() is None:
            node.SetAndObserveDisplayNodeID(_windowed_display().GetID())
        set_voxels(node, _whole_numbers(values, 100), local_matrix(input_node))
        nodes[target] = node
    return nodes


def show_maps(result: Result, input_node: Any) -> dict[str, Any]:
    """One volume for each of the result's further maps, in its own numbers, made or updated; none is brought to the foreground."""
    module = result.provenance.module
    nodes = {}
    for title, values in result.maps.items():
        name = map_name(title)
        node = find_or_add_node("vtkMRMLScalarVolumeNode", input_node, module, f"{MAP} {name}", name)
        fresh = node.GetDisplayNode() is None
        if fresh:
            node.SetAndObserveDisplayNodeID(_windowed_display().GetID())
        set_voxels(node, values, local_matrix(input_node))
        if fresh:
            low, high = float(values.min()), float(values.max())
            node.GetDisplayNode().SetWindowLevelMinMax(max(low, 0.0), max(high, 1.0))
        nodes[name] = node
    return nodes


def map_name(title: str) -> str:
    """Name of a map without its unit."""
    return title.split(" [")[0]


def show_as_foreground(node: Any, background: Any, opacity: float = _OPACITY) -> None:
    """Lay an uncertainty volume over its image in all slice views; None takes it away."""
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        view.SetBackgroundVolumeID(background.GetID())
        view.SetForegroundVolumeID(node.GetID() if node else None)
        view.SetForegroundOpacity(opacity)


def set_visible_from(node: Any, threshold: float) -> None:
    """Hide voxels that are less uncertain than the threshold (0-100)."""
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetThreshold(threshold, 100)
        display.SetApplyThreshold(True)


def _create_display(node: Any) -> None:
    """Display and legend. Made before there are voxels: a default display would first search them for a window."""
    display = _windowed_display()
    display.SetAutoThreshold(False)
    display.SetInterpolate(False)
    display.SetAndObserveColorNodeID(color_table(_COLORS_NAME, UNCERTAINTY).GetID())
    node.SetAndObserveDisplayNodeID(display.GetID())
    set_visible_from(node, _VISIBLE_FROM)
    add_legend(node, "Uncertainty")


def add_legend(node: Any, title: str) -> None:
    """A color legend at the right of the slice views that show a volume; the one that it has is kept."""
    colors = slicer.modules.colors.logic()
    if colors.GetColorLegendDisplayNode(node) is not None:
        return
    legend = colors.AddDefaultColorLegendDisplayNode(node)
    legend.SetTitleText(title)
    legend.SetLabelFormat("%.0f")
    legend.SetMaxNumberOfColors(256)
    legend.SetNumberOfLabels(5)
    legend.SetSize(*_LEGEND_SIZE)  # its letters grow with it; Slicer's own size covers a third of a small view
    legend.SetPosition(*_LEGEND_POSITION)
    legend.GetLabelTextProperty().SetFontFamilyToArial()


def _windowed_display() -> Any:
    display = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0, 100)
    return display


def _whole_numbers(values: NDArray[Any], scale: float = 1) -> NDArray[np.uint8]:
    """Rounded to 0-100; slab by slab stays in the cache."""
    rounded = np.empty(values.shape, np.uint8)
    for slab, given in zip(rounded, values, strict=True):
        slab[...] = np.rint(given * scale)
    return rounded


def color_table(name: str, path: Path) -> Any:
    """A color table of the scene by its name; read from its file once, then saved with the scene."""
    node = slicer.util.getFirstNodeByClassByName("vtkMRMLColorTableNode", name)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", name)
        reader = slicer.vtkMRMLColorTableStorageNode()
        reader.SetFileName(str(path))
        reader.ReadData(node)
        node.SetName(name)
        node.SetAttribute("Category", "DeepVolumetry")
    return node
