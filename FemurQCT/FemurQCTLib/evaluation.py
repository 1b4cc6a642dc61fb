"""What a reference says about femora, and what of a result it is to be compared with.

Volumes agree only where both end alike: the result ends 20 mm below the lesser trochanter, a reference may go on down the shaft. Cut such
a reference there first, or compare on scans that end above.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.comparison import Comparison

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result

SIDES = ("left", "right")
_LABELS = {1: "left_femur", 2: "right_femur"}
_ALIASES = {"femur_left": "left_femur", "femur_right": "right_femur", "proximal_femur": "femur", "femora": "femur"}
_KNOWN = ("femur", "left_femur", "right_femur")


def names_of(scheme: str = "") -> dict[int, str]:
    """What the values of a reference mean if nothing else is said. There are no other schemes."""
    del scheme
    return dict(_LABELS)


def reference_input(given: Collection[str]) -> str:
    """The input on whose grid a reference must be."""
    del given
    return "volume"


def region(result: Result, images: Mapping[str, Image]) -> None:
    """Where the uncertainty score counts: nowhere in particular, so around what either mask has."""
    del result, images


def comparisons(labels: dict[int, str]) -> list[Comparison]:
    """What can be compared with a reference whose values have these names: both femora together, and each side.

    Raises:
        InputError: if a name is not known.
    """
    names = {value: _canonical(name) for value, name in labels.items()}
    segments = tuple(f"{side}_femur" for side in SIDES)
    wanted = [Comparison("femur", "femur", tuple(names), segments, (segments,), True, True)]
    for side in SIDES:
        values = tuple(value for value, name in names.items() if name == f"{side}_femur")
        if values:
            wanted.append(Comparison(f"{side}_femur", "femur", values, (f"{side}_femur",), ((f"{side}_femur",),), False, False))
    return wanted


def _canonical(name: str) -> str:
    cleaned = name.strip().lower().replace(" ", "_")
    cleaned = _ALIASES.get(cleaned, cleaned)
    if cleaned not in _KNOWN:
        raise InputError(f"The reference has a label “{name}” that is not known; use {', '.join(_KNOWN)}.")
    return cleaned
