"""Smooth random fields without creases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spline_noise(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], wavelength_mm: float, rng: np.random.Generator, channels: int = 1
) -> NDArray[np.float32]:
    """Noise of about unit SD that varies over ``wavelength_mm``; shape (K, J, I), or (channels, K, J, I) for several.

    Cubic B-splines between random nodes whose lattice lies anywhere, applied an axis at a time: right for thin slabs and for voxels
    that are longer than wide. ``spacing_mm`` goes along the axes of ``shape``.
    """
    step = 0.6 * wavelength_mm  # splines smooth over about 1.7 nodes
    depth, height, width = (_weights(n, spacing / step, rng.uniform()) for n, spacing in zip(shape, spacing_mm, strict=True))
    nodes = rng.standard_normal((channels, depth.shape[1], height.shape[1], width.shape[1]), dtype=np.float32)
    slices = np.matmul(depth, nodes.reshape(channels, depth.shape[1], -1)).reshape(-1, width.shape[1])
    rows = (slices @ width.T).reshape(channels, shape[0], height.shape[1], shape[2])
    field = np.matmul(height, rows)
    return field[0] if channels == 1 else field


def _weights(count: int, step: float, phase: float) -> NDArray[np.float32]:
    """Weights of nodes at each place along an axis, (count, nodes), scaled so that white nodes give unit SD on average."""
    place = np.arange(count, dtype=np.float32) * np.float32(step) + np.float32(phase)
    distance = np.abs(place[:, None] + 1 - np.arange(int(place[-1]) + 4, dtype=np.float32))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32) / np.float32(0.6924)  # root of the mean of the sum of squared weights
