"""Image: voxels and where they lie in the patient.

This is the only place that knows about IJK, RAS and LPS. Voxels are stored (K, J, I), as SimpleITK and VTK hand them
to numpy, or (C, K, J, I) with channels first. ``ijk_to_ras`` maps the homogeneous index (i, j, k, 1) to millimeters
in RAS, as ``vtkMRMLVolumeNode.GetIJKToRASMatrix`` does; any invertible affine is allowed, sheared and left-handed
ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Image:
    """Voxels with their geometry.

    Attributes:
        voxels: shape (K, J, I) or (C, K, J, I).
        ijk_to_ras: 4x4, float64, index (i, j, k, 1) to mm in RAS world coordinates.
        modality: DICOM modality ("CT", "MR", "US") or "" if unknown.
        uid: DICOM series instance UID, or "".
        frame_uid: DICOM frame of reference UID, or "": positions in another one cannot be compared.
        patient: something that differs between patients and names none of them (a hash), or "" if unknown.
        name: what the user calls it; never a patient name.
        spacing_source: where the pixel size of a single picture comes from, in words; "" if nobody said, which is what a picture must not
            be measured with. Volumes leave it empty: their formats state it.

    Raises:
        ValueError: if the shapes are wrong or the matrix cannot be inverted.
    """

    voxels: NDArray
    ijk_to_ras: NDArray[np.float64]
    modality: str = ""
    uid: str = ""
    name: str = field(default="", compare=False)
    frame_uid: str = ""
    patient: str = ""
    spacing_source: str = ""

    def __post_init__(self) -> None:
        voxels = np.asarray(self.voxels)
        matrix = np.array(self.ijk_to_ras, dtype=np.float64)
        if voxels.ndim not in (3, 4):
            raise ValueError(f"voxels must have 3 or 4 axes, not {voxels.ndim}")
        if matrix.shape != (4, 4) or not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise ValueError("ijk_to_ras must be a 4x4 affine matrix")
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
            raise ValueError("ijk_to_ras cannot be inverted")
        matrix.setflags(write=False)
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "ijk_to_ras", matrix)

    @classmethod
    def from_spacing(
        cls,
        voxels: NDArray,
        spacing: ArrayLike,
        origin_ras: ArrayLike = (0, 0, 0),
        direction_ras: ArrayLike | None = None,
        **attributes: str,
    ) -> Image:
        """Image from spacing (mm along I, J, K), origin in RAS and the 3x3 matrix whose columns are the RAS directions of I, J, K."""
        matrix = np.eye(4)
        matrix[:3, :3] = (np.eye(3) if direction_ras is None else np.asarray(direction_ras, float)) * np.asarray(spacing, float)
        matrix[:3, 3] = origin_ras
        return cls(voxels, matrix, **attributes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxel counts along (K, J, I)."""
        k, j, i = self.voxels.shape[-3:]
        return k, j, i

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxel counts along (I, J, K), as SimpleITK's GetSize."""
        k, j, i = self.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbors in mm along (I, J, K)."""
        i, j, k = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL: |det| of the matrix, right for sheared grids too."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])) / 1000)

    @cached_property
    def ras_to_ijk(self) -> NDArray[np.float64]:
        """Inverse of ``ijk_to_ras``."""
        return np.asarray(np.linalg.inv(self.ijk_to_ras), np.float64)

    def same_grid(self, other: Image, tolerance_mm: float = 1e-3) -> bool:
        """True if every voxel of both images has the same index and lies at the same place within the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array([(i, j, k, 1) for i in (0, self.size[0]) for j in (0, self.size[1]) for k in (0, self.size[2])], float)
        return bool(np.abs(corners @ (self.ijk_to_ras - other.ijk_to_ras).T).max() < tolerance_mm)

    def with_voxels(self, voxels: NDArray) -> Image:
        """Other voxels on the same grid."""
        if voxels.shape[-3:] != self.shape:
            raise ValueError(f"voxels of shape {voxels.shape} do not fit the grid {self.shape}")
        return replace(self, voxels=voxels)

    def cropped(self, lower_kji: ArrayLike, upper_kji: ArrayLike) -> Image:
        """The box lower <= (k, j, i) < upper; a view, not a copy. The box must lie inside."""
        low, high = np.asarray(lower_kji, int), np.asarray(upper_kji, int)
        if (low < 0).any() or (high > self.shape).any() or (low >= high).any():
            raise ValueError(f"box {low.tolist()}..{high.tolist()} is not inside {self.shape}")
        matrix = self.ijk_to_ras.copy()
        matrix[:, 3] = self.ijk_to_ras @ (*low[::-1], 1.0)
        return replace(self, voxels=self.voxels[_box(map(slice, low, high))], ijk_to_ras=matrix)

    def canonical(self) -> Image:
        """Axes permuted and flipped (nothing is interpolated) so that I, J, K run closest to R, A, S.

        The same patient gives the same voxel order whatever the axis order of the file was.
        """
        directions = self.ijk_to_ras[:3, :3] / np.asarray(self.spacing)
        order = max(permutations(range(3)), key=lambda p: sum(abs(directions[axis, p[axis]]) for axis in range(3)))
        voxels, matrix = self.voxels, self.ijk_to_ras.copy()
        # order[w] is the index axis (0 = I) that runs along world axis w; numpy axes count from the end.
        voxels = np.moveaxis(voxels, [-1 - axis for axis in order], [-1, -2, -3])
        matrix[:, :3] = self.ijk_to_ras[:, list(order)]
        for axis in range(3):
            if matrix[axis, axis] < 0:
                voxels = np.flip(voxels, -1 - axis)
                matrix[:, 3] += matrix[:, axis] * (voxels.shape[-1 - axis] - 1)
                matrix[:, axis] *= -1
        return replace(self, voxels=voxels, ijk_to_ras=matrix)

    def resampled(self, like: Image, order: int = 1, fill: float | None = None, antialias: bool = False) -> Image:
        """This image on the grid of another one: linear and cubic give float32, nearest keeps the voxel type.

        A grid that differs by axis order, flips, cropping or padding in whole voxels is reached by copying alone, so
        ``image.canonical()`` and ``image.cropped(...)`` go back with ``.resampled(image)`` exactly.

        Args:
            like: image whose grid is wanted; its voxels are not used.
            order: 0 nearest (labels), 1 linear, 3 cubic.
            fill: value outside this image; its minimum if None, 0 for order 0. A voxel reaches half its width around its center.
            antialias: average over boxes as large as the wanted voxels first, where those are coarser. Not for order 0.

        Raises:
            ValueError: for another order, or for labels that would be averaged.
        """
        if order not in _INTERPOLATORS or (antialias and order == 0):
            raise ValueError(f"order {order} with antialias={antialias} is not offered")
        value = fill if fill is not None else (0.0 if order == 0 else float(self.voxels.min()))
        index_map = self.ras_to_ijk @ like.ijk_to_ras
        if _steps_in_whole_voxels(index_map, like.size):
            voxels = _copied(self.voxels, np.rint(index_map).astype(int), like.shape, value)
            return replace(self, voxels=voxels if order == 0 else voxels.astype(np.float32, copy=False), ijk_to_ras=like.ijk_to_ras)

        def one(channel: NDArray) -> NDArray:
            steps = np.maximum(1, np.rint(np.linalg.norm(index_map[:3, :3], axis=1))).astype(int) if antialias else np.ones(3, int)
            return _interpolated(channel, index_map, like.size, order, value, steps)

        voxels = one(self.voxels) if self.voxels.ndim == 3 else np.stack([one(channel) for channel in self.voxels])
        return replace(self, voxels=voxels, ijk_to_ras=like.ijk_to_ras)


