"""Pictures for the report of a run: by Slicer's slice views where slicer-core is installed, else by matplotlib."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from ..report.plates import Plate, draw_places, draw_plates

if TYPE_CHECKING:
    from ..result import Result


def plates_of(result: Result) -> tuple[list[Plate], Plate | None]:
    """Segments and uncertainty, and the first places to review."""
    if importlib.util.find_spec("slicer") is None:
        return draw_plates(result), draw_places(result)
    from ..study.plates import platesOf
    from .scene import fill_scene

    _, nodes = fill_scene(result)
    return platesOf(result, nodes)
