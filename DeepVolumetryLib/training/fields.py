"""Smooth random fields for synthesis: noise and displacements with a stated wavelength."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..phantom import noise


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
    """``phantom.noise.spline_noise`` as a tensor."""
    return torch.from_numpy(noise.spline_noise(shape, spacing_mm, wavelength_mm, rng, channels))
