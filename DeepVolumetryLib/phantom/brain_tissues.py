"""What the tissues of a head look like on the four sequences of a glioma study.

One table serves the numerical brain phantom (middles of the ranges) and the synthesis of training images (draws from
them). Signal is relative to white matter on T1 and T1ce and to gray matter on T2 and FLAIR, each = 1. Ranges are wide
on purpose: sequences and field strengths differ, and the order of tissues within a sequence is what stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# tissue -> (low, high) on T1, on T2, on FLAIR; texture SD relative to the mean
_TABLE: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float], float]] = {
    "air": ((0.01, 0.05), (0.01, 0.05), (0.01, 0.05), 0.3),
    "white": ((1.0, 1.0), (0.62, 0.86), (0.78, 1.0), 0.025),
    "cortex": ((0.68, 0.9), (1.0, 1.0), (1.0, 1.0), 0.04),
    "csf": ((0.2, 0.42), (1.7, 2.8), (0.12, 0.45), 0.12),
    "ventricle": ((0.18, 0.36), (2.0, 3.0), (0.1, 0.32), 0.05),
    "basal_ganglia": ((0.76, 0.93), (0.75, 0.98), (0.9, 1.05), 0.03),
    "pallidum": ((0.88, 1.02), (0.5, 0.75), (0.75, 0.95), 0.03),
    "thalamus": ((0.82, 0.96), (0.78, 0.95), (0.88, 1.02), 0.03),
    "hippocampus": ((0.7, 0.9), (1.0, 1.12), (1.02, 1.2), 0.04),
    "cerebellar_cortex": ((0.68, 0.92), (0.9, 1.05), (0.88, 1.02), 0.05),
    "cerebellar_white": ((0.95, 1.03), (0.64, 0.85), (0.78, 0.98), 0.03),
    "brainstem": ((0.9, 1.0), (0.66, 0.86), (0.78, 0.98), 0.035),
    "choroid": ((0.45, 0.8), (1.2, 2.2), (0.5, 1.15), 0.2),
    "hyperintensity": ((0.72, 0.97), (1.05, 1.45), (1.15, 1.75), 0.06),
    "vessel": ((0.25, 1.1), (0.15, 0.8), (0.2, 0.8), 0.15),
    "dura": ((0.4, 0.85), (0.4, 0.9), (0.5, 1.0), 0.15),
    "bone": ((0.05, 0.3), (0.05, 0.3), (0.05, 0.3), 0.3),
    "marrow": ((0.6, 1.7), (0.5, 1.3), (0.4, 1.2), 0.2),
    "soft": ((0.5, 1.1), (0.35, 0.9), (0.35, 0.9), 0.25),
    "scalp": ((0.8, 2.2), (0.7, 1.8), (0.5, 1.8), 0.2),
    "eye": ((0.2, 0.4), (2.0, 3.0), (0.15, 0.6), 0.06),
    "nerve": ((0.7, 1.0), (0.6, 0.9), (0.7, 1.0), 0.08),
    "mucosa": ((0.5, 0.9), (1.2, 2.6), (0.8, 1.8), 0.25),
    "edema": ((0.62, 0.95), (1.25, 1.95), (1.2, 1.8), 0.06),
    "enhancing": ((0.55, 0.95), (1.05, 1.8), (1.05, 1.7), 0.13),
    "necrosis": ((0.3, 0.75), (1.3, 2.7), (0.35, 1.6), 0.16),
    "nonenhancing": ((0.45, 0.85), (1.25, 2.2), (1.15, 1.95), 0.1),
}
# After contrast medium: what takes it up, relative to white matter; all else keeps its T1 signal.
_ENHANCED: dict[str, tuple[float, float]] = {
    "choroid": (0.9, 1.9),
    "vessel": (1.2, 2.5),
    "dura": (0.9, 2.1),
    "mucosa": (1.2, 2.4),
    "enhancing": (1.12, 2.4),
}

SEQUENCES = ("t1", "t1ce", "t2", "flair")
TISSUES: tuple[str, ...] = tuple(_TABLE)
INDEX: dict[str, int] = {name: number for number, name in enumerate(TISSUES)}


@dataclass(frozen=True)
class BrainContrast:
    """Mean and texture SD of every tissue, (4, tissues): rows in the order of `SEQUENCES`, columns in that of `TISSUES`."""

    mean: np.ndarray
    texture: np.ndarray


def typical() -> BrainContrast:
    """Middle of the ranges."""
    low, high = _ranges()
    mean = np.sqrt(low * high)
    return BrainContrast(mean, mean * _texture())


def draw(rng: np.random.Generator) -> BrainContrast:
    """A random patient and scanner: log-uniform within the ranges, T1ce after T1 of the same patient."""
    low, high = _ranges()
    mean = np.exp(rng.uniform(np.log(low), np.log(high)))
    # Both T1 come from one protocol in most studies; a 3D scan after a 2D one differs a little everywhere.
    plain = mean[0] * np.exp(rng.normal(0, rng.uniform(0, 0.06), len(TISSUES)))
    taken_up = [INDEX[name] for name in _ENHANCED]
    enhanced = mean[1].copy()
    mean[1] = plain
    mean[1, taken_up] = enhanced[taken_up]
    return BrainContrast(mean, mean * _texture() * rng.uniform(0.5, 1.6, mean.shape))


def _ranges() -> tuple[np.ndarray, np.ndarray]:
    t1, t2, flair, _ = zip(*_TABLE.values(), strict=True)
    t1ce = [_ENHANCED.get(name, row) for name, row in zip(TISSUES, t1, strict=True)]
    both = np.array([t1, t1ce, t2, flair], float)
    return both[..., 0], both[..., 1]


def _texture() -> np.ndarray:
    return np.array([row[3] for row in _TABLE.values()], float)
