"""Pictures for a page, drawn by Slicer's own slice views from the nodes of a result; letters, scale and legend are the page's."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ResourceError
from ..report.pictures import window
from ..report.plates import PLACE_MM, PLACES, Plate, aim_at, draw_places, draw_plates, heads_of_pictures, heads_of_places, heads_of_planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..host.render import Look
    from ..mrml.results import SceneNodes
    from ..result import Result

_PIXELS = 480
_log = logging.getLogger(__name__)


def platesOf(result: Result, nodes: SceneNodes) -> tuple[list[Plate], Plate | None]:
    """Segments and uncertainty, and the first places to review, as `draw_plates` and `draw_places` lay them out.

    Slicer draws them, with the window that the user sees the image in and all segments shown; the scene and its views stay as they
    are. Where it cannot draw, matplotlib does.

    Args:
        result: as it is now.
        nodes: what it is in the scene.
    """
    try:
        with _paused():
            return (_pictures(result, nodes), None) if min(result.image.shape) == 1 else _volume(result, nodes)
    except ResourceError as error:
        _log.info("%s", error)
    except Exception:  # pictures are not worth the report, whatever is wrong with a machine's graphics
        _log.warning("Slicer's views could not draw the pictures of the report; they are drawn without them.", exc_info=True)
    return draw_plates(result), draw_places(result)


def _volume(result: Result, nodes: SceneNodes) -> tuple[list[Plate], Plate | None]:
    from ..host.render import Look
    from ..mrml.nodes import input_of

    aim, heads = aim_at(result), heads_of_planes()
    looks = [Look(aim.center, plane, aim.width, aim.middle) for plane in heads[0]]
    volume, plates = input_of(nodes.segmentation), []
    with _as_for_print(result, volume, nodes.segmentation):
        for heat in _without_and_with(nodes):
            tiles = _tiles(looks, volume, nodes.segmentation, heat)
            plates.append(Plate(_row(tiles), *heads, aim.width, bool(heat)))
        places = sorted(result.regions, key=lambda region: region.rank)[:PLACES]
        tiles = []
        for region in places:
            heat = [node] if (node := _present(nodes).get(region.target)) else []
            tiles += _tiles([Look(region.center_ras_mm, "Axial", 2 * PLACE_MM)], volume, nodes.segmentation, heat)
    if not places:
        return plates, None
    return plates, Plate(_row(tiles, PLACES), *heads_of_places(places), uncertainty=True)


def _pictures(result: Result, nodes: SceneNodes) -> list[Plate]:
    """All pictures of a study side by side, each as it was read."""
    from ..mrml.nodes import input_of

    heads, plates = heads_of_pictures(result), []
    shown = (False, True) if any(_present(each) for each in nodes.parts.values()) else (False,)
    for heat in shown:
        tiles = []
        for name, part in result.parts.items():
            mine = nodes.parts[name]
            volume = input_of(mine.segmentation)
            with _as_for_print(part, volume, mine.segmentation):
                tiles += _tiles([_whole_picture(part)], volume, mine.segmentation, list(_present(mine).values()) if heat else [])
        plates.append(Plate(_row(tiles, len(heads[0])), *heads, uncertainty=heat))
    return plates


def _whole_picture(part: Result) -> Look:
    """Rows down, columns to the right, wherever the picture lies in space."""
    from ..host.render import Look

    image = part.image
    axes = [axis for axis in range(3) if axis != 2 - int(np.argmin(image.shape))]  # I, J, K but the thin one
    across, down = (image.ijk_to_ras[:3, axis] / image.spacing[axis] for axis in axes)
    middle = image.ijk_to_ras @ (*(np.subtract(image.size, 1) / 2), 1)
    width = max(image.size[axis] * image.spacing[axis] for axis in axes)
    return Look(tuple(middle[:3]), (tuple(across), tuple(-down)), float(width))


def _without_and_with(nodes: SceneNodes) -> list[list[Any]]:
    present = list(_present(nodes).values())
    return [[], present] if present else [[]]


def _present(nodes: SceneNodes) -> Mapping[str, Any]:
    """Uncertainty volumes that are still in the scene."""
    return {target: node for target, node in nodes.uncertainty.items() if node is not None and node.GetScene()}


def _tiles(looks: Sequence[Look], volume: Any, segmentation: Any, heat: Sequence[Any]) -> list[NDArray[np.uint8]]:
    from ..host.render import draw_slice

    segmentation.GetDisplayNode().SetVisibility2DFill(not heat)  # a fill would tint the colors of the overlay
    with _hottest(heat) as overlay:
        return [draw_slice(look, volume, _PIXELS, segmentation, overlay) for look in looks]


@contextmanager
def _hottest(nodes: Sequence[Any]) -> Iterator[Any]:
    """The largest of several uncertainty volumes, in the scene for as long as it is drawn; None if there is none."""
    if len(nodes) < 2:
        yield nodes[0] if nodes else None
        return
    import slicer

    from ..mrml.volumes import local_matrix, set_voxels

    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetHideFromEditors(True)  # no selector offers it
    node.SetSaveWithScene(False)
    slicer.mrmlScene.AddNode(node)
    try:
        set_voxels(node, np.maximum.reduce([slicer.util.arrayFromVolume(each) for each in nodes]), local_matrix(nodes[0]))
        node.SetAndObserveTransformNodeID(nodes[0].GetTransformNodeID())
        node.GetDisplayNode().CopyContent(nodes[0].GetDisplayNode())
        yield node
    finally:
        for each in (node.GetDisplayNode(), node):
            if each is not None:
                slicer.mrmlScene.RemoveNode(each)


@contextmanager
def _as_for_print(result: Result, volume: Any, segmentation: Any) -> Iterator[None]:
    """All segments shown, and the window of other pictures where nobody chose one; afterwards all is as it was."""
    with ExitStack() as stack:
        for node in (volume, segmentation):
            if node.GetDisplayNode() is None:
                node.CreateDefaultDisplayNodes()
        display = stack.enter_context(_kept(segmentation.GetDisplayNode()))
        display.SetVisibility(True)
        display.SetVisibility2D(True)
        display.SetAllSegmentsVisibility(True)
        gray = volume.GetDisplayNode()
        if gray.IsA("vtkMRMLScalarVolumeDisplayNode") and gray.GetAutoWindowLevel():
            stack.enter_context(_kept(gray))
            gray.SetAutoWindowLevel(False)
            gray.SetWindowLevelMinMax(*window(result.image, result.segments.values()))
        yield


@contextmanager
def _kept(display: Any) -> Iterator[Any]:
    """A display node that may be changed for a while."""
    before = display.NewInstance()
    before.CopyContent(display)
    try:
        yield display
    finally:
        display.CopyContent(before)


@contextmanager
def _paused() -> Iterator[None]:
    """Views that are open draw once, at the end."""
    import slicer

    slicer.app.pauseRender()
    try:
        yield
    finally:
        slicer.app.resumeRender()


def _row(tiles: Sequence[NDArray[np.uint8]], count: int = 0) -> bytes:
    """Square pictures side by side as a JPEG, with room for ``count`` of them."""
    from PIL import Image

    count, gap = max(count, len(tiles)), round(Plate.gap * _PIXELS)
    row = Image.new("RGB", (count * (_PIXELS + gap) - gap, _PIXELS), "white")
    for n, tile in enumerate(tiles):
        row.paste(Image.fromarray(tile), (n * (_PIXELS + gap), 0))
    jpeg = io.BytesIO()
    row.save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue()
