"""Smooth random fields for synthesis: noise and displacements with a stated wavelength."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def smooth_noise(shape: tuple[int, ...], extent_mm: float, wavelength_mm: float, rng: np.random.Generator, channels: int = 1) -> Tensor:
    """Noise of about unit SD that varies over ``wavelength_mm``; shape (K, J, I), or (channels, K, J, I) for several.

    ``extent_mm`` is the length of the longest side of the patch.
    """
    step = extent_mm / max(shape)
    nodes = [max(2, int(np.ceil(n * step / wavelength_mm)) + 1) for n in shape]
    values = torch.from_numpy(rng.standard_normal((1, channels, *nodes), dtype=np.float32))
    field = functional.interpolate(values, size=shape, mode="trilinear", align_corners=True)[0]
    field = field * 1.35  # linear interpolation lowers the SD of white nodes to about 0.74
    return field[0] if channels == 1 else field


def displacement(shape: tuple[int, int, int], extent_mm: float, rng: np.random.Generator, coarse_mm: float, amplitude_mm: float) -> Tensor:
    """Smooth displacement in mm, shape (3, K, J, I); the amplitude of each draw is uniform up to ``amplitude_mm``."""
    return smooth_noise(shape, extent_mm, coarse_mm, rng, channels=3) * (rng.uniform(0, amplitude_mm))


def spline_noise(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], wavelength_mm: float, rng: np.random.Generator, channels: int = 1
) -> Tensor:
    """Noise of about unit SD that varies over ``wavelength_mm``, without creases; shape as that of ``smooth_noise``.

    Cubic B-splines between random nodes whose lattice lies anywhere, applied an axis at a time: right for thin slabs and for voxels
    that are longer than wide.
    """
    step = 0.6 * wavelength_mm  # splines smooth over about 1.7 nodes
    weights = [_spline_weights(count, spacing / step, rng.uniform()) for count, spacing in zip(shape, spacing_mm, strict=True)]
    nodes = torch.from_numpy(rng.standard_normal((channels, *(w.shape[1] for w in weights)), dtype=np.float32))
    depth, height, width = weights
    field = torch.einsum("zk,ckji->czji", depth, nodes)
    field = torch.matmul(torch.matmul(height, field), width.T)
    return field[0] if channels == 1 else field


def _spline_weights(count: int, step: float, phase: float) -> Tensor:
    """Weights of nodes at each place along an axis, (count, nodes), scaled so that white nodes give unit SD on average."""
    place = torch.arange(count, dtype=torch.float32) * step + phase
    nodes = int(place[-1]) + 4
    distance = (place[:, None] + 1 - torch.arange(nodes)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    return torch.where(distance < 1, near, far) / 0.6924  # root of the mean of the sum of squared weights