_INTERPOLATORS = {0: sitk.sitkNearestNeighbor, 1: sitk.sitkLinear, 3: sitk.sitkBSpline3}
_WHOLE_VOXEL = 1e-3


def _steps_in_whole_voxels(index_map: NDArray, size: tuple[int, int, int]) -> bool:
    """True if the map of indices permutes and flips axes and shifts by whole voxels, over the whole grid."""
    nearest = np.rint(index_map)
    drift = np.abs(index_map - nearest) @ (*size, 1.0)
    steps = np.abs(nearest[:3, :3])
    return bool((drift[:3] < _WHOLE_VOXEL).all() and (steps.sum(axis=0) == 1).all() and (steps.sum(axis=1) == 1).all())


def _copied(voxels: NDArray, index_map: NDArray, shape: tuple[int, int, int], fill: float) -> NDArray:
    """Voxels reordered, flipped, cropped and padded by an integer map of (i, j, k); a view where nothing is padded."""
    source_axis = np.abs(index_map[:3, :3]).argmax(axis=0)
    moved = np.moveaxis(voxels, [-1 - axis for axis in source_axis], [-1, -2, -3])
    wanted: list[slice] = []
    found: list[slice] = []
    for axis in range(3):
        sign, shift = index_map[source_axis[axis], axis], index_map[source_axis[axis], 3]
        count = moved.shape[-1 - axis]
        if sign < 0:
            moved, shift = np.flip(moved, -1 - axis), count - 1 - shift
        first, last = max(0, -shift), min(shape[2 - axis], count - shift)
        wanted.insert(0, slice(first, max(first, last)))
        found.insert(0, slice(first + shift, max(first, last) + shift))
    overlap = moved[_box(found)]
    if overlap.shape[-3:] == tuple(shape):
        return overlap
    size = (*voxels.shape[:-3], *shape)
    result = np.full(size, fill, voxels.dtype) if fill else np.zeros(size, voxels.dtype)  # zeros take no memory until they are written
    result[_box(wanted)] = overlap
    return result


