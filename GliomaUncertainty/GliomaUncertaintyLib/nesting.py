"""ET within TC within WT, whatever was edited by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .segments import KEYS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nested_after_edit(masks: Mapping[str, NDArray[Any]], changed: Iterable[str]) -> dict[str, NDArray[Any]]:
    """All five segments, made consistent after some of them were edited.

    What is drawn is added to everything around it and taken from what lies within it: a new ET voxel is TC and WT too, a new
    edema voxel is neither ET nor TC. What is erased goes to the next region outward: ET to necrosis, necrosis to edema, edema
    to no tumor; erasing TC or WT takes what lies within along. Where several segments were edited at once the inner one wins,
    as in a stroke that overwrites the others.

    Args:
        masks: "WT", "TC", "ET", "edema" and "necrosis", bool (K, J, I); the edited ones as they are now, the others as before.
            They are not changed. Those that were never found may be missing.
        changed: keys of the edited ones.

    Returns:
        key -> mask; a segment that needs no change is the very array that was given, a missing one that stays empty is left out.

    Raises:
        ValueError: if a key is not known.
    """
    edited = set(changed)
    if edited - set(KEYS):
        raise ValueError(f"there is no segment {sorted(edited - set(KEYS))[0]}; there are {', '.join(KEYS)}")
    if not edited:
        return dict(masks)
    nothing = np.zeros_like(next(iter(masks.values())))
    wt, tc, et, edema, necrosis = (masks.get(key, nothing) for key in KEYS)
    if "ET" in edited:
        tc = tc | et
    if "necrosis" in edited:
        et = et & ~necrosis
        tc = et | necrosis
    if "TC" in edited:
        et = et & tc
    if "edema" in edited:
        tc = tc & ~edema
        wt = tc | edema
    elif edited == {"WT"}:
        tc = tc & wt
    else:
        wt = wt | tc
    et = et & tc
    found = {"WT": wt, "TC": tc, "ET": et, "edema": wt & ~tc, "necrosis": tc & ~et}
    kept = {key: masks[key] if key in masks and _same(mask, masks[key]) else mask for key, mask in found.items()}
    return {key: mask for key, mask in kept.items() if key in masks or mask.any()}


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a is b or bool((a == b).all())
