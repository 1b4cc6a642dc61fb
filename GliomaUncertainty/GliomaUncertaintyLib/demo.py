"""A small phantom study for the demonstration and for tests: quick to make, with a known truth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.phantom.brain_render import BrainStudy


def study(seed: int = 0) -> dict[str, Image]:
    """Inputs of the pipeline: T1, T1ce, T2 and FLAIR of a phantom brain at 1 mm, skull-stripped."""
    return phantom(seed).images


def reference(seed: int = 0) -> tuple[Image, dict[int, str]]:
    """True labels on the grid of `study` and the names of their values: 1 "necrosis", 2 "edema", 4 "ET"."""
    made = phantom(seed)
    return made.reference, made.names


def truth_ml(reference: Image, names: dict[int, str]) -> dict[str, float]:
    """Segment -> true mL: the parts that are labeled, and the targets that hold them."""
    counts = np.bincount(reference.voxels.ravel().astype(np.int64), minlength=max(names) + 1)
    parts = {name: float(counts[value]) * reference.voxel_ml for value, name in names.items()}
    return {"WT": sum(parts.values()), "TC": parts["necrosis"] + parts["ET"], **parts}


@lru_cache(maxsize=2)
def phantom(seed: int = 0, spacing_mm: float = 1.0) -> BrainStudy:
    """Images, reference and volumes together; a tumor with edema, an enhancing rim and necrosis."""
    from DeepVolumetryLib.phantom.brain import brain
    from DeepVolumetryLib.phantom.brain_render import render

    return render(brain(seed, spacing_mm), seed)
