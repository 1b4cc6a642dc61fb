"""What goes in, what comes out, and how other people's label maps are read.

Label values mean different things in different editions of BraTS (label 4 is enhancing tumor until 2021 and the resection
cavity in 2024), so a scheme is always named, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError

SEQUENCES = ("t1", "t1ce", "t2", "flair")
"""Names of the inputs, in the order of the network's channels."""

TARGETS = ("WT", "TC", "ET")
"""Whole tumor, tumor core, enhancing tumor: each holds the next. The order of the network's outputs."""

SUB_REGIONS = {"edema": ("WT", "TC"), "necrosis": ("TC", "ET")}
"""Sub-region -> (target that holds it, target taken away from it). Necrosis stands for necrosis or non-enhancing core."""


@dataclass(frozen=True)
class Scheme:
    """Meaning of the values of a label map.

    Attributes:
        title: for people.
        edema, necrosis, enhancing: values of the three sub-regions; the first of each is written.
        other: values that are allowed and are no tumor, besides 0.
    """

    title: str
    edema: tuple[int, ...]
    necrosis: tuple[int, ...]
    enhancing: tuple[int, ...]
    other: tuple[int, ...] = ()

    @property
    def values(self) -> dict[str, tuple[int, ...]]:
        """Target -> values that belong to it."""
        core = self.necrosis + self.enhancing
        return {"WT": self.edema + core, "TC": core, "ET": self.enhancing}


SCHEMES: dict[str, Scheme] = {
    "brats2021": Scheme("BraTS 2017 to 2021: 1 necrosis or non-enhancing, 2 edema, 4 enhancing", (2,), (1,), (4,)),
    "brats2023": Scheme("BraTS 2023: 1 necrosis, 2 edema, 3 enhancing", (2,), (1,), (3,)),
    "brats2024": Scheme("BraTS 2024: 1 non-enhancing core, 2 FLAIR hyperintensity, 3 enhancing, 4 cavity", (2,), (1,), (3,), other=(4,)),
    "msd": Scheme("Medical Segmentation Decathlon: 1 edema, 2 non-enhancing, 3 enhancing", (1,), (2,), (3,)),
    "brats2013": Scheme("BraTS 2012 to 2015: 1 necrosis, 2 edema, 3 non-enhancing, 4 enhancing", (2,), (1, 3), (4,)),
}


def targets_of(labels: NDArray, scheme: str) -> dict[str, NDArray[np.bool_]]:
    """The three nested targets of a label map.

    Args:
        labels: whole numbers, any shape.
        scheme: a key of ``SCHEMES``.

    Raises:
        InputError: if the scheme is unknown, or the map holds values that it has no meaning for.
    """
    meaning = _scheme(scheme)
    known = {0, *meaning.values["WT"], *meaning.other}
    found = set(np.unique(labels).tolist())
    if found - known:
        strange = ", ".join(f"{value:g}" for value in sorted(found - known)[:4])
        fitting = [key for key, other in SCHEMES.items() if found <= {0, *other.values["WT"], *other.other}]
        advice = f"Choose {' or '.join(fitting)}" if fitting else "Choose a label map of a glioma"
        raise InputError(f"The label map holds {strange}, which means nothing in {scheme} ({meaning.title}). {advice}.")
    return {target: np.isin(labels, values) for target, values in meaning.values.items()}


def label_map(masks: Mapping[str, NDArray[np.bool_]], scheme: str) -> NDArray[np.uint8]:
    """One value per voxel, uint8, from the three targets.

    Args:
        masks: "WT", "TC" and "ET", bool, one shape. Where they are not nested the innermost counts.
        scheme: a key of ``SCHEMES``. brats2013 has two values for the non-enhancing core; 1 is written for both.

    Raises:
        InputError: if the scheme is unknown.
    """
    meaning = _scheme(scheme)
    result = np.zeros(masks["WT"].shape, np.uint8)
    for target, values in (("WT", meaning.edema), ("TC", meaning.necrosis), ("ET", meaning.enhancing)):
        result[masks[target]] = values[0]
    return result


def sub_regions(masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    """Edema and necrosis (or non-enhancing core) from the nested targets, bool, same shape."""
    return {name: masks[outer] & ~masks[inner] for name, (outer, inner) in SUB_REGIONS.items()}


def _scheme(name: str) -> Scheme:
    try:
        return SCHEMES[name]
    except KeyError:
        raise InputError(f"There is no label scheme “{name}”. Choose one of: {', '.join(SCHEMES)}.") from None
