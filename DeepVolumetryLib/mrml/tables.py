"""Measurements as a table node: one row each, units and a description for every column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import slicer
import vtk

from ..measure.measurement import Measurement
from ..result import SegmentSpec
from .nodes import find_or_add_node, input_of

ROLE = "measurements"
_COLUMNS = (
    ("Segment", vtk.vtkStringArray, "", "What was measured: a segment of the segmentation, or a sum of several"),
    ("Measurement", vtk.vtkStringArray, "", "Which quantity"),
    ("Value", vtk.vtkDoubleArray, "as in column Unit", "The measured value; empty if it could not be measured"),
    ("Unit", vtk.vtkStringArray, "UCUM", "Unit of value and interval, as a UCUM code"),
    ("Low", vtk.vtkDoubleArray, "as in column Unit", "Lower end of the interval; empty if none is stated"),
    ("High", vtk.vtkDoubleArray, "as in column Unit", "Upper end of the interval; empty if none is stated"),
    ("Level", vtk.vtkDoubleArray, "1", "Nominal coverage of the interval: 0.95 means that 95 of 100 such intervals hold the true value"),
    ("Verdict", vtk.vtkStringArray, "", "Comparison with the reference range, in words"),
)


def show_measurements(
    measurements: Sequence[Measurement], specs: Sequence[SegmentSpec], input_node: Any, module: str, names: dict[str, str] | None = None
) -> Any:
    """The table node of a result, made or updated in place.

    Args:
        measurements: one row each, in this order.
        specs: where the names of segments come from.
        input_node: the volume that was measured.
        module: key of the module ("renal").
        names: further names of measured things that are no segments ("total_kidney").
    """
    node = find_or_add_node("vtkMRMLTableNode", input_node, module, ROLE, "measurements")
    called = {spec.key: spec.name for spec in specs} | (names or {})
    with slicer.util.NodeModify(node):
        node.SetUseColumnTitleAsColumnHeader(True)
        _set_rows(node, [_row(each, called) for each in measurements])
    return node


def measurements_of(node: Any, keys: Mapping[str, str] | None = None) -> list[Measurement]:
    """The measurements of a table that `show_measurements` made.

    Args:
        node: vtkMRMLTableNode.
        keys: what segments are called -> their keys; others keep the name.
    """
    table = node.GetTable()
    columns = {title: table.GetColumnByName(title) for title, *_ in _COLUMNS}
    found = []
    for index in range(table.GetNumberOfRows()):
        row = {title: column.GetValue(index) for title, column in columns.items()}
        low, high, level = (None if math.isnan(row[title]) else row[title] for title in ("Low", "High", "Level"))
        segment = (keys or {}).get(row["Segment"], row["Segment"])
        found.append(Measurement(segment, row["Measurement"], row["Value"], row["Unit"], low, high, level, verdict=row["Verdict"]))
    return found


def other_tables(input_node: Any, module: str) -> list[Any]:
    """Tables of results of a module on other volumes of the scene."""
    tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
    mine = [t for t in tables if t.GetAttribute("DeepVolumetry.Module") == module and t.GetAttribute("DeepVolumetry.Role") == ROLE]
    return [table for table in mine if input_of(table) is not input_node]


def _row(measurement: Measurement, called: dict[str, str]) -> tuple[str | float, ...]:
    name = called.get(measurement.segment) or measurement.segment.replace("_", " ").capitalize()
    low, high, level = (math.nan if x is None else float(x) for x in (measurement.low, measurement.high, measurement.level))
    return (name, measurement.name, float(measurement.value), measurement.unit, low, high, level, measurement.verdict)


def _set_rows(node: Any, rows: Sequence[tuple[str | float, ...]]) -> None:
    table = vtk.vtkTable()
    for number, (title, kind, _, _) in enumerate(_COLUMNS):
        column = kind()
        column.SetName(title)
        column.SetNumberOfValues(len(rows))
        for index, row in enumerate(rows):
            column.SetValue(index, row[number])
        table.AddColumn(column)
    node.SetAndObserveTable(table)
    for title, _, unit, description in _COLUMNS:
        node.SetColumnTitle(title, title)
        node.SetColumnUnitLabel(title, unit)
        node.SetColumnDescription(title, description)
