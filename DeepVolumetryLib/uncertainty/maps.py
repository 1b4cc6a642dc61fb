"""From a probability to an uncertainty on the 0-100 scale that every module shows.

The scale: ``uncertainty = 100 * H2(p)`` with H2 the binary entropy in bits of the calibrated mean probability. 0 is
certain, 100 a coin toss (p = 0.5); 50 is reached at p = 0.11 and p = 0.89.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

REVIEW_THRESHOLD = 50.0
"""Uncertainty from which a voxel belongs to a review region."""


def check_probability(probability: NDArray[Any]) -> None:
    """Raises:
    ValueError: if a value is outside [0, 1] or not finite.
    """
    if probability.size == 0:
        return
    low, high = float(np.min(probability)), float(np.max(probability))
    if not (low >= 0 and high <= 1):
        raise ValueError(f"probabilities must lie in [0, 1], not {low:g}..{high:g}")


def binary_entropy(probability: NDArray[Any]) -> NDArray[np.float32]:
    """Entropy of a yes-or-no question in bits, float32, same shape; exactly 0 where p is 0 or 1.

    Raises:
        ValueError: if a probability is outside [0, 1] or not finite.
    """
    check_probability(probability)
    p = np.asarray(probability, dtype=np.float32)
    entropy = np.zeros(p.shape, np.float32)
    open_question = (p > 0) & (p < 1)  # most voxels are settled; logarithms are what costs time
    q = p[open_question].astype(np.float64)
    entropy[open_question] = -(q * np.log2(q) + (1 - q) * np.log1p(-q) / np.log(2))
    return entropy


def entropy_map(probability: NDArray[Any]) -> NDArray[np.float32]:
    """The uncertainty that is shown and ranked: 100 times the binary entropy of the mean probability.

    Args:
        probability: calibrated mean probability over the members, in [0, 1].
    """
    return binary_entropy(probability) * np.float32(100)


def deviation_map(variance: NDArray[Any]) -> NDArray[np.float32]:
    """Spread of the members on the 0-100 scale: 100 * SD / 0.5, since 0.5 is the largest SD a probability can have.

    Args:
        variance: population variance over the members, in [0, 0.25].
    """
    return np.sqrt(np.clip(variance, 0, 0.25)).astype(np.float32) * np.float32(200)
