"""A small phantom study for the demonstration and for tests: quick to make, with a known truth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image

    from .phantom import Study

PHANTOM = "qrm_bdc_3"
"""The calibration phantom under the patient unless another one is asked for."""


def study(seed: int = 0, phantom: str = PHANTOM) -> dict[str, Image]:
    """Inputs of the pipeline: a hip CT with a calibration phantom under the patient."""
    return {"volume": scanned(seed, phantom).image}


def parameters(phantom: str = PHANTOM) -> dict[str, str]:
    """What the pipeline must be told about the study."""
    return {"phantom": phantom}


def reference(seed: int = 0, phantom: str = PHANTOM) -> tuple[Image, dict[int, str]]:
    """True labels on the grid of ``study`` and the names of their values."""
    from .phantom import NAMES

    return scanned(seed, phantom).reference, dict(NAMES)


def truth_ml(reference: Image, names: dict[int, str]) -> dict[str, float]:
    """Segment -> true mL, counted in the reference."""
    counts = np.bincount(reference.voxels.ravel().astype(np.int64), minlength=max(names) + 1)
    return {name: float(counts[value]) * reference.voxel_ml for value, name in names.items()}


@lru_cache(maxsize=2)
def scanned(seed: int = 0, phantom: str = PHANTOM) -> Study:
    """The study with everything that is true about it. Seed 0 is a patient of normal density.

    Raises:
        InputError: if there is no such calibration phantom.
    """
    from .calibration import PRESETS
    from .phantom import Settings, draw_person, scan

    if phantom not in PRESETS:
        raise InputError(f"There is no calibration phantom “{phantom}”. Choose one of {', '.join(PRESETS)}.")
    return scan(draw_person(seed), Settings(spacing=(1.3, 1.3, 2.0), phantom=phantom), seed)
