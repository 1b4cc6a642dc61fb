"""From a scene to T1, T1ce, T2 and FLAIR as scanners make them, on the scale that the network gets."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DeepVolumetryLib.phantom.brain_tissues import INDEX, SEQUENCES, TISSUES, BrainContrast

from ..intensity import HIGHEST, LOWEST
from .pack import BRAIN, Head
from .scene import Grid, Scene
from .tumor import EDEMA, ENHANCING, NECROSIS, NONE, NONENHANCING, Tumor

_TISSUE_OF_PART = torch.zeros(5, dtype=torch.uint8)
for _part, _name in ((NECROSIS, "necrosis"), (EDEMA, "edema"), (NONENHANCING, "nonenhancing"), (ENHANCING, "enhancing")):
    _TISSUE_OF_PART[_part] = INDEX[_name]
_NEAR_BRAIN = (*BRAIN, INDEX["csf"], INDEX["dura"], INDEX["vessel"])


def varied(contrast: BrainContrast, rng: np.random.Generator) -> BrainContrast:
    """A contrast that no table would give, in one draw of six; blood in a necrosis, in one of twelve; clear fluid in it, in one of five."""
    mean = contrast.mean.copy()
    if rng.random() < 1 / 6:
        mean *= np.exp(rng.normal(0, 0.15, mean.shape))
        t1, t1ce = mean[0], mean[1]
        t1ce[INDEX["enhancing"]] = max(t1ce[INDEX["enhancing"]], 1.2 * t1[INDEX["enhancing"]], 1.1 * t1ce[INDEX["white"]])
        t2, flair = mean[2], mean[3]
        for image, brighter in ((t2, 1.2), (flair, 1.15)):
            image[INDEX["edema"]] = max(image[INDEX["edema"]], brighter * max(image[INDEX["cortex"]], image[INDEX["white"]]))
    if rng.random() < 1 / 12:
        blood = rng.uniform(0.9, 1.7)
        mean[:2, INDEX["necrosis"]] = blood, blood * rng.uniform(0.95, 1.05)
    elif rng.random() < 0.2:  # a cavity: FLAIR suppresses it as it does the ventricles
        mean[:, INDEX["necrosis"]] = mean[:, INDEX["ventricle"]] * np.exp(rng.normal(0, 0.15, len(mean)))
    return BrainContrast(mean, contrast.texture * mean / contrast.mean)


def acquire(scene: Scene, contrast: BrainContrast, grid: Grid, rng: np.random.Generator) -> Tensor:
    """Signal of the four sequences, float32 (4, K, J, I), relative to white or gray matter; brain mask not applied."""
    core = (scene.parts != NONE) & (scene.parts != EDEMA)
    index = torch.where(core, _TISSUE_OF_PART.index_select(0, scene.parts.reshape(-1).int()).reshape(scene.parts.shape), scene.tissue)
    flat = index.reshape(-1).int()
    mean, texture = (torch.from_numpy(values).float() for values in (contrast.mean, contrast.texture))
    shape = (len(SEQUENCES), *grid.shape)
    image = mean.index_select(1, flat).reshape(shape)
    share = torch.where(core, 0.0, scene.infiltration)
    edema = mean[:, INDEX["edema"]].reshape(4, 1, 1, 1)
    image = image + share * (edema * (1 + 0.08 * grid.noise(rng.uniform(6, 20), rng)) - image)
    uneven = texture.index_select(1, flat).reshape(shape)
    white = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    image = image + uneven * (0.4 * white + 0.9 * grid.noise(rng.uniform(4, 9), rng, channels=4))
    if core.any():
        image = image * torch.where(core, torch.exp(grid.noise(rng.uniform(8, 20), rng, channels=4) * rng.uniform(0, 0.18)), 1.0)
    return torch.stack([_scanned(image[n], mean[n], grid, rng) for n in range(len(SEQUENCES))])


def _scanned(image: Tensor, mean: Tensor, grid: Grid, rng: np.random.Generator) -> Tensor:
    """One sequence: coil, resolution, slices, noise."""
    coil = grid.noise(rng.uniform(90, 200), rng)
    # A gain of the whole brain would be scaled away; a slab may still be a little brighter than the brain.
    image = image * torch.exp((coil - 0.8 * coil.mean()) * rng.uniform(0, 0.15))
    noise = torch.from_numpy(rng.standard_normal(grid.shape, dtype=np.float32)) * float(rng.uniform(0.005, 0.045) * mean[INDEX["white"]])
    before = rng.random() < 0.6  # scanners' noise is smoothed when images are resampled
    if before:
        image = image + 1.5 * noise
    sigma, array = rng.uniform(0.35, 0.95), image.numpy()
    for axis in (1, 2):
        array = ndimage.correlate1d(array, _taps(sigma / grid.spacing[axis]), axis, mode="nearest")
    image = torch.from_numpy(array)
    if rng.random() < 0.6:
        axis = int(rng.choice(3, p=[0.8, 0.1, 0.1]))
        image = thick_slices(image, axis, rng.uniform(2.0, 6.0) / grid.spacing[axis], rng)
    return (image if before else image + noise).abs()


def thick_slices(image: Tensor, axis: int, thickness: float, rng: np.random.Generator) -> Tensor:
    """Average over slices of ``thickness`` voxels along an axis and put them back on the grid; the first slice begins anywhere."""
    if thickness <= 1.05:
        return image
    count = image.shape[axis]
    edges = np.arange(-rng.uniform(0, thickness), count + thickness, thickness)
    place = np.arange(count)
    overlap = np.minimum(place + 1, edges[1:, None]) - np.maximum(place, edges[:-1, None])
    average = overlap.clip(0)
    average = average[average.sum(1) > 0.3]
    middles = (average * (place + 0.5)).sum(1) / average.sum(1)
    average /= average.sum(1, keepdims=True)
    back = np.stack([np.interp(place + 0.5, middles, row) for row in np.eye(len(middles))], axis=1)
    matrix = torch.from_numpy(back @ average).float()
    return torch.tensordot(matrix, image, dims=([1], [axis])).movedim(0, axis)


def _taps(sigma: float) -> np.ndarray:
    side = float(np.exp(-0.5 / max(sigma, 0.1) ** 2))
    return np.array([side, 1.0, side]) / (1 + 2 * side)


def normalized(images: Tensor, scene: Scene, contrast: BrainContrast, head: Head, tumor: Tumor | None, rng: np.random.Generator) -> Tensor:
    """As ``intensity.normalized`` would scale the whole brain, of which the slab is a part: from tissue volumes and mean signals.

    A little gain and offset is drawn on top, because another brain mask would give other statistics.
    """
    volumes = _volumes_ml(head, tumor)
    shares = volumes / volumes.sum()
    mean = contrast.mean @ shares
    # Partial volume takes some of the spread between tissues, texture and coil add some.
    variance = 0.85 * ((contrast.mean - mean[:, None]) ** 2) @ shares + (contrast.texture**2) @ shares + (0.05 * mean) ** 2
    gain, offset = rng.normal(1, 0.06, 4), rng.normal(0, 0.08, 4)
    scale = torch.from_numpy(gain / np.sqrt(variance)).float().reshape(4, 1, 1, 1)
    shift = torch.from_numpy(mean).float().reshape(4, 1, 1, 1)
    values = (images - shift) * scale + torch.from_numpy(offset).float().reshape(4, 1, 1, 1)
    return values.clamp(LOWEST, HIGHEST) * scene.brain


def _volumes_ml(head: Head, tumor: Tumor | None) -> np.ndarray:
    """Volume of each tissue inside the brain mask, mL; a tumor takes the place of white and gray matter."""
    inside = head.tissue[::3, ::3, ::3][head.rim[::3, ::3, ::3] < 4]
    volumes = np.bincount(inside, minlength=len(TISSUES)) * 0.027
    volumes[[n for n in range(len(TISSUES)) if n not in _NEAR_BRAIN]] = 0
    if tumor is not None:
        total = tumor.volumes_ml.sum()
        volumes[INDEX["white"]] = max(volumes[INDEX["white"]] - 0.7 * total, 1.0)
        volumes[INDEX["cortex"]] = max(volumes[INDEX["cortex"]] - 0.3 * total, 1.0)
        volumes[_TISSUE_OF_PART[1:].numpy()] += tumor.volumes_ml
    return volumes
