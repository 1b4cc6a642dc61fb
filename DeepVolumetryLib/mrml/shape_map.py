"""Where a shape lies among others, as a chart, a table and a picture in the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from .nodes import find_or_add_node, node_name
from .volumes import set_voxels

_INPUT, _MODULE, _ROLE = "DeepVolumetryInput", "DeepVolumetry.Module", "DeepVolumetry.Role"
_GAP = 4


@dataclass(frozen=True)
class Points:
    """One series of a chart.

    Attributes:
        name: in the legend.
        xy: (N, 2).
        volumes_ml: (N,), shown as label of the points.
        color: RGB, 0-255.
        size: of the markers.
        joined: whether a line joins the points.
    """

    name: str
    xy: NDArray[Any]
    volumes_ml: NDArray[Any]
    color: tuple[int, int, int]
    size: float = 7.0
    joined: bool = False


def show_map(input_node: Any, module: str, series: Sequence[Points], title: str) -> Any:
    """The chart node with its tables, made or updated; brought into the layout where there is one for charts."""
    chart = _ensure("vtkMRMLPlotChartNode", input_node, module, "map")
    chart.RemoveAllPlotSeriesNodeIDs()
    chart.SetTitle(title)
    chart.SetXAxisTitle("first axis")
    chart.SetYAxisTitle("second axis")
    for number, points in enumerate(series):
        plot = _ensure("vtkMRMLPlotSeriesNode", input_node, module, f"map {number}")
        plot.SetName(points.name)
        plot.SetAndObserveTableNodeID(_table(input_node, module, f"map {points.name}", points).GetID())
        plot.SetXColumnName("First axis")
        plot.SetYColumnName("Second axis")
        plot.SetLabelColumnName("Volume (mL)")
        plot.SetPlotType(plot.PlotTypeScatter)
        plot.SetMarkerStyle(plot.MarkerStyleCircle)
        plot.SetMarkerSize(points.size)
        plot.SetLineStyle(plot.LineStyleSolid if points.joined else plot.LineStyleNone)
        plot.SetColor(*(channel / 255 for channel in points.color))
        chart.AddAndObservePlotSeriesNodeID(plot.GetID())
    if hasattr(slicer.modules, "plots"):
        slicer.modules.plots.logic().ShowChartInLayout(chart)
    return chart


def show_decoded(input_node: Any, module: str, masks: Mapping[str, NDArray[Any]], pixel_mm: float) -> Any:
    """Decoded outlines as one picture, a row per view, a column per step along the axis; probability in percent.

    Args:
        masks: view -> probability, (steps, rows, columns).
        pixel_mm: of the outlines.
    """
    rows = [np.concatenate([np.pad(shape, _GAP // 2) for shape in shapes], axis=1) for shapes in masks.values()]
    picture = np.rint(100 * np.concatenate(rows, axis=0)).astype(np.uint8)
    node = find_or_add_node("vtkMRMLScalarVolumeNode", input_node, module, "decoded", "shapes along the first axis")
    set_voxels(node, picture[None], np.diag([-pixel_mm, -pixel_mm, 1.0, 1.0]))
    return node


def _table(input_node: Any, module: str, role: str, points: Points) -> Any:
    node = find_or_add_node("vtkMRMLTableNode", input_node, module, role, role)
    table = vtk.vtkTable()
    for title, values in (("First axis", points.xy[:, 0]), ("Second axis", points.xy[:, 1])):
        column = vtk.vtkDoubleArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(float(value))
        table.AddColumn(column)
    labels = vtk.vtkStringArray()
    labels.SetName("Volume (mL)")
    for value in points.volumes_ml:
        labels.InsertNextValue(f"{value:.0f}")
    table.AddColumn(labels)
    node.SetAndObserveTable(table)
    return node


def _ensure(class_name: str, input_node: Any, module: str, role: str) -> Any:
    """Charts are no storable nodes, among which `find_or_add_node` looks."""
    for node in slicer.util.getNodesByClass(class_name):
        same = node.GetAttribute(_MODULE) == module and node.GetAttribute(_ROLE) == role
        if same and node.GetNodeReferenceID(_INPUT) == input_node.GetID():
            return node
    name = slicer.mrmlScene.GenerateUniqueName(node_name(input_node, module, role))
    node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
    node.SetAttribute(_MODULE, module)
    node.SetAttribute(_ROLE, role)
    node.SetNodeReferenceID(_INPUT, input_node.GetID())
    return node
