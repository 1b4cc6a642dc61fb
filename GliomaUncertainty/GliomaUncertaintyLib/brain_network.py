"""The network that finds the brain in a whole head: a small 3D U-Net (Çiçek 2016) at 3 mm, as MONAI builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_MM = 3.0
STRIDE = 16
"""Sides of what goes in must be multiples: four times halved."""
CLASSES = ("background", "brain")
_LOW, _HIGH = 1.0, 99.5


def architecture() -> dict[str, Any]:
    """Arguments of ``networks.build``; written into the bundle, so that it can be rebuilt."""
    return {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": len(CLASSES),
        "features": (8, 16, 32, 64, 64, 8),
        "norm": ("batch", {"affine": True, "momentum": 0.02}),
        "act": ("LeakyReLU", {"negative_slope": 0.1, "inplace": True}),
        "upsample": "nontrainable",
    }


def scaled(voxels: NDArray) -> NDArray[np.float32]:
    """Percentile 1 to 0 and percentile 99.5 to 1, cut off there: what the network takes, of any sequence and scanner."""
    low, high = np.percentile(voxels, (_LOW, _HIGH))
    return ((np.clip(voxels, low, high) - low) / max(float(high - low), 1e-6)).astype(np.float32)
