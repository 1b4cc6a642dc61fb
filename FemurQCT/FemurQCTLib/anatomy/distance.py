"""Signed distances to a mesh on a grid: negative inside, exact near the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from DeepVolumetryLib.image import Image

from .shape import normals, smooth

_COARSE = 4  # every n-th voxel is asked first; only those near the surface are asked again
FAR_MM = 20.0
_BESIDE_MM = 2.5


def signed_distance(vertices: NDArray, faces: NDArray, grid: Image, subdivisions: int = 2) -> NDArray[np.float32]:
    """Distance in mm to a smoothed closed mesh at every voxel of an isotropic grid, negative inside, cut off at 20 mm; (K, J, I).

    The sign is that of the offset from the nearest of the dense vertices along its normal: right as long as the vertices lie
    closer together than the surface bends.
    """
    dense, triangles = smooth(vertices, faces, subdivisions)
    out = normals(dense, triangles)
    tree = cKDTree(dense)

    def measured(points: NDArray) -> NDArray[np.float32]:
        _, nearest = tree.query(points, workers=1)
        offset = points - dense[nearest]
        along = np.einsum("ij,ij->i", offset, out[nearest])
        length = np.linalg.norm(offset, axis=1)
        # Beside a vertex the tangent plane is closer to the truth than the vertex is; across a fold it is not.
        across = np.sqrt(np.maximum(length**2 - along**2, 0))
        return np.where(across < _BESIDE_MM, along, np.copysign(length, along)).astype(np.float32)

    counts = [-(-n // _COARSE) + 1 for n in grid.shape]
    first = np.stack(np.meshgrid(*[np.arange(n) * _COARSE for n in counts], indexing="ij"), axis=-1).reshape(-1, 3)
    rough = measured(_points(first, grid)).reshape(counts)
    field = ndimage.zoom(rough, [(_COARSE * (n - 1) + 1) / n for n in counts], order=1)[tuple(slice(0, n) for n in grid.shape)]
    near = np.abs(field) < 1.2 * _COARSE * max(grid.spacing)
    field[near] = measured(_points(np.argwhere(near), grid))
    return np.clip(field, -FAR_MM, FAR_MM).astype(np.float32)


def _points(index_kji: NDArray, grid: Image) -> NDArray[np.float64]:
    return index_kji[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
