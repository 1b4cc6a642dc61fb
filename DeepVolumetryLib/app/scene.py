"""``--scene``: the study and its result as a Slicer scene file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from ..mrml.results import SceneNodes
    from ..result import Result


def require_scene() -> None:
    """Say before a long run that a scene cannot be written.

    Raises:
        InputError: if slicer-core is not installed.
    """
    if importlib.util.find_spec("slicer") is None:
        raise InputError("--scene needs the slicer-core package. Install it with: pip install 'deepvolumetry[scene]'")


def write_scene(path: Path, result: Result) -> None:
    """Write a scene with the input, the segmentation, the uncertainty and the table of measurements.

    Raises:
        ResourceError: if the scene cannot be written.
    """
    from ..host import save_scene

    fill_scene(result)
    save_scene(path)


def fill_scene(result: Result) -> tuple[Any, SceneNodes]:
    """Put input and result into the scene of this process; returns the node of the input and those of the result."""
    from ..host import start

    start()
    from ..mrml.results import show_result
    from ..mrml.volumes import node_from_image

    node = node_from_image(result.image, result.image.name or "volume")
    others = {name: node_from_image(part.image, part.image.name or name) for name, part in result.companions.items()}
    segments = {spec.key for spec in result.specs}
    sums = {m.segment for m in result.measurements} - segments
    return node, show_result(result, node, {key: key.replace("_", " ").capitalize() for key in sums}, companions=others)
