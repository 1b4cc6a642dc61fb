"""One intensity scale for all sequences, the same in training and in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -4.0, 6.0


def normalized(voxels: NDArray, brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intensities of a sequence with mean 0 and spread 1 inside the brain, clipped to [-4, 6], and 0 outside of it.

    Args:
        voxels: any scale, (K, J, I).
        brain: bool, same shape.

    MR has no absolute scale, so the patient's own brain gives it. A sequence that is missing is all 0: what the network
    then sees is the mean everywhere.

    Raises:
        ValueError: if the shapes differ.
    """
    if voxels.shape != brain.shape:
        raise ValueError(f"voxels {voxels.shape} and brain {brain.shape} differ in shape")
    result = np.zeros(voxels.shape, np.float32)
    inside = voxels[brain].astype(np.float32)
    if inside.size:
        mean, spread = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
        if spread > 0:
            inside -= np.float32(mean)
            inside /= np.float32(spread)
            result[brain] = np.clip(inside, LOWEST, HIGHEST, out=inside)
    return result
