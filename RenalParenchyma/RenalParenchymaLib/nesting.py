"""Parts of a kidney stay inside of it and apart from each other when one of them is edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from .segments import SIDES, key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS = ("parenchyma", "tumor", "cyst")


def nested_after_edit(masks: Mapping[str, NDArray[np.bool_]], changed: Collection[str]) -> dict[str, NDArray[np.bool_]]:
    """The masks that must follow an edit.

    What was drawn counts: a part that was edited is taken from the other parts and added to its kidney; a kidney that was edited
    cuts off the parts that were not.

    Args:
        masks: segment key -> mask as it is now, all of one shape.
        changed: keys of the segments that were edited.

    Returns:
        segment key -> mask, of the sides where something was edited; those that need not change are the ones that were given.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for side in SIDES:
        kidney = key(side, "kidney")
        there = {key(side, part): masks[key(side, part)] for part in PARTS if key(side, part) in masks}
        edited = {name: mask for name, mask in there.items() if name in changed}
        if kidney not in masks or not (edited or kidney in changed):
            continue
        whole = masks[kidney]
        for mask in edited.values():
            if (mask & ~whole).any():
                whole = whole | mask
        found[kidney] = whole
        for name, mask in there.items():
            if name in edited:
                continue
            kept = mask & whole
            for other in edited.values():
                kept &= ~other
            found[name] = kept
    return found
