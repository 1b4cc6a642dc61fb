"""A procedural brain on T1, T1ce, T2 and FLAIR, with the truth on the same grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..image import Image
from .brain import Brain
from .brain_tissues import SEQUENCES, typical
from .brain_tumor import EDEMA, ENHANCING, NECROSIS, NONENHANCING
from .noise import spline_noise

REFERENCE_NAMES = {1: "necrosis", 2: "edema", 4: "ET"}
"""Values of the reference, as in BraTS 2021: 1 is necrosis or non-enhancing core."""
_REFERENCE = {NECROSIS: 1, NONENHANCING: 1, EDEMA: 2, ENHANCING: 4}
_FULL_SCALE = 600.0


@dataclass(frozen=True)
class BrainStudy:
    """Four sequences and what is true about them.

    Attributes:
        images: "t1", "t1ce", "t2", "flair"; int16, 0 outside of the brain if there is no skull.
        reference: uint8 labels on the same grid, values as in `names`.
        names: value -> segment.
        volumes_ml: "WT", "TC", "ET", "edema", "necrosis".
    """

    images: dict[str, Image]
    reference: Image
    names: dict[int, str]
    volumes_ml: dict[str, float]


def render(brain: Brain, seed: int = 0, noise: float | None = None) -> BrainStudy:
    """Image a brain.

    Args:
        brain: from ``brain.brain``.
        seed: of noise, coil and texture.
        noise: SD relative to white or gray matter; 0.015 to 0.03 by default.
    """
    rng = np.random.default_rng([43, seed])
    contrast = typical()
    spacing = tuple(float(step) for step in np.abs(np.diag(brain.ijk_to_ras)[2::-1]))
    stripped = not (brain.tissue[~brain.mask] > 0).any()
    images = {}
    for number, name in enumerate(SEQUENCES):
        signal = contrast.mean[number].astype(np.float32)[brain.tissue]
        texture = contrast.texture[number].astype(np.float32)[brain.tissue]
        signal += texture * spline_noise(signal.shape, spacing, 7.0, rng)
        signal = ndimage.gaussian_filter(signal, [0.6 / step for step in spacing], truncate=2.5)
        signal *= np.exp(0.05 * spline_noise(signal.shape, spacing, 150.0, rng))
        level = np.float32(rng.uniform(0.015, 0.03) if noise is None else noise)
        voxels = _rician(signal, level, rng) * _FULL_SCALE
        whole = np.maximum(np.rint(voxels), 1).astype(np.int16)
        if stripped:
            whole[~brain.mask] = 0
        images[name] = Image(whole, brain.ijk_to_ras, modality="MR", name=name)
    table = np.zeros(5, np.uint8)
    table[list(_REFERENCE)] = list(_REFERENCE.values())
    reference = Image(table[brain.parts], brain.ijk_to_ras, name="truth")
    return BrainStudy(images, reference, dict(REFERENCE_NAMES), _volumes(reference))


def _rician(signal: NDArray, level: np.float32, rng: np.random.Generator) -> NDArray:
    real = signal + level * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.hypot(real, level * rng.standard_normal(signal.shape, dtype=np.float32))


def _volumes(reference: Image) -> dict[str, float]:
    counts = np.bincount(reference.voxels.ravel(), minlength=5) * reference.voxel_ml
    necrosis, edema, enhancing = (float(counts[value]) for value in (1, 2, 4))
    core = necrosis + enhancing
    return {"WT": core + edema, "TC": core, "ET": enhancing, "edema": edema, "necrosis": necrosis}
