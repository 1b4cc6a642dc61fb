"""From a probability to an uncertainty on the 0-100 scale that every module shows.

The scale: ``uncertainty = 100 * H2(p)`` with H2 the binary entropy in bits of the calibrated mean probability. 0 is
certain, 100 a coin toss (p = 0.5); 50 is reached at p = 0.11 and p = 0.89.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 1 << 15  # elements that stay in the cache of one core through all steps
_TINY = np.float32(1e-30)
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
    """Entropy of a yes-or-no question in bits, float32, same shape, right to 1e-6; exactly 0 where p is 0 or 1.

    Raises:
        ValueError: if a probability is outside [0, 1] or not finite.
    """
    p = np.ascontiguousarray(probability, np.float32).reshape(-1)
    entropy = np.empty(p.shape, np.float32)
    for start in range(0, p.size, _BLOCK):
        q = p[start : start + _BLOCK]
        check_probability(q)
        rest = 1 - q
        entropy[start : start + _BLOCK] = np.abs(q * np.log2(np.maximum(q, _TINY)) + rest * np.log2(np.maximum(rest, _TINY)))
    return entropy.reshape(np.shape(probability))


def entropy_map(probability: NDArray[Any]) -> NDArray[np.float32]:
    """The uncertainty that is shown and ranked: 100 times the binary entropy of the mean probability.

    Args:
        probability: calibrated mean probability over the members, in [0, 1].
    """
    return binary_entropy(probability) * np.float32(100)


def error_map(probability: NDArray[Any]) -> NDArray[np.float32]:
    """How probable it is that a voxel is on the wrong side of 0.5, on the 0-100 scale: 200 * min(p, 1 - p).

    It orders voxels as ``entropy_map`` does and means more: 40 is a chance of 20 % that the voxel is wrong; 100 is a coin toss.

    Args:
        probability: calibrated mean probability over the members, in [0, 1].
    """
    check_probability(probability)
    p = np.asarray(probability, np.float32)
    return np.minimum(p, 1 - p) * np.float32(200)


def deviation_map(variance: NDArray[Any]) -> NDArray[np.float32]:
    """Spread of the members on the 0-100 scale: 100 * SD / 0.5, since 0.5 is the largest SD a probability can have.

    Args:
        variance: population variance over the members, in [0, 0.25].
    """
    return np.sqrt(np.clip(variance, 0, 0.25)).astype(np.float32) * np.float32(200)
