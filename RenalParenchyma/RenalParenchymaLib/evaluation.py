"""What a reference says about kidneys, and what of a result it is to be compared with.

References differ in what they call kidney. ``kidney`` alone is the organ with everything in it, sinus too, and is compared with
the organ segments. Beside a tumor or cyst (``1=kidney;2=tumor;3=cyst``, as KiTS has it) it is the parenchyma, and the
organ is the union of all labels; unless a sinus is labeled, the predicted sinus is left out there as well, so that like
is compared with like.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

SIDES = ("left", "right")
PARTS = ("parenchyma", "tumor", "cyst")
DEFAULT_LABELS = {1: "parenchyma", 2: "tumor", 3: "cyst"}
_ALIASES = {
    "cortex": "parenchyma",
    "medulla": "parenchyma",
    "renal_parenchyma": "parenchyma",
    "mass": "tumor",
    "collecting_system": "sinus",
    "kidneys": "kidney",
}


@dataclass(frozen=True)
class Comparison:
    """One thing to compare.

    Attributes:
        name: "kidney", "left_tumor", ... ; without a side both sides count.
        target: probability and uncertainty map that it belongs to.
        values: labels of the reference that make it up.
        segments: segment keys of a result that make it up.
        measured: True if the result states the volume of exactly this, with an interval.
    """

    name: str
    target: str
    values: tuple[int, ...]
    segments: tuple[str, ...]
    measured: bool = True

    def reference(self, labels: NDArray) -> NDArray[np.bool_]:
        """Its mask in the reference."""
        return np.isin(labels, self.values)

    def found(self, segments: dict[str, NDArray], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Its mask in a result; what a result does not have is empty."""
        mask = np.zeros(shape, bool)
        for key in self.segments:
            if key in segments:
                mask |= segments[key]
        return mask


def comparisons(labels: dict[int, str] | None) -> list[Comparison]:
    """What can be compared with a reference whose values have these names; KiTS's names if None.

    Raises:
        InputError: if a name is not known.
    """
    names = {value: _canonical(name) for value, name in (labels or DEFAULT_LABELS).items()}
    wanted = _for_side(names, "")
    if any(name.startswith(tuple(f"{side}_" for side in SIDES)) for name in names.values()):
        for side in SIDES:
            mine = {value: name.removeprefix(f"{side}_") for value, name in names.items() if name.startswith(f"{side}_")}
            wanted += _for_side(mine, side)
    return wanted


def _for_side(names: dict[int, str], side: str) -> list[Comparison]:
    sides = (side,) if side else SIDES
    prefix = f"{side}_" if side else ""
    parts: dict[str, tuple[int, ...]] = {}
    for value, name in names.items():
        part = name.split("_", 1)[1] if name.startswith(("left_", "right_")) else name
        parts[part] = (*parts.get(part, ()), value)
    lesions = "tumor" in parts or "cyst" in parts
    if "kidney" in parts and lesions and "parenchyma" not in parts:
        parts["parenchyma"] = parts.pop("kidney")
    wanted = []
    everything = tuple(value for values in parts.values() for value in values)
    if "kidney" in parts or "sinus" in parts:
        wanted.append(Comparison(f"{prefix}kidney", "kidney", everything, tuple(f"{s}_kidney" for s in sides)))
    elif lesions and "parenchyma" in parts:
        keys = tuple(f"{s}_{part}" for s in sides for part in PARTS)
        wanted.append(Comparison(f"{prefix}kidney", "kidney", everything, keys, measured=False))
    for part in PARTS:
        if part in parts:
            wanted.append(Comparison(f"{prefix}{part}", part, parts[part], tuple(f"{s}_{part}" for s in sides)))
    return wanted


def _canonical(name: str) -> str:
    name = name.strip().lower().replace(" ", "_")
    side, separator, part = name.partition("_")
    if not separator or side not in SIDES:
        side, part = "", name
    part = _ALIASES.get(part, part)
    known: Iterable[str] = ("kidney", *PARTS, "sinus")
    if part not in known:
        raise InputError(f"The reference has a label “{name}” that is not known; use {', '.join(known)}, with left_ or right_ if you like.")
    return f"{side}_{part}" if side else part
