"""Grids that the networks work on: along the patient's axes, isotropic, only where it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..image import Image


@dataclass(frozen=True)
class Sampled:
    """Part of a scan on a working grid.

    Attributes:
        image: float32 voxels on a grid along R, A, S.
        covered: where the scan has data, bool (K, J, I).
    """

    image: Image
    covered: NDArray[np.bool_]


def corners_ras(image: Image, lower_kji: Sequence[float] = (0, 0, 0), upper_kji: Sequence[float] | None = None) -> NDArray[np.float64]:
    """The eight outer corners in mm, shape (8, 3), of the whole image or of a box of voxels (half open)."""
    upper = image.shape if upper_kji is None else upper_kji
    low, high = np.asarray(lower_kji, float)[::-1] - 0.5, np.asarray(upper, float)[::-1] - 0.5
    indices = np.array([(i, j, k, 1.0) for i in (low[0], high[0]) for j in (low[1], high[1]) for k in (low[2], high[2])])
    return (indices @ image.ijk_to_ras.T)[:, :3]


def box_grid(low_ras: NDArray, high_ras: NDArray, spacing: float) -> Image:
    """An empty isotropic grid along R, A, S that covers a box in mm; its voxels take no memory."""
    counts = np.maximum(1, np.ceil((high_ras - low_ras) / spacing - 1e-6).astype(int))
    origin = (low_ras + high_ras) / 2 - (counts - 1) / 2 * spacing
    return Image.from_spacing(np.broadcast_to(np.float32(0), tuple(counts[::-1])), (spacing,) * 3, origin)


def sample(image: Image, grid: Image) -> Sampled:
    """A scan on a working grid: averaged where the grid is coarser, linear otherwise.

    The same patient gives the same values whatever the axis order of the file.
    """
    image = image.canonical()
    index_map = image.ras_to_ijk @ grid.ijk_to_ras
    axes = [np.arange(n, dtype=np.float64) for n in grid.size]
    covered = np.ones(grid.shape, bool)
    for row, count in zip(index_map[:3], image.size, strict=True):
        position = row[0] * axes[0] + row[3] + (row[1] * axes[1])[:, None] + (row[2] * axes[2])[:, None, None]
        covered &= (position >= -0.5) & (position <= count - 0.5)
    # Only the part of the scan under the grid is looked at: a crop of a large CT is then as cheap as a small scan.
    low, high = index_box(image, corners_ras(grid), margin=2)
    voxels = image.cropped(low, high).resampled(grid, antialias=True).voxels
    return Sampled(grid.with_voxels(voxels), covered)


def index_box(image: Image, points_ras: NDArray, margin: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest box of voxels, (k, j, i) half open, that holds the points; kept inside the image and never empty."""
    ijk = points_ras @ image.ras_to_ijk[:3, :3].T + image.ras_to_ijk[:3, 3]
    shape = np.array(image.shape)
    low = np.clip(np.floor(ijk.min(0))[::-1].astype(int) - margin, 0, shape - 1)
    high = np.clip(np.ceil(ijk.max(0))[::-1].astype(int) + 1 + margin, low + 1, shape)
    return low, high


def carry(channels: torch.Tensor, grid: Image, target: Image) -> torch.Tensor:
    """Channels (C, k, j, i) on ``grid``, linearly interpolated at the voxels of ``target``; (C, K, J, I).

    Beyond the centers of its outer voxels the grid fades to zero within one voxel.
    """
    index_map = grid.ras_to_ijk @ target.ijk_to_ras
    across = np.abs(index_map[:3, :3] - np.diag(index_map.diagonal()[:3]))
    parallel = bool((across @ target.size < _PARALLEL).all())
    return (_along_axes if parallel else _anywhere)(channels, index_map, target.size)


_PARALLEL = 1e-3  # voxels, over the whole target


def _along_axes(channels: torch.Tensor, index_map: NDArray, size: tuple[int, int, int]) -> torch.Tensor:
    """Axis by axis, where the axes of both grids are parallel: a third of the time of ``_anywhere``."""
    matrices = []
    for axis, count in enumerate(size):
        position = index_map[axis, axis] * np.arange(count) + index_map[axis, 3]
        weights = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(channels.shape[3 - axis])))
        used = np.flatnonzero(weights.any(axis=0))
        first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
        channels = channels.narrow(3 - axis, first, last - first)
        matrices.append(torch.from_numpy(weights[:, first:last].astype(np.float32)))
    channels = matrices[1] @ (channels @ matrices[0].T)
    return (matrices[2] @ channels.flatten(2)).unflatten(2, channels.shape[2:])


def _anywhere(channels: torch.Tensor, index_map: NDArray, size: tuple[int, int, int]) -> torch.Tensor:
    """At the places that the map of (i, j, k) gives."""
    sizes = np.array(channels.shape[:0:-1], float)
    # grid_sample counts from -1 to 1 over the outer faces of the voxels and takes x (I) first.
    scale = np.diag((*(2 / sizes), 1.0))
    scale[:3, 3] = 1 / sizes - 1
    there = scale @ index_map
    i, j, k = (torch.arange(n, dtype=torch.float32) for n in size)
    rows = [row[0] * i + (row[1] * j)[:, None] + ((row[2] * k) + row[3])[:, None, None] for row in there[:3].tolist()]
    points = torch.stack(rows, dim=-1)[None]
    return functional.grid_sample(channels[None], points, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
