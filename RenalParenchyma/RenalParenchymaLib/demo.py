"""A small phantom study for the demonstration and for tests: quick to make, with a known truth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.phantom.render import Study

_SPACING = {"CT": (2.2, 2.2, 3.0), "MR": (2.0, 2.0, 4.0)}
_EXTENT = (-185.0, 150.0)
# A patient of the generator with a tumor and a cyst: the demonstration shows both.
_FIRST_PATIENT = 20


def study(seed: int = 0, modality: str = "CT") -> dict[str, Image]:
    """Inputs of the pipeline: nephrographic CT, or fat-suppressed T2 for "MR"."""
    return {"volume": phantom(seed, modality).image}


def reference(seed: int = 0, modality: str = "CT") -> tuple[Image, dict[int, str]]:
    """True labels on the grid of `study` and the names of their values, e.g. 12 -> "right_tumor"."""
    made = phantom(seed, modality)
    return made.reference, made.names


def truth_ml(reference: Image, names: dict[int, str]) -> dict[str, float]:
    """Segment -> true mL: each part of each side, the sums of both sides, and the kidneys as the sum of their parts."""
    counts = np.bincount(reference.voxels.ravel().astype(np.int64), minlength=max(names) + 1)
    truth: dict[str, float] = {}
    for value, name in names.items():
        side, _, part = name.partition("_")
        for key in (name, f"{side}_kidney", f"total_{part}", "total_kidney"):
            truth[key] = truth.get(key, 0.0) + float(counts[value]) * reference.voxel_ml
    return truth


@lru_cache(maxsize=2)
def phantom(seed: int = 0, modality: str = "CT") -> Study:
    """Image, reference and exact volumes together. Seed 0 is a patient with a tumor and a cyst.

    Raises:
        InputError: if the modality is neither CT nor MR.
    """
    if modality not in _SPACING:
        raise InputError(f"There is no phantom for the modality “{modality}”. Choose one of {', '.join(_SPACING)}.")
    from DeepVolumetryLib.phantom.abdomen import abdomen
    from DeepVolumetryLib.phantom.render import render

    return render(abdomen(_FIRST_PATIENT + seed, spacing_mm=2.0, extent=_EXTENT), modality, _SPACING[modality], seed=seed)