def _box(slices: Iterable[slice]) -> tuple[Any, ...]:
    """Index of a box in voxels with or without channels."""
    return (..., *slices)


def _interpolated(channel: NDArray, index_map: NDArray, size: tuple[int, int, int], order: int, fill: float, box: NDArray) -> NDArray:
    """One channel at the places that the map gives.

    ITK gets grids of unit spacing and the map of indices as its transform: so sheared and left-handed grids, which its
    images cannot hold, take the same threaded path as all others.
    """
    label_type = channel.dtype
    if label_type in (np.dtype(bool), np.dtype(np.float16)):  # types that ITK lacks
        channel = channel.astype(np.uint8 if label_type.kind == "b" else np.float32)
    if (box > 1).any():
        box = np.minimum(box, channel.shape[::-1])
        channel = _block_means(channel, box[::-1])
        index_map = np.diag((*(1 / box), 1)) @ (index_map - np.pad((box[:, None] - 1) / 2, ((0, 1), (3, 0))))
    image = sitk.GetImageFromArray(channel)
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize([int(count) for count in size])
    filter_.SetTransform(sitk.AffineTransform(index_map[:3, :3].ravel().tolist(), index_map[:3, 3].tolist()))
    filter_.SetInterpolator(_INTERPOLATORS[order])
    filter_.SetDefaultPixelValue(float(fill))
    filter_.SetOutputPixelType(image.GetPixelID() if order == 0 else sitk.sitkFloat32)
    voxels = sitk.GetArrayFromImage(filter_.Execute(image))
    return voxels.astype(label_type, copy=False) if order == 0 else voxels


def _block_means(voxels: NDArray, block: NDArray) -> NDArray[np.float32]:
    """Means over blocks of (K, J, I) voxels; where a block reaches beyond the array, the voxels at its edge count again.

    One row of blocks after the other: ITK's BinShrink would first want all of a large scan as float32, which takes longer than the sums.
    """
    step_k, step_j, step_i = (int(step) for step in block)
    count_k, count_j, count_i = (-(-count // step) for count, step in zip(voxels.shape, block, strict=True))
    missing = (0, count_j * step_j - voxels.shape[1]), (0, count_i * step_i - voxels.shape[2])
    means = np.empty((count_k, count_j, count_i), np.float32)
    for k, plane in enumerate(means):
        slab = voxels[k * step_k : (k + 1) * step_k]
        total = slab.sum(axis=0, dtype=np.float32)
        if len(slab) < step_k:
            total += (step_k - len(slab)) * slab[-1].astype(np.float32)
        total = np.pad(total, missing, mode="edge").reshape(count_j, step_j, -1).sum(axis=1)
        total.reshape(count_j, count_i, step_i).sum(axis=2, out=plane)
    means /= step_k * step_j * step_i
    return means
