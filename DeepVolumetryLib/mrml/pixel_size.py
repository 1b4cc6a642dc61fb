"""The size of the pixels of a picture in the scene: where it comes from, and how a line along the depth scale gives it.

A program that does not know the size writes 1 mm, and what PNG and JPEG files state is for print. Neither is taken.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from ..errors import InputError
from .volumes import local_matrix, to_world

_SIZE = "DeepVolumetry.PixelSize"
_PRINT = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")
_LINE = "calibration line"
_HEADER = "DICOM header"
_PLAUSIBLE_MM = (0.02, 5.0)
_AGREES = 0.05
_LEAST_PIXELS = 20.0


def pixel_size(node: Any) -> tuple[tuple[float, float] | None, str]:
    """Width and height of a pixel in mm and where they come from; None and "" if nobody stated them."""
    size = _spacing(node)
    said, _separator, numbers = (node.GetAttribute(_SIZE) or "").partition("|")
    if said and np.allclose([float(number) for number in numbers.split()], size, rtol=1e-4):
        return size, said
    storage = node.GetStorageNode()
    name = storage.GetFileName() if storage else ""
    if name and Path(name).suffix.lower() in _PRINT:
        return None, ""
    if np.allclose(size, 1.0, atol=1e-9):
        return None, ""
    return size, "volume"


def take_from_header(node: Any) -> bool:
    """Give a picture without a size the one that its DICOM file states, if it came from Slicer's database. True if it was changed."""
    size, _source = pixel_size(node)
    path = "" if size else _file_of(node)
    if not path or not Path(path).is_file():
        return False
    from ..image_io.ultrasound import read_ultrasound

    try:
        stated = read_ultrasound(path).pixel_mm
    except InputError:
        return False
    if stated is None:
        return False
    _set_spacing(node, (stated[1], stated[0]), _HEADER)
    return True


def set_pixel_size(node: Any, size: tuple[float, float], source: str) -> None:
    """Say how wide and high a pixel is, in mm, and who says so."""
    _set_spacing(node, size, source)


def calibrate(node: Any, line: Any, length_mm: float) -> tuple[float, float]:
    """Give a picture the pixel size that makes a line as long as it should be; the line stays where it is on the picture.

    Width and height of a pixel keep their ratio where it is known; else pixels are taken as squares.

    Args:
        node: the picture.
        line: markups line along its depth scale.
        length_mm: how long the line is.

    Returns:
        Width and height of a pixel in mm.

    Raises:
        InputError: if the line is not finished, too short or beside the picture, if the size cannot be right, or if it contradicts the one
            that the picture states.
    """
    if line is None or line.GetNumberOfControlPoints() < 2:
        raise InputError("The line is not finished. Click both of its ends on the depth scale.")
    if not (math.isfinite(length_mm) and length_mm > 0):
        raise InputError("Say how long the line is, in mm, as the depth scale says.")
    matrix = to_world(node) @ local_matrix(node)
    ends = [np.linalg.solve(matrix, [*line.GetNthControlPointPositionWorld(n), 1.0])[:3] for n in (0, 1)]
    axes = _axes(node)
    _check_place(node, ends, axes)
    pixels = [abs(ends[1][axis] - ends[0][axis]) for axis in axes]
    if math.hypot(*pixels) < _LEAST_PIXELS:
        raise InputError("The line is too short to calibrate with. Draw it along as much of the depth scale as there is.")
    now = np.linalg.norm(matrix[:3, :3], axis=0)
    size, source = pixel_size(node)
    # A size that nobody stated has no ratio either: the pixels are taken as squares.
    ratio = [now[axis] for axis in axes] if size else [1.0, 1.0]
    factor = length_mm / math.hypot(*(count * step for count, step in zip(pixels, ratio, strict=True)))
    wanted = (float(ratio[0] * factor), float(ratio[1] * factor))
    _check_size(wanted, size, source)
    if size and source != _LINE:
        return size
    scale = np.ones(3)
    scale[list(axes)] = [w / now[axis] for w, axis in zip(wanted, axes, strict=True)]
    spacing = _spacing(node)
    _set_spacing(node, tuple(step * scale[axis] for step, axis in zip(spacing, axes, strict=True)), _LINE)  # type: ignore[arg-type]
    moved = to_world(node) @ local_matrix(node)
    for n, end in enumerate(ends):
        line.SetNthControlPointPositionWorld(n, *(moved @ (*end, 1.0))[:3])
    return wanted


def start_drawing(line: Any) -> None:
    """Let the next two clicks in a slice view be the ends of a line."""
    selection = slicer.mrmlScene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    interaction = slicer.mrmlScene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    if selection is None or interaction is None:
        return
    selection.SetReferenceActivePlaceNodeClassName(line.GetClassName())
    selection.SetActivePlaceNodeID(line.GetID())
    interaction.SetPlaceModePersistence(0)
    interaction.SetCurrentInteractionMode(interaction.Place)


def _axes(node: Any) -> tuple[int, int]:
    """Index axes of the picture's columns and rows, 0 is I."""
    thin = int(np.argmin(node.GetImageData().GetDimensions()))
    first, second = (axis for axis in range(3) if axis != thin)
    return first, second


def _spacing(node: Any) -> tuple[float, float]:
    first, second = _axes(node)
    return node.GetSpacing()[first], node.GetSpacing()[second]


def _set_spacing(node: Any, size: tuple[float, float], source: str) -> None:
    spacing = list(node.GetSpacing())
    for axis, step in zip(_axes(node), size, strict=True):
        spacing[axis] = float(step)
    with slicer.util.NodeModify(node):
        node.SetSpacing(*spacing)
        node.SetAttribute(_SIZE, f"{source}|{float(size[0])!r} {float(size[1])!r}")


def _check_place(node: Any, ends: list[Any], axes: tuple[int, int]) -> None:
    sizes = node.GetImageData().GetDimensions()
    margin = 0.02
    inside = all(-margin * sizes[axis] - 1 <= end[axis] <= (1 + margin) * sizes[axis] for end in ends for axis in axes)
    if not inside:
        raise InputError(f"The line does not lie on {node.GetName()}. Show this picture, and draw the line along its depth scale.")


def _check_size(wanted: tuple[float, float], size: tuple[float, float] | None, source: str) -> None:
    low, high = _PLAUSIBLE_MM
    if not all(low <= step <= high for step in wanted):
        raise InputError(f"With this line a pixel would be {wanted[0]:.3g}×{wanted[1]:.3g} mm, which cannot be right. Check its length.")
    if size and source != _LINE and abs(wanted[0] / size[0] - 1) > _AGREES:
        raise InputError(
            f"With this line a pixel would be {wanted[0]:.3g}×{wanted[1]:.3g} mm, but the {source} says {size[0]:.3g}×{size[1]:.3g} mm. "
            "Check the line and its length; if the other size is wrong, correct the spacing in the Volumes module."
        )


def _file_of(node: Any) -> str:
    instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = slicer.app.dicomDatabase() if instances else None
    return database.fileForInstance(instances[0]) if database is not None and database.isOpen else ""
