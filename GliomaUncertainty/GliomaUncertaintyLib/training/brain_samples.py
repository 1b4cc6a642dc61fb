"""Whole heads of any contrast, with their brain: what the network for the brain mask is trained on.

Contrasts drawn at random make a network that knows shapes and not intensities, so that it works on sequences that it has never
seen (SynthStrip, Hoopes et al., NeuroImage 2022). The half that resembles T1, T1ce, T2 or FLAIR is what it will mostly meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import IterableDataset, get_worker_info

from DeepVolumetryLib.training.acquisition import thick_slices
from DeepVolumetryLib.training.fields import displacement, smooth_noise

from ..brain_network import SPACING_MM, scaled
from .brain_pack import TISSUES, Head

SHAPE = (80, 80, 64)
"""Patch (K, J, I): 240 × 240 × 192 mm, a whole head."""

# Signal from 0 to 1 of each tissue in the order of TISSUES, as textbooks and scans have it; each draw scatters around it.
_CONTRASTS: dict[str, tuple[float, ...]] = {
    #        gray  white lesion deep  stem  ventr chor  csf   vessel eye  mucosa skin  soft  cord  bone  marrow
    "t1":   (0.50, 0.72, 0.50, 0.60, 0.66, 0.18, 0.40, 0.20, 0.45, 0.20, 0.50, 0.70, 0.65, 0.65, 0.10, 0.75),
    "t1ce": (0.48, 0.66, 0.48, 0.57, 0.62, 0.16, 0.85, 0.20, 0.90, 0.20, 0.85, 0.75, 0.65, 0.62, 0.12, 0.80),
    "t2":   (0.50, 0.33, 0.60, 0.42, 0.36, 0.95, 0.70, 0.92, 0.20, 0.95, 0.75, 0.45, 0.40, 0.38, 0.06, 0.45),
    "flair": (0.60, 0.46, 0.80, 0.54, 0.50, 0.10, 0.50, 0.14, 0.25, 0.15, 0.70, 0.55, 0.45, 0.50, 0.06, 0.45),
}  # fmt: skip
_RANDOM_SHARE = 0.5
_SCATTER = 0.08
_STRIPPED_SHARE = 0.12  # so that a brain without its head, should it not be recognized as such, is still kept whole


def draw_contrast(rng: np.random.Generator, kind: str = "") -> Tensor:
    """Mean signal of each tissue; of a sequence ("t1", "t1ce", "t2", "flair"), or of any kind if ""."""
    if not kind and rng.random() < _RANDOM_SHARE:
        return torch.from_numpy(rng.uniform(0, 1, len(TISSUES)).astype(np.float32))
    kind = kind or str(rng.choice(list(_CONTRASTS)))
    mean = np.array(_CONTRASTS[kind]) + rng.normal(0, _SCATTER, len(TISSUES))
    return torch.from_numpy(mean.clip(0, 1.2).astype(np.float32))


def image_of(shares: Tensor, brain: Tensor, contrast: Tensor, spacing_mm: float, rng: np.random.Generator) -> Tensor:
    """A magnitude image of a head, float32 (K, J, I), any scale.

    Args:
        shares: of each tissue, (C, K, J, I), 0 to 1.
        brain: share of the brain, (K, J, I); lesions grow in it.
        contrast: mean signal of each tissue, (C,).
        spacing_mm: of the voxels.
    """
    shape = tuple(brain.shape)
    extent = max(shape) * spacing_mm
    image = torch.einsum("c,ckji->kji", contrast, shares)
    texture = 0.7 * smooth_noise(shape, extent, rng.uniform(6, 15), rng) + 0.4 * torch.from_numpy(rng.standard_normal(shape, np.float32))
    # Fat, muscle and glands are one label: their signal varies far more than that of the brain.
    rough = 0.03 + shares[list(TISSUES).index("soft")] * rng.uniform(0.03, 0.25) + shares[list(TISSUES).index("mucosa")] * 0.2
    image = image + rough * texture * shares.sum(0)
    for _ in range(int(rng.integers(0, 4))):
        image = _with_lesion(image, brain, spacing_mm, rng)
    image = image.clamp_min(0) * torch.exp(smooth_noise(shape, extent, rng.uniform(70, 220), rng) * rng.uniform(0, 0.3))
    image = thick_slices(image, spacing_mm, rng)
    noise = rng.uniform(0.002, 0.06)
    real, imaginary = (torch.from_numpy(rng.standard_normal(shape, np.float32)) * noise for _ in range(2))
    return torch.sqrt((image + real) ** 2 + imaginary**2)  # Rician, as magnitude images are


def draw_sample(heads: list[Head], rng: np.random.Generator, shape: tuple[int, int, int] = SHAPE) -> tuple[Tensor, Tensor, Tensor]:
    """One sample: image (1, K, J, I) float32, brain (K, J, I) uint8, where the loss counts (everywhere)."""
    head = heads[int(rng.integers(len(heads)))]
    # Each tissue draws on its own, but left and right are one: a mirrored head is another head.
    found = functional.grid_sample(
        torch.from_numpy(head.shares).float().div_(255)[None],
        _places(head.shares.shape[1:], shape, rng)[None],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )[0]
    shares, brain = found[:-1], found[-1]
    image = image_of(shares, brain, draw_contrast(rng), SPACING_MM, rng)
    if rng.random() < _STRIPPED_SHARE:
        image = image * (brain > rng.uniform(0.02, 0.4))
    image, seen = _cut(image, rng)
    target = ((brain > 0.5) & seen).to(torch.uint8)
    voxels = scaled(np.power(image.numpy(), np.float32(np.exp(rng.uniform(-0.3, 0.3)))))
    return torch.from_numpy(voxels)[None], target, torch.ones(shape, dtype=torch.bool)


class Samples(IterableDataset):
    """Endless samples; every worker and every resumed slice draws its own."""

    def __init__(self, heads: list[Head], seed: int, shape: tuple[int, int, int] = SHAPE) -> None:
        self.heads, self.seed, self.shape = heads, seed, shape

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield draw_sample(self.heads, rng, self.shape)


def _places(source: tuple[int, ...], shape: tuple[int, int, int], rng: np.random.Generator) -> Tensor:
    """Where each voxel of the patch comes from, for ``grid_sample``: turned, scaled, sheared, mirrored and bent."""
    angle = np.deg2rad(rng.uniform(-20, 20, 3))
    turns = [_turn(axis, angle[axis]) for axis in range(3)]
    matrix = turns[0] @ turns[1] @ turns[2] @ np.diag(np.exp(rng.uniform(-0.16, 0.16, 3)))
    matrix += rng.uniform(-0.06, 0.06, (3, 3)) * (1 - np.eye(3))
    if rng.random() < 0.5:
        matrix[:, 0] *= -1
    lines = [(torch.arange(count, dtype=torch.float32) - (count - 1) / 2) * SPACING_MM for count in shape[::-1]]
    x, y, z = lines[0][None, None, :], lines[1][None, :, None], lines[2][:, None, None]
    bend = displacement(shape, max(shape) * SPACING_MM, rng, 60.0, 6.0)
    shift = rng.uniform(-15, 15, 3)
    axes = []
    for row, count, off, bent in zip(matrix.tolist(), source[::-1], shift.tolist(), bend, strict=True):
        axes.append((row[0] * x + row[1] * y + row[2] * z + off + bent) * (2 / (count * SPACING_MM)))
    return torch.stack(axes, dim=-1)


def _turn(axis: int, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = ((1, 2), (0, 2), (0, 1))[axis]
    matrix = np.eye(3)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = cos, -sin, sin, cos
    return matrix


def _with_lesion(image: Tensor, brain: Tensor, spacing_mm: float, rng: np.random.Generator) -> Tensor:
    """A tumor, its edema or a cavity: a lumpy ball of any signal somewhere in the brain."""
    inside = torch.nonzero(brain > 0.9)
    if not len(inside):
        return image
    center = inside[int(rng.integers(len(inside)))]
    radius = rng.uniform(6, 32) / spacing_mm
    k, j, i = (torch.arange(count) - int(at) for count, at in zip(image.shape, center, strict=True))
    distance = torch.sqrt((k**2)[:, None, None] + (j**2)[:, None] + (i**2).float())
    lumpy = radius * (1 + 0.3 * smooth_noise(tuple(image.shape), max(image.shape) * spacing_mm, 25, rng))
    share = (lumpy - distance + 0.5).clamp(0, 1) * brain
    if rng.random() < 0.4:  # an enhancing rim, or edema around a core
        share = share * (1 - 0.8 * (0.6 * lumpy - distance + 0.5).clamp(0, 1))
    return image + share * (rng.uniform(0, 1.3) - image)


def _cut(image: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The image without what scanners and anonymization leave out (slices above or below, the face), and where it still has data."""
    k, j, _ = image.shape
    seen = torch.ones_like(image, dtype=torch.bool)
    if rng.random() < 0.5:
        seen[: int(rng.uniform(0, 0.35) * k)] = False
        seen[k - int(rng.uniform(0, 0.12) * k) :] = False
    if rng.random() < 0.15:
        slope = rng.uniform(0.4, 1.2)
        rows, columns = torch.arange(k)[:, None], torch.arange(j)[None, :]
        seen[(columns - rng.uniform(0.76, 0.88) * j) > slope * (rows - rng.uniform(0.15, 0.35) * k)] = False
    image = image * seen
    if rng.random() < 0.3:
        image[image < torch.quantile(image[::4, ::4, ::4], 0.3)] = 0
    return image, seen
