"""Slabs of real cases: turned, stretched and warped, with another gray scale each time. Only FLAIR and T1ce are there."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..intensity import HIGHEST, LOWEST
from ..labels import SEQUENCES, targets_of
from .pack import Case
from .scene import Grid, Pose, pose_matrix
from .tumor import sampled

_PRESENT = (SEQUENCES.index("flair"), SEQUENCES.index("t1ce"))


def real_slab(case: Case, grid: Grid, rng: np.random.Generator, tumor_share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Images (4, K, J, I) as the network gets them, T1 and T2 all 0; targets (3, K, J, I) float; brain (K, J, I) bool."""
    size = np.array(case.labels.shape)
    found = np.flatnonzero(case.labels.any(axis=(1, 2)))
    height = float(rng.choice(found)) if len(found) and rng.random() < tumor_share else rng.uniform(0.08, 0.92) * size[0]
    matrix = pose_matrix(rng)
    center = np.array([height, (size[1] - 1) / 2, (size[2] - 1) / 2])
    points = Pose(matrix, center).applied(grid.points()) + grid.noise(40, rng, channels=3) * rng.uniform(0, 2.0)
    first, last = int(points[0].min().clamp_min(0)), int(points[0].max().clamp(1, size[0] - 2)) + 2
    points[0] -= first
    targets = np.stack(list(targets_of(case.labels[first:last], "brats2021").values()))
    fields = np.concatenate([case.images[:, first:last], targets, case.brain[None, first:last]], dtype=np.float32)
    values = sampled(torch.from_numpy(fields), points, 0.0)
    brain = values[-1] > 0.5
    images = torch.zeros(len(SEQUENCES), *grid.shape)
    for number, sequence in enumerate(_PRESENT):
        images[sequence] = _regraded(values[number], grid, rng) * brain
    return images, values[2:5] * brain, brain


def _regraded(image: Tensor, grid: Grid, rng: np.random.Generator) -> Tensor:
    """Another gray scale and coil, and a little noise."""
    bend = rng.uniform(-0.1, 0.1)
    image = torch.expm1(bend * image) / bend if abs(bend) > 0.01 else image
    image = image * rng.normal(1, 0.08) + rng.normal(0, 0.1) + grid.noise(120, rng) * rng.uniform(0, 0.2)
    image = image + torch.from_numpy(rng.standard_normal(grid.shape, dtype=np.float32)) * rng.uniform(0, 0.12)
    return image.clamp(LOWEST, HIGHEST)
