"""How volumes changed over several studies, as a plot in the scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import slicer
import vtk

from ..measure.measurement import Measurement
from .nodes import find_or_add_node

ROLE = "history"


def show_history(
    studies: Sequence[tuple[str, Sequence[Measurement]]], input_node: Any, module: str, names: Mapping[str, str], colors: Mapping[str, Any]
) -> Any:
    """A chart of the volumes of every segment, with thin lines for the ends of the intervals, over the table that it draws.

    Args:
        studies: what a study is called and its measurements, the earliest first.
        input_node: the volume of the last study; table and chart lie beside it and are updated when this is called again.
        module: key of the module.
        names: segment key -> what it is called.
        colors: segment key -> RGB, 0-255; gray where none is given.

    Returns:
        vtkMRMLPlotChartNode.
    """
    volumes = [{m.segment: m for m in measurements if m.name == "Volume"} for _, measurements in studies]
    segments = [key for key in volumes[-1] if sum(key in study for study in volumes) > 1]
    table = find_or_add_node("vtkMRMLTableNode", input_node, module, f"{ROLE} table", "history table")
    _fill(table, [title for title, _ in studies], volumes, {key: names.get(key, key.replace("_", " ").capitalize()) for key in segments})
    chart = find_or_add_node("vtkMRMLPlotChartNode", input_node, module, ROLE, ROLE)
    for series in [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]:
        slicer.mrmlScene.RemoveNode(series)
    chart.RemoveAllPlotSeriesNodeIDs()
    for key in segments:
        name = names.get(key, key.replace("_", " ").capitalize())
        for column, width in ((name, 3), (f"{name}, low", 1), (f"{name}, high", 1)):
            series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", column)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetPlotType(series.PlotTypeScatter)
            series.SetXColumnName("Number")
            series.SetYColumnName(column)
            series.SetLabelColumnName("Study")
            series.SetLineWidth(width)
            series.SetLineStyle(series.LineStyleSolid if width > 1 else series.LineStyleDot)
            series.SetMarkerStyle(series.MarkerStyleCircle if width > 1 else series.MarkerStyleNone)
            series.SetColor(*(channel / 255 for channel in colors.get(key, (90, 90, 90))))
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetTitle("Volumes over the studies")
    chart.SetXAxisTitle("Study, the earliest first")
    chart.SetYAxisTitle("Volume, mL")
    return chart


def open_chart(chart: Any) -> None:
    """Show a chart in the plot view; in Slicer the layout is switched to one that has such a view."""
    plots = getattr(slicer.modules, "plots", None)  # not there without the window
    if plots is not None:
        plots.logic().ShowChartInLayout(chart)


def _fill(node: Any, titles: Sequence[str], volumes: Sequence[Mapping[str, Measurement]], names: Mapping[str, str]) -> None:
    table = vtk.vtkTable()
    described = []
    study, number = vtk.vtkStringArray(), vtk.vtkIntArray()
    study.SetName("Study")
    number.SetName("Number")
    for index, title in enumerate(titles):
        study.InsertNextValue(title)
        number.InsertNextValue(index + 1)
    table.AddColumn(study)
    table.AddColumn(number)
    described += [("Study", "", "What was measured"), ("Number", "1", "Order of the studies, the earliest is 1")]
    for key, name in names.items():
        for column, attribute, meaning in (
            (name, "value", "Volume"),
            (f"{name}, low", "low", "Lower end of its interval"),
            (f"{name}, high", "high", "Upper end of its interval"),
        ):
            values = vtk.vtkDoubleArray()
            values.SetName(column)
            for each in volumes:
                value = getattr(each[key], attribute) if key in each else None
                values.InsertNextValue(math.nan if value is None else float(value))
            table.AddColumn(values)
            described.append((column, "mL", f"{meaning}; empty where it is not known"))
    node.SetAndObserveTable(table)
    for column, unit, meaning in described:
        node.SetColumnUnitLabel(column, unit)
        node.SetColumnDescription(column, meaning)
