"""A result in the scene: segmentation, uncertainty, measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..measure.measurement import Measurement
from ..result import Result
from .nodes import all_or_nothing, find_node
from .overlay import MAP, PROBABILITY, map_name, show_as_foreground, show_maps, show_probability, show_uncertainty
from .overlay import ROLE as UNCERTAINTY
from .segmentation import ROLE as SEGMENTATION
from .segmentation import show_segmentation
from .tables import ROLE as MEASUREMENTS
from .tables import show_measurements


@dataclass
class SceneNodes:
    """The nodes of one result.

    Attributes:
        segmentation: vtkMRMLSegmentationNode; segment IDs are the keys of the result.
        table: vtkMRMLTableNode with the measurements.
        uncertainty: target -> vtkMRMLScalarVolumeNode, 0-100.
        probability: target -> vtkMRMLScalarVolumeNode, percent; empty unless asked for.
        companions: the nodes of the result's companions, by their names; they have no table of their own.
        maps: name -> vtkMRMLScalarVolumeNode of each further map of the result, in its own numbers.
    """

    segmentation: Any
    table: Any
    uncertainty: dict[str, Any] = field(default_factory=dict)
    probability: dict[str, Any] = field(default_factory=dict)
    companions: dict[str, SceneNodes] = field(default_factory=dict)
    maps: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, SceneNodes]:
        """These nodes under "", then those of the companions, as `Result.parts`."""
        return {"": self, **self.companions}


def show_result(
    result: Result,
    input_node: Any,
    names: dict[str, str] | None = None,
    probability: bool = False,
    companions: Mapping[str, Any] | None = None,
) -> SceneNodes:
    """Put a result into the scene; running again on the same input updates the same nodes. One step for undo.

    Args:
        result: on the grid of the input.
        input_node: the volume node that it was made from.
        names: what to call measured things that are no segments ("total_kidney": "Both kidneys").
        probability: add the probability maps too.
        companions: name of a companion of the result -> the volume node that it was made from.

    Raises:
        InputError: if the input was deleted or replaced since the run began; the scene is as before.
    """
    inputs = {name: (companions or {}).get(name) for name in result.companions}
    for part, node in ((result, input_node), *((result.companions[name], node) for name, node in inputs.items())):
        _check_input(part, node)
    with all_or_nothing():
        nodes = _show_part(result, input_node, probability)
        nodes.companions = {name: _show_part(result.companions[name], node, probability) for name, node in inputs.items()}
        nodes.table = show_measurements(result.measurements, result.specs, input_node, result.provenance.module, names)
        if nodes.uncertainty:
            show_as_foreground(next(iter(nodes.uncertainty.values())), input_node)
    return nodes


def _check_input(result: Result, input_node: Any) -> None:
    import slicer

    if input_node is None or slicer.mrmlScene.GetNodeByID(input_node.GetID() or "") is not input_node:
        raise InputError("The input volume was closed during the run, so its result was discarded. Load it and run again.")
    data = input_node.GetImageData()
    if data is None or data.GetDimensions() != result.image.size:
        raise InputError(f"{input_node.GetName()} was changed during the run, so its result was discarded. Run again.")


def _show_part(result: Result, input_node: Any, probability: bool) -> SceneNodes:
    """Everything but the table."""
    segmentation = show_segmentation(result, input_node)
    uncertainty = show_uncertainty(result, input_node)
    shown = show_probability(result, input_node) if probability else {}
    return SceneNodes(segmentation, None, uncertainty, shown, maps=show_maps(result, input_node))


def show_only(nodes: SceneNodes, part: str) -> None:
    """Show the segmentation of one part and hide the others: pictures without a position all lie in the same place."""
    for name, each in nodes.parts.items():
        display = each.segmentation.GetDisplayNode()
        if display is not None and len(nodes.parts) > 1:
            display.SetVisibility(name == part)


def update_measurements(measurements: Sequence[Measurement], result: Result, input_node: Any, names: dict[str, str] | None = None) -> Any:
    """Other numbers in the same table, after an edit or a review."""
    return show_measurements(measurements, result.specs, input_node, result.provenance.module, names)


def find_result(input_node: Any, module: str, targets: Sequence[str] = (), maps: Sequence[str] = ()) -> SceneNodes | None:
    """The nodes of an earlier run on this input, for example after a scene was loaded; None if there is no segmentation."""
    segmentation = find_node(input_node, module, SEGMENTATION)
    if segmentation is None:
        return None
    uncertainty, probability = (
        {target: node for target in targets if (node := find_node(input_node, module, f"{role} {target}"))}
        for role in (UNCERTAINTY, PROBABILITY)
    )
    further = {map_name(name): node for name in maps if (node := find_node(input_node, module, f"{MAP} {map_name(name)}"))}
    return SceneNodes(segmentation, find_node(input_node, module, MEASUREMENTS), uncertainty, probability, maps=further)
