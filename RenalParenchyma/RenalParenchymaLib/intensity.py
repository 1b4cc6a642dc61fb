"""One intensity scale for CT and MR, the same in training and in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CT_WINDOW = (-200.0, 400.0)
_CT_CENTER, _CT_WIDTH = 50.0, 130.0
_MR_PERCENTILE = 99.5


def likely_modality(voxels: NDArray) -> str:
    """ "CT" or "MR" for a file that does not say: only Hounsfield units go far below zero (air, fat)."""
    return "CT" if float(voxels.min()) < -150 else "MR"


def normalized(voxels: NDArray, modality: str, covered: NDArray | None = None) -> NDArray[np.float32]:
    """Intensities about zero with spread about one.

    Args:
        voxels: (K, J, I); HU if the modality is "CT", any scale otherwise.
        modality: "CT", or anything else for relative scales.
        covered: where the scan has data, bool, same shape; voxels outside get the lowest value. Everywhere if None.

    CT keeps absolute values: HU mean the same in every scan. Other scales are clipped at the 99.5th percentile, since the
    brightest voxels (fluid, fat that was not suppressed, the coil's near field) say nothing about kidneys, then z-scored.
    """
    if modality == "CT":
        result = (np.clip(voxels, *CT_WINDOW).astype(np.float32) - np.float32(_CT_CENTER)) / np.float32(_CT_WIDTH)
        floor = np.float32((CT_WINDOW[0] - _CT_CENTER) / _CT_WIDTH)
    else:
        inside = voxels if covered is None else voxels[covered]
        low, high = (float(np.percentile(inside, q)) for q in (0.5, _MR_PERCENTILE)) if inside.size else (0.0, 1.0)
        clipped = np.clip(voxels, low, max(high, low + 1e-6)).astype(np.float32)
        sample = clipped if covered is None else clipped[covered]
        mean, spread = (float(sample.mean()), float(sample.std())) if sample.size else (0.0, 1.0)
        result = (clipped - np.float32(mean)) / np.float32(max(spread, 1e-6))
        floor = np.float32((low - mean) / max(spread, 1e-6))
    if covered is not None:
        result[~covered] = floor
    return result
