"""Pictures of a result as Slicer's own slice views draw it, for the report; without slicer-core there are none."""

from __future__ import annotations

import importlib.util
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ResourceError
from ..report.pictures import PLANES
from ..report.plates import Aim, Plate, aim_at

if TYPE_CHECKING:
    from ..result import Result

_PIXELS = 480
_SOFT_TISSUE = (440.0, 60.0)  # window and level in HU, as in the other pictures


def slicer_plates(result: Result) -> list[Plate]:
    """Segments, then uncertainty, in three planes; [] without slicer-core, without a way to draw off screen, and for single pictures."""
    if importlib.util.find_spec("slicer") is None or min(result.image.shape) == 1:
        return []
    try:
        return _drawn(result)
    except ResourceError:
        return []


def _drawn(result: Result) -> list[Plate]:
    from .scene import fill_scene

    volume, nodes = fill_scene(result)
    aim = aim_at(result)
    display = volume.GetScalarVolumeDisplayNode()
    if result.image.modality == "CT":
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(*_SOFT_TISSUE)
    overlays = [None, _hottest(result, nodes.uncertainty)] if result.uncertainty else [None]
    return [_plate(volume, nodes.segmentation, overlay, aim) for overlay in overlays]


def _hottest(result: Result, uncertainty: dict[str, Any]) -> Any:
    """The largest uncertainty of all targets, shown as that of the first."""
    from ..mrml.volumes import node_from_image

    values = np.maximum.reduce([np.asarray(each, np.float32) for each in result.uncertainty.values()])
    node = node_from_image(result.image.with_voxels(values), "uncertainty of all targets")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().CopyContent(next(iter(uncertainty.values())).GetDisplayNode())
    return node


def _plate(volume: Any, segmentation: Any, overlay: Any, aim: Aim) -> Plate:
    from PIL import Image as Picture

    from ..host.render import render_slices

    segmentation.GetDisplayNode().SetVisibility2DFill(overlay is None)  # a fill would tint the colors of the overlay
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.png"
        render_slices(volume, path, segmentation, overlay, aim.center, _PIXELS, extent_mm=aim.width, middle_ras=aim.middle, legend=False)
        views = Picture.open(path).convert("RGB")
    gap = round(Plate.gap * _PIXELS)
    row = Picture.new("RGB", (len(PLANES) * (_PIXELS + gap) - gap, _PIXELS), "white")
    for n in range(len(PLANES)):
        row.paste(views.crop((n * _PIXELS, 0, (n + 1) * _PIXELS, _PIXELS)), (n * (_PIXELS + gap), 0))
    jpeg = io.BytesIO()
    row.save(jpeg, "JPEG", quality=85)
    titles, letters = tuple(name for name, _, _ in PLANES), tuple(each for _, _, each in PLANES)
    return Plate(jpeg.getvalue(), titles, letters, aim.width, overlay is not None)
