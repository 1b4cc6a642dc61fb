"""A result's masks as one segmentation node, coded and tagged so that DICOM export tells who drew them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk

from ..image_io.seg_nrrd import in_layers
from ..image_io.terminology import OWN_TERMINOLOGY, segment_tags
from ..result import Provenance, Result, SegmentSpec
from .nodes import find_or_add_node
from .volumes import local_matrix

ROLE = "segmentation"
PROVENANCE = "DeepVolumetry.Provenance"
_LABELMAP = "Binary labelmap"
_SURFACE = "Closed surface"


def show_segmentation(result: Result, input_node: Any) -> Any:
    """The result's segmentation node, made or updated; its segment IDs are the keys of the result.

    Masks are kept on the input's own grid and under the input's transform, so they stay on the patient when it is moved.
    Names and colors that a user changed since the last run stay.
    """
    load_terminology()
    module = result.provenance.module
    node = find_or_add_node("vtkMRMLSegmentationNode", input_node, module, ROLE)
    had_surface = node.GetSegmentation().ContainsRepresentation(_SURFACE)
    with slicer.util.NodeModify(node):
        node.SetReferenceImageGeometryParameterFromVolumeNode(input_node)
        node.SetAttribute(PROVENANCE, json.dumps(asdict(result.provenance), default=str))
        if had_surface:
            node.RemoveClosedSurfaceRepresentation()
        _fill(node, result, local_matrix(input_node))
        if node.GetDisplayNode() is None:
            _create_display(node, result.specs)
    if had_surface:
        node.CreateClosedSurfaceRepresentation()
    return node


def mark_edited(node: Any, segment_ids: Iterable[str]) -> None:
    """Say that a user changed segments which a model drew: DICOM calls them SEMIAUTOMATIC then."""
    for segment_id in segment_ids:
        segment = node.GetSegmentation().GetSegment(segment_id)
        if segment and tag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC":
            segment.SetTag("DICOM.SegmentAlgorithmType", "SEMIAUTOMATIC")


def tag(segment: Any, name: str) -> str:
    """A tag of a vtkSegment, "" if it has none of that name."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def load_terminology() -> None:
    """Make Slicer know the codes that its own lists lack."""
    logic = slicer.modules.terminologies.logic()
    if not logic.IsTerminologyContextLoaded("DeepVolumetry"):
        logic.LoadTerminologyFromFile(str(OWN_TERMINOLOGY))


def algorithm_name(provenance: Provenance) -> str:
    """Model and version in the 64 characters that DICOM allows."""
    model = f"{provenance.model_name} {provenance.model_version}".strip()
    return (model or f"DeepVolumetry {provenance.module} {provenance.version}")[:64]


def _fill(node: Any, result: Result, matrix: NDArray[np.float64]) -> None:
    segmentation = node.GetSegmentation()
    present = [spec for spec in result.specs if spec.key in result.segments]
    layers, places = in_layers([result.segments[spec.key] for spec in present], result.image.shape)
    labelmaps = [_labelmap(layer, matrix) for layer in layers]
    for segment_id in segmentation.GetSegmentIDs():
        if segment_id not in {spec.key for spec in present}:
            segmentation.RemoveSegment(segment_id)
    for spec, (layer, value) in zip(present, places, strict=True):
        segment = segmentation.GetSegment(spec.key)
        is_new = segment is None
        if is_new:
            segment = slicer.vtkSegment()
            segment.SetName(spec.name)
            segment.SetColor(*(channel / 255 for channel in spec.color))
        for name, text in segment_tags(spec, algorithm_name(result.provenance)).items():
            segment.SetTag(name, text)
        segment.SetLabelValue(value)
        segment.AddRepresentation(_LABELMAP, labelmaps[layer])
        if is_new:
            segmentation.AddSegment(segment, spec.key)


def _labelmap(labels: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Any:
    """One layer, cut to what is in it: editing and saving take time by the voxel."""
    extent = []
    for axis in (2, 1, 0):
        found = np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis})))
        extent += [int(found[0]), int(found[-1])] if found.size else [0, -1]
    labelmap = slicer.vtkOrientedImageData()
    labelmap.SetExtent(extent)
    if extent[1] < extent[0]:
        labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    else:
        box = labels[extent[4] : extent[5] + 1, extent[2] : extent[3] + 1, extent[0] : extent[1] + 1]
        labelmap.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(box).ravel(), deep=True))
    labelmap.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return labelmap


def _create_display(node: Any, specs: Iterable[SegmentSpec]) -> None:
    """Parts are filled; what only contains them is drawn as a line, so that it does not cover them."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    containers = {spec.parent for spec in specs} - {""}
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        display.SetSegmentOpacity2DFill(segment_id, 0.0 if segment_id in containers else 0.4)
