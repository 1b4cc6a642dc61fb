"""What a reference says about a glioma, and what of a result it is to be compared with.

A reference need not tell everything apart: one with the whole tumor alone is compared with the whole tumor, one without necrosis
leaves the core out, and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.comparison import Comparison

from .alignment import REFERENCES
from .labels import SCHEMES

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result

DEFAULT_SCHEME = "brats2021"
_NAMES = {
    "edema": ("edema", "oedema", "ed", "snfh", "flair_hyperintensity"),
    "necrosis": ("necrosis", "ncr", "net", "netc", "ncr/net", "non-enhancing", "non_enhancing", "nonenhancing", "necrotic_core"),
    "ET": ("et", "enhancing", "enhancing_tumor", "gd-enhancing"),
    "core": ("core", "tc", "tumor_core"),
    "tumor": ("tumor", "tumour", "glioma", "wt", "whole_tumor"),
    "cavity": ("cavity", "rc", "resection_cavity", "other"),
}


def names_of(scheme: str = "") -> dict[int, str]:
    """What the values of a reference mean in a scheme of ``labels.SCHEMES``; brats2021 if "".

    Raises:
        InputError: if the scheme is unknown.
    """
    if scheme and scheme not in SCHEMES:
        raise InputError(f"There is no label scheme “{scheme}”. Choose one of: {', '.join(SCHEMES)}.")
    meaning = SCHEMES[scheme or DEFAULT_SCHEME]
    parts = {"edema": meaning.edema, "necrosis": meaning.necrosis, "ET": meaning.enhancing, "cavity": meaning.other}
    return dict(sorted((value, name) for name, values in parts.items() for value in values))


def reference_input(given: Collection[str]) -> str:
    """The sequence on whose grid a reference must be: the one that the result is on."""
    return next(name for name in REFERENCES if name in given)


def comparisons(labels: dict[int, str]) -> list[Comparison]:
    """What can be compared with a reference whose values have these names.

    Args:
        labels: value -> "edema", "necrosis", "ET", "core" (not told apart), "tumor" (what is no core, or everything), "cavity"
            (no tumor), or one of their usual abbreviations.

    Raises:
        InputError: if a name is not known, or none is of a tumor.
    """
    parts: dict[str, tuple[int, ...]] = {}
    for value, name in labels.items():
        part = _canonical(name)
        parts[part] = (*parts.get(part, ()), value)

    def values(*names: str) -> tuple[int, ...]:
        return tuple(value for name in names for value in parts.get(name, ()))

    core = values("necrosis", "core", "ET")
    wanted = []
    if "edema" in parts or "tumor" in parts:
        wanted.append(_whole("WT", (*values("edema", "tumor"), *core)))
    if "necrosis" in parts or "core" in parts:
        wanted.append(_whole("TC", core))
    if "ET" in parts:
        wanted.append(_whole("ET", values("ET")))
    if "edema" in parts and "tumor" not in parts and core:
        wanted.append(_part("edema", "WT", values("edema")))
    if "necrosis" in parts and "core" not in parts and "ET" in parts:
        wanted.append(_part("necrosis", "TC", values("necrosis")))
    if not wanted:
        raise InputError("The reference names no part of a tumor. Name its values, like 1=necrosis;2=edema;4=ET.")
    return wanted


def region(result: Result, images: Mapping[str, Image]) -> NDArray[np.bool_]:
    """The brain, where QU-BraTS counts true negatives, on the grid of the result."""
    from .brain import SHIPPED, brain_mask
    from .parameters import Parameters

    on_grid = {name: image.canonical() for name, image in images.items() if image.same_grid(result.image)}
    first = on_grid[reference_input(on_grid)]
    mask, _ = brain_mask(first, on_grid, SHIPPED, Parameters())
    return first.with_voxels(mask).resampled(result.image, order=0).voxels


def _whole(target: str, values: tuple[int, ...]) -> Comparison:
    return Comparison(target, target, values, (target,), ((target,),))


def _part(name: str, target: str, values: tuple[int, ...]) -> Comparison:
    """A part between two targets: it has no map of its own, and what is wrong with it is wrong with one of the two."""
    return Comparison(name, target, values, (name,), ((name,),), scored=False, counts=False)


def _canonical(name: str) -> str:
    given = name.strip().lower().replace(" ", "_")
    for part, names in _NAMES.items():
        if given in names:
            return part
    raise InputError(f"The reference has a label “{name}” that is not known; use {', '.join(_NAMES)}.")
