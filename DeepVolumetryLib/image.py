"""Image: voxels and where they lie in the patient.

This is the only place that knows about IJK, RAS and LPS. Voxels are stored (K, J, I), as SimpleITK and VTK hand them
to numpy, or (C, K, J, I) with channels first. ``ijk_to_ras`` maps the homogeneous index (i, j, k, 1) to millimeters
in RAS, as ``vtkMRMLVolumeNode.GetIJKToRASMatrix`` does; any invertible affine is allowed, sheared and left-handed
ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
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
        name: what the user calls it; never a patient name.

    Raises:
        ValueError: if the shapes are wrong or the matrix cannot be inverted.
    """

    voxels: NDArray
    ijk_to_ras: NDArray[np.float64]
    modality: str = ""
    uid: str = ""
    name: str = field(default="", compare=False)

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
        cls, voxels: NDArray, spacing: ArrayLike, origin_ras: ArrayLike = (0, 0, 0), direction_ras: ArrayLike | None = None, **attributes: str
    ) -> Image:
        """Image from spacing (mm along I, J, K), origin in RAS and the 3x3 matrix whose columns are the RAS directions of I, J, K."""
        matrix = np.eye(4)
        matrix[:3, :3] = (np.eye(3) if direction_ras is None else np.asarray(direction_ras, float)) * np.asarray(spacing, float)
        matrix[:3, 3] = origin_ras
        return cls(voxels, matrix, **attributes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxel counts along (K, J, I)."""
        return tuple(self.voxels.shape[-3:])  # type: ignore[return-value]

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
        return np.linalg.inv(self.ijk_to_ras)

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
        return replace(self, voxels=self.voxels[(..., *map(slice, low, high))], ijk_to_ras=matrix)

    def canonical(self) -> Image:
        """Axes permuted and flipped (nothing is interpolated) so that I, J, K run closest to R, A, S.

        The same patient gives the same voxel order whatever the axis order of the file was.
        """
        directions = self.ijk_to_ras[:3, :3] / np.asarray(self.spacing)
        from itertools import permutations

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

    def resampled(self, like: Image, order: int = 1, fill: float | None = None) -> Image:
        """This image on the grid of another one.

        Args:
            like: image whose grid is wanted; its voxels are not used.
            order: 0 nearest (labels), 1 linear, 3 cubic.
            fill: value outside this image; its minimum if None, 0 for order 0.
        """
        if self.same_grid(like):
            return self.with_voxels(self.voxels)
        matrix = self.ras_to_ijk @ like.ijk_to_ras
        kji = matrix[:3, :3][::-1, ::-1]
        offset = matrix[:3, 3][::-1]
        value = fill if fill is not None else (0.0 if order == 0 else float(self.voxels.min()))
        output_type = self.voxels.dtype if order == 0 else np.float32

        def one(channel: NDArray) -> NDArray:
            source = channel if order == 0 else channel.astype(np.float32, copy=False)
            return ndimage.affine_transform(source, kji, offset, like.shape, output=output_type, order=order, mode="constant", cval=value)

        voxels = one(self.voxels) if self.voxels.ndim == 3 else np.stack([one(channel) for channel in self.voxels])
        return replace(self, voxels=voxels, ijk_to_ras=like.ijk_to_ras)
