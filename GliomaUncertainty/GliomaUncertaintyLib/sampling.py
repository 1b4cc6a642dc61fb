"""Pixels: from slices to sphere images and back, for all slices at once.

Each pixel of a sphere image is the mean of 2 x 2 bilinear samples of the slice spread evenly over it. Where a pixel covers more than one
pixel of the slice (2.25 of them under the identity, 1 mm to 1.5 mm, and up to seven at the rim of a sphere) single samples would alias; in
the magnified middle the four lie closer together than the slice's own pixels, so that nothing is blurred there.

Training samples other places each time and takes ``grid_sample``. Prediction samples the same places for some hundred slices
and four sequences, so a projection is turned into a sparse matrix once: same numbers, each weight computed once instead of
for every channel, and nothing spent on pixels outside of the brain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch.nn import functional

from .networks import PIXEL_MM, STRIDE
from .projection import Pair, Points, Projection, farthest

SAMPLES = 2
"""Samples along each side of a pixel of a sphere image."""


@dataclass(frozen=True)
class Raster:
    """Pixels and where they lie.

    Attributes:
        shape: (rows, columns).
        pixel_mm: distance between neighbors along (y, x).
        origin_mm: (y, x) of the middle of the first pixel.
    """

    shape: tuple[int, int]
    pixel_mm: Pair = (1.0, 1.0)
    origin_mm: Pair = (0.0, 0.0)

    def points(self, samples: int = 1) -> Points:
        """Places of all pixels in mm, (rows·samples, columns·samples, 2); with samples > 1 spread evenly over each pixel."""
        axes = [
            origin + step * ((np.arange(count * samples) + 0.5) / samples - 0.5)
            for count, step, origin in zip(self.shape, self.pixel_mm, self.origin_mm, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    def indices(self, points: Points) -> Points:
        """Places in mm as (row, column), not rounded."""
        return (points - self.origin_mm) / self.pixel_mm


def sphere_raster(projection: Projection, points: Points, pixel_mm: float = PIXEL_MM, shape: tuple[int, int] | None = None) -> Raster:
    """The smallest raster, sides multiples of 16, on which all the given points of the plane are seen.

    A linear view has the size of the plain one instead, around its own center: it cannot show everything.

    Args:
        projection: how they are seen.
        points: (n, 2) in mm, e.g. the brain.
        pixel_mm: of the raster.
        shape: a fixed shape instead, around the same middle.
    """
    linear = projection.kind == "linear"
    seen = points if linear else projection.forward(points)
    low, high = seen.min(axis=0) - pixel_mm, seen.max(axis=0) + pixel_mm
    if shape is None:
        rows, columns = (STRIDE * math.ceil(extent / pixel_mm / STRIDE) for extent in high - low)
        shape = (rows, columns)
    middle = projection.center_mm if linear else (low + high) / 2
    origin = middle - (np.array(shape) - 1) / 2 * pixel_mm
    return Raster(shape, (pixel_mm, pixel_mm), (float(origin[0]), float(origin[1])))


def grid_of(points: Points, source: Raster) -> torch.Tensor:
    """Places in mm as ``torch.nn.functional.grid_sample`` wants them (align_corners=False), float32 (1, rows, columns, 2)."""
    position = (2 * source.indices(points) + 1) / source.shape - 1
    position = np.nan_to_num(position[..., ::-1], nan=-2.0)  # x first; what lies outside is zero
    return torch.from_numpy(np.clip(position, -2, 2).astype(np.float32))[None]


def sphere_grid(
    shape_hw: tuple[int, int],
    center_ij: Pair,
    kind: str,
    magnification: float,
    pixel_mm: Pair = (1.0, 1.0),
    sphere_shape: tuple[int, int] = (160, 160),
    sphere_pixel_mm: float = PIXEL_MM,
    field: Points | None = None,
    mirrored: bool = False,
) -> torch.Tensor:
    """Grid that shows a slice from one center; for training, where every sample has its own.

    Args:
        shape_hw: of the slice in pixels.
        center_ij: (row, column) of the center in pixels of the slice.
        kind, magnification, mirrored: see ``Projection``.
        pixel_mm: of the slice.
        sphere_shape: of what is to come out; a batch needs one shape.
        sphere_pixel_mm: of what is to come out.
        field: (n, 2) rows and columns of the slice that must be in view, e.g. corners of the brain's box; the slice's corners if None.

    Returns:
        For ``sample``, float32 (1, 2·rows, 2·columns, 2).
    """
    plane = Raster(shape_hw, pixel_mm)
    if field is None:
        field = np.array([(y, x) for y in (0, shape_hw[0] - 1) for x in (0, shape_hw[1] - 1)], float)
    points = np.asarray(field, float) * pixel_mm
    center = (center_ij[0] * pixel_mm[0], center_ij[1] * pixel_mm[1])
    projection = Projection(kind, magnification, center, farthest(points, center), mirrored)
    sphere = sphere_raster(projection, points, sphere_pixel_mm, sphere_shape)
    return grid_of(projection.inverse(sphere.points(SAMPLES)), plane)


def sample(images: torch.Tensor, grid: torch.Tensor, samples: int = SAMPLES) -> torch.Tensor:
    """Images (N, C, H, W) at the places of a grid (N or 1, rows·samples, columns·samples, 2); (N, C, rows, columns).

    Linear, 0 outside. Probabilities are sampled like intensities; of labels sample one map per class.
    """
    if len(grid) != len(images):
        grid = grid.expand(len(images), -1, -1, -1)
    found = functional.grid_sample(images, grid.to(images), mode="bilinear", padding_mode="zeros", align_corners=False)
    return functional.avg_pool2d(found, samples) if samples > 1 else found


def sampling_matrix(points: Points, source: Raster) -> csr_array:
    """Bilinear sampling as a sparse matrix, float32 (n, pixels of the source).

    Args:
        points: (n, samples, 2) in mm; the mean of the samples is taken. Outside of the source, and where NaN, everything is 0.
        source: where is sampled.

    ``matrix @ values`` with values (pixels, anything) gives (n, anything): the same numbers as ``sample``.
    """
    rows, columns = source.shape
    count, samples = points.shape[:2]
    position = np.clip(np.nan_to_num(source.indices(points), nan=-2.0), -2, (rows + 1, columns + 1)).reshape(-1, 2)
    corner = np.floor(position)
    y, x = corner.astype(np.int32).T
    down, right = (position - corner).astype(np.float32).T
    pixel, weight = np.empty((len(y), 4), np.int32), np.empty((len(y), 4), np.float32)
    for number, (dy, dx) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        inside = (y + dy >= 0) & (y + dy < rows) & (x + dx >= 0) & (x + dx < columns)
        share = (down if dy else 1 - down) * (right if dx else 1 - right) / np.float32(samples)
        pixel[:, number] = np.where(inside, (y + dy) * columns + x + dx, 0)
        weight[:, number] = np.where(inside, share, 0)
    starts = np.arange(count + 1, dtype=np.int32) * (4 * samples)
    matrix = csr_array((weight.ravel(), pixel.ravel(), starts), shape=(count, rows * columns))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


@lru_cache(maxsize=16)
def sphere_matrix(projection: Projection, plane: Raster, sphere: Raster) -> csr_array:
    """Matrix that takes slices (pixels of the plane, anything) to sphere images (pixels of the sphere, anything).

    Kept for the last sixteen keys, about 1 MB each: members that see the same way, and another run on the same patient, share it.
    """
    points = projection.inverse(sphere.points(SAMPLES))
    rows, columns = sphere.shape
    by_pixel = points.reshape(rows, SAMPLES, columns, SAMPLES, 2).swapaxes(1, 2).reshape(rows * columns, SAMPLES**2, 2)
    return sampling_matrix(by_pixel, plane)


def plane_matrix(projection: Projection, points: Points, sphere: Raster) -> csr_array:
    """Matrix that takes sphere images (pixels of the sphere, anything) back to points of the plane (n, 2) in mm: (n, anything)."""
    return sampling_matrix(projection.forward(points)[:, None], sphere)


def covered(projection: Projection, points: Points, sphere: Raster) -> NDArray[np.bool_]:
    """Which points of the plane (n, 2) in mm lie within the sphere image, so that a prediction there is one; bool (n,)."""
    index = sphere.indices(projection.forward(points))
    return np.asarray(((index >= 0) & (index <= np.subtract(sphere.shape, 1))).all(axis=-1))
