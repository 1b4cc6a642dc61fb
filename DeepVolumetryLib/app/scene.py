"""``--scene``: the study and its result as a Slicer scene file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, ResourceError

if TYPE_CHECKING:
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
    from .. import host

    host.start()
    import slicer

    from ..mrml.results import show_result
    from ..mrml.volumes import volume_from_image

    node = volume_from_image(result.image, result.image.name or "volume")
    show_result(result, node)
    if not slicer.util.saveScene(str(path)):
        raise ResourceError(f"The scene could not be written to {path.name}. Free some disk space, or leave out --scene.")
