"""From a calibrated scan to a model: cubes along the push, each with the mean density of the bone in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import bounding_box

from ..calibration import Calibration
from ..regions.frame import Frame
from .loads import FALL, STANCE, hold, mesh_axes
from .materials import modulus
from .mesh import VoxelMesh
from .model import Model

EDGE_MM = 3.0
_EDGES = (0.8, 6.0)
_SAMPLE_MM = 1.0
_LEAST_SHARE = 0.5
_SHORT_MM = 40.0


def build(
    density: NDArray[Any],
    mask: NDArray[Any],
    image: Image,
    calibration: Calibration,
    frame: Frame,
    edge_mm: float = EDGE_MM,
    load: str = FALL,
) -> Model:
    """Voxel model of one femur.

    Args:
        density: mg/cm3, (K, J, I).
        mask: of the femur, same shape.
        image: geometry.
        calibration: where the densities come from; its material decides about the equation of the ash density.
        frame: of the femur; it gives the direction of the push.
        edge_mm: length of the edges of the voxels.
        load: ``FALL`` or ``STANCE``.

    A cube is bone if at least half of it lies in the mask; its density is the mean over the bone in it.

    Raises:
        InputError: if the material of the phantom is not known, the edge is not offered, or the femur cannot be held.
    """
    if not _EDGES[0] <= edge_mm <= _EDGES[1]:
        raise InputError(f"Voxels of {edge_mm:g} mm are not offered: choose {_EDGES[0]:g} to {_EDGES[1]:g} mm.")
    box = bounding_box(mask, margin=2)
    if box is None:
        raise InputError("There is no femur to build a model of.")
    part = image.cropped([s.start for s in box], [s.stop for s in box])
    axes = mesh_axes(frame, load)
    per_edge = max(1, int(np.ceil(edge_mm / _SAMPLE_MM)))
    grid, corner = _grid(part, axes, edge_mm, per_edge, np.asarray(frame.head_center))
    inside = mask[box].astype(np.float32)
    bone = part.with_voxels(inside).resampled(grid, order=1, fill=0.0).voxels
    grams = part.with_voxels((density[box] * inside).astype(np.float32)).resampled(grid, order=1, fill=0.0).voxels
    share, mass = _block_sum(bone, per_edge) / per_edge**3, _block_sum(grams, per_edge) / per_edge**3
    occupied = _one_piece(share >= _LEAST_SHARE)
    if not occupied.any():
        raise InputError(f"The femur is too small for voxels of {edge_mm:g} mm.")
    occupied = np.ascontiguousarray(occupied.transpose(2, 1, 0))
    mesh = VoxelMesh(occupied, edge_mm, axes, corner)
    mean = (mass / np.maximum(share, 1e-6)).transpose(2, 1, 0)[occupied].astype(np.float64)
    warnings = list(frame.warnings)
    if frame.shaft_length < _SHORT_MM:
        warnings.append(
            f"Only {max(frame.shaft_length, 0):.0f} mm of shaft are below the lesser trochanter: the femur is held close to it "
            "and looks stiffer than a longer one. Compare with models of the same length only."
        )
    return Model(mesh, mean, modulus(mean, calibration), hold(mesh, frame, load), tuple(warnings))


def _grid(
    part: Image, axes: NDArray[np.float64], edge_mm: float, per_edge: int, node: NDArray[np.float64]
) -> tuple[Image, NDArray[np.float64]]:
    """Grid of samples (``per_edge`` along each edge of a cube) around a part, with a node at a given point; and its first corner."""
    size = np.array(part.size)
    corners = np.array([[i, j, k, 1] for i in (-1, size[0]) for j in (-1, size[1]) for k in (-1, size[2])], float)
    along = (corners @ part.ijk_to_ras.T)[:, :3] @ axes
    low = node @ axes - np.ceil((node @ axes - along.min(axis=0)) / edge_mm) * edge_mm
    cubes = np.ceil((along.max(axis=0) - low) / edge_mm).astype(int)
    step = edge_mm / per_edge
    origin = axes @ (low + step / 2)
    return Image.from_spacing(np.zeros((cubes * per_edge)[::-1], np.uint8), (step,) * 3, origin, axes), axes @ low


def _block_sum(values: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    k, j, i = (count // block for count in values.shape)
    return np.asarray(values.reshape(k, block, j, block, i, block).sum(axis=(1, 3, 5), dtype=np.float32))


def _one_piece(occupied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest set of cubes that hang together by faces: one that hangs on an edge would turn freely about it."""
    labels, count = ndimage.label(occupied)
    if count < 2:
        return occupied
    return np.asarray(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


__all__ = ["FALL", "STANCE", "build"]
