"""What a reference says about a spleen, and what of a result it is to be compared with.

The outline in a picture is compared with the outline; the volume, which no picture holds, with the one that ``cases.csv`` states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.comparison import Comparison

from .segments import KEY, VIEWS

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result

LABEL_MAPS = "spleen"
"""Column of ``cases.csv`` with 3D label maps, whose views are cut as the training does, in place of pictures."""


def names_of(scheme: str = "") -> dict[int, str]:
    """What the values of a reference mean if nothing else is said. There are no other schemes."""
    del scheme
    return {1: KEY}


def reference_input(given: Collection[str]) -> str:
    """The picture on whose grid a reference must be."""
    del given
    return VIEWS[0]


def region(result: Result, images: Mapping[str, Image]) -> None:
    """Where the uncertainty score counts: around what either mask has."""
    del result, images


def comparisons(labels: dict[int, str]) -> list[Comparison]:
    """What can be compared with a reference whose values have these names.

    Raises:
        InputError: if none is the spleen.
    """
    values = tuple(value for value, name in labels.items() if name.strip().lower() == KEY)
    if not values:
        raise InputError("The reference names no spleen. Name its value, like 1=spleen.")
    return [Comparison(KEY, KEY, values, (KEY,), ((KEY,),), estimated=True)]
