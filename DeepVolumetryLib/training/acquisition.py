"""From tissues to an image as a scanner would make it: contrast, texture, coil, blur, slices, noise, field of view.

The idea of training on images drawn at random from label maps is that of SynthSeg (Billot et al., Med Image Anal 2023).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ..phantom.tissues import INDEX, Contrast
from .fields import smooth_noise


def acquire(tissue: Tensor, contrast: Contrast, spacing: float, rng: np.random.Generator) -> Tensor:
    """Image of a tissue map, float32 (K, J, I): HU for CT, arbitrary signal otherwise.

    Args:
        tissue: index into ``phantom.tissues.TISSUES``, (K, J, I), isotropic.
        contrast: mean and texture of each tissue.
        spacing: mm.
    """
    shape = tuple(tissue.shape)
    extent = max(shape) * spacing
    index = tissue.reshape(-1).to(torch.int32)
    mean, texture = (torch.from_numpy(values).float().index_select(0, index).reshape(shape) for values in (contrast.mean, contrast.texture))
    image = mean + texture * (
        0.6 * smooth_noise(shape, extent, rng.uniform(4, 9), rng) + 0.5 * torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    )
    image = _blur(image, rng.uniform(0.25, 0.75))
    if contrast.modality == "T2" and rng.random() < 0.4:
        # Fat saturation fails where the field is not homogeneous: at the shoulders, the hips, below the diaphragm.
        failing = (smooth_noise(shape, extent, 160, rng) - rng.uniform(0.3, 1.2)).clamp_min(0)
        image = torch.where(tissue == INDEX["fat"], image + failing * rng.uniform(0.3, 2.0), image)
    if contrast.modality != "CT":
        image = image.clamp_min(0) * torch.exp(smooth_noise(shape, extent, rng.uniform(90, 250), rng) * rng.uniform(0, 0.45))
        if rng.random() < 0.5:
            image = image * _near_coils(shape, extent, rng)
    image = thick_slices(image, spacing, rng)
    if contrast.modality == "CT":
        image = image + torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) * rng.uniform(3, 28)
        return image
    scale = float(contrast.mean.max()) if contrast.modality == "random" else 1.0
    noise = rng.uniform(0.01, 0.09) * scale
    real = image + torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) * noise
    imaginary = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) * noise
    return torch.sqrt(real * real + imaginary * imaginary)  # Rician, as magnitude images are


def _near_coils(shape: tuple[int, ...], extent_mm: float, rng: np.random.Generator) -> Tensor:
    """What surface coils add: up to six times the signal of the middle at the skin of a trunk 400 mm long, (K, J, I)."""
    squared = torch.zeros(())
    for axis, count in enumerate(shape):
        line = (torch.linspace(-1, 1, count) - rng.uniform(-0.3, 0.3)) ** 2 * rng.uniform(0, 1)
        squared = squared + line.reshape([-1 if n == axis else 1 for n in range(3)])
    return torch.exp(squared * (rng.uniform(0, 1.2) * extent_mm / 400)).clamp_max(6.0)


def thick_slices(image: Tensor, spacing: float, rng: np.random.Generator) -> Tensor:
    """Average over slices of 1-7 mm along a random axis and put them back on the grid, as resampling a scan does."""
    if rng.random() < 0.25:
        return image
    axis = int(rng.choice(3, p=[0.5, 0.4, 0.1]))
    thickness = rng.uniform(1.5, 7.0) / spacing
    if thickness < 1.3:
        return image
    count = max(2, round(image.shape[axis] / thickness))
    size = list(image.shape)
    size[axis] = count
    slices = functional.interpolate(image[None, None], size=size, mode="area")
    mode = "trilinear" if rng.random() < 0.85 else "nearest"
    kwargs = {"align_corners": False} if mode == "trilinear" else {}
    return functional.interpolate(slices, size=tuple(image.shape), mode=mode, **kwargs)[0, 0]


def field_of_view(shape: tuple[int, int, int], spacing: float, rng: np.random.Generator, thinnest_mm: float = 80.0) -> Tensor:
    """What the scan covers, bool (K, J, I): a slab across one random axis in 55 % of the draws, all otherwise.

    Half of the slabs are tilted by up to 35 degrees, as coronal scans along the kidneys are.
    """
    if rng.random() < 0.45:
        return torch.ones(shape, dtype=torch.bool)
    axis = int(rng.choice(3, p=[0.4, 0.55, 0.05]))
    other = int(rng.choice([n for n in range(3) if n != axis], p=[0.75, 0.25]))  # coronal slabs nod more than they turn
    angle = np.deg2rad(rng.uniform(-35, 35)) if rng.random() < 0.5 else 0.0
    extent = shape[axis] * spacing
    length = rng.uniform(min(thinnest_mm, extent * 1.1), extent * 1.1)
    middle = max(0.0, (extent - length) / 2) * rng.uniform(-1, 1)
    lines = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * spacing for n in shape]
    along = lines[axis].reshape([-1 if n == axis else 1 for n in range(3)]) * float(np.cos(angle))
    across = lines[other].reshape([-1 if n == other else 1 for n in range(3)]) * float(np.sin(angle))
    inside = (along + across - middle).abs() <= max(length, spacing) / 2  # one slice at least
    return inside.expand(shape).contiguous()


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian of ``sigma`` voxels, three taps an axis: the partial volume of voxels about one sigma wide."""
    side = float(np.exp(-0.5 / sigma**2))
    kernel = np.array([side, 1.0, side], np.float32) / (1 + 2 * side)
    array = image.numpy()
    for axis in range(3):
        array = ndimage.correlate1d(array, kernel, axis, mode="nearest")
    return torch.from_numpy(array)
