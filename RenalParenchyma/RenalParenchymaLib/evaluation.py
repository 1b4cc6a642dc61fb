"""What a reference says about kidneys, and what of a result it is to be compared with.

References differ in what they call kidney. ``kidney`` alone is the organ with everything in it, sinus too, and is compared with
the organ segments. Beside a tumor or cyst (``1=kidney;2=tumor;3=cyst``, as KiTS has it) it is the parenchyma, and the
organ is the union of all labels; unless a sinus is labeled, the predicted sinus is left out there as well, so that like
is compared with like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.comparison import Comparison

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result

SIDES = ("left", "right")
PARTS = ("parenchyma", "tumor", "cyst")
_LABELS = {1: "parenchyma", 2: "tumor", 3: "cyst"}
_ALIASES = {
    "cortex": "parenchyma",
    "medulla": "parenchyma",
    "renal_parenchyma": "parenchyma",
    "mass": "tumor",
    "collecting_system": "sinus",
    "kidneys": "kidney",
}


def names_of(scheme: str = "") -> dict[int, str]:
    """What the values of a reference mean if nothing else is said: KiTS's names. There are no other schemes."""
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
    """What can be compared with a reference whose values have these names.

    Raises:
        InputError: if a name is not known.
    """
    names = {value: _canonical(name) for value, name in labels.items()}
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
    # Maps are of both sides together. A wrong outline of the organ is wrong in its parts too, which are what the review list has.
    whole, has_parts = not side, any(part in parts for part in PARTS)
    if "kidney" in parts or "sinus" in parts:
        keys = tuple(f"{s}_kidney" for s in sides)
        wanted.append(Comparison(f"{prefix}kidney", "kidney", everything, keys, _stated(side, "kidney"), whole, whole and not has_parts))
    elif lesions and "parenchyma" in parts:
        keys = tuple(f"{s}_{part}" for s in sides for part in PARTS)
        wanted.append(Comparison(f"{prefix}kidney", "kidney", everything, keys, (), whole, False))
    for part in PARTS:
        if part in parts:
            keys = tuple(f"{s}_{part}" for s in sides)
            wanted.append(Comparison(f"{prefix}{part}", part, parts[part], keys, _stated(side, part), whole, whole))
    return wanted


def _stated(side: str, part: str) -> tuple[tuple[str, ...], ...]:
    """One side, or the sum of both; where the result has no sum, both with their ends added (the cautious reading)."""
    return ((f"{side}_{part}",),) if side else ((f"total_{part}",), tuple(f"{s}_{part}" for s in SIDES))


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
