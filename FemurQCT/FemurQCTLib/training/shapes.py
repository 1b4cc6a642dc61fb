"""The morphable femur of Unibas GRAVIS as a ``ShapeModel``: its file, its mesh of another femur, and its landmarks.

Its frame has x to the side, y to the back and z down the leg; mirrored through the origin it is a left femur in RAS.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError

from ..anatomy.shape import ShapeModel

_KEPT_MM = 215.0  # below the top of the head: all that a hip scan may show
_LESSER, _GREATER = (9.4, -41.1, 145.4), (-16.7, -45.1, 200.7)
_HEAD, _HEAD_RADIUS = (20.5, -20.3, 201.0), 23.3
_RINGS = {"upper": (88.0, 108.0), "lower": (28.0, 48.0)}


def read_model(path: Path) -> ShapeModel:
    """The proximal part of ``femur_gp_model_100-components.h5``, closed below; all components.

    Raises:
        InputError: if h5py is missing or the file is no such model.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError("Reading the femur model needs h5py: pip install h5py.") from error
    try:
        with h5py.File(path) as file:
            mean = np.asarray(file["representer/points"][:]).T.astype(float)
            faces = np.asarray(file["representer/cells"][:]).T.astype(np.int64)
            basis = np.asarray(file["model/pcaBasis"][:]).T * np.sqrt(np.asarray(file["model/pcaVariance"][:]))[:, None]
    except (OSError, KeyError) as error:
        raise InputError(
            f"{path} is not the morphable femur (representer and model in HDF5). Give femur_gp_model_100-components.h5."
        ) from error
    mean, basis = -mean, -basis.reshape(len(basis), -1, 3)
    kept = mean[:, 2] > mean[:, 2].max() - _KEPT_MM
    vertices, faces, stacked = _cut(mean, faces[:, ::-1], basis, kept)
    return ShapeModel(vertices, stacked, faces, _parts(vertices))


def read_mesh(path: Path, model_path: Path) -> NDArray[np.float64]:
    """Vertices of ``femur_target.stl`` or another mesh with the vertices of the model, in the order of ``read_model``.

    Raises:
        InputError: if the mesh has other vertices than the model.
    """
    import h5py

    with h5py.File(model_path) as file:
        reference = np.asarray(file["representer/points"][:]).T.astype(float)
        faces = np.asarray(file["representer/cells"][:]).T.astype(np.int64)
    vertices = _stl_vertices(path)
    if len(vertices) != len(reference):
        raise InputError(f"{path} has {len(vertices)} vertices, not the {len(reference)} of the model.")
    kept = -reference[:, 2] > (-reference[:, 2]).max() - _KEPT_MM
    empty = np.zeros((0, *reference.shape))
    return _cut(-vertices, faces[:, ::-1], empty, kept)[0]


def _cut(vertices: NDArray, faces: NDArray, basis: NDArray, kept: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Drop vertices, and close the hole with a fan around the middle of its rim."""
    number = np.full(len(kept), -1)
    inside = faces[kept[faces].all(1)]
    used = np.unique(inside)
    number[used] = np.arange(len(used))
    inside = number[inside]
    directed = np.concatenate([inside[:, [0, 1]], inside[:, [1, 2]], inside[:, [2, 0]]])
    present = {tuple(edge) for edge in directed}
    rim = np.array([(a, b) for a, b in directed if (b, a) not in present])
    middle = len(used)
    fan = np.c_[rim[:, 1], rim[:, 0], np.full(len(rim), middle)]
    ring = np.unique(rim)
    vertices = np.concatenate([vertices[used], vertices[used][ring].mean(0, keepdims=True)])
    moved = basis[:, used]
    basis = np.concatenate([moved, moved[:, ring].mean(1, keepdims=True)], axis=1)
    return vertices, np.concatenate([inside, fan]).astype(np.int64), basis


def _parts(vertices: NDArray) -> dict[str, NDArray[np.int64]]:
    offset = vertices - _HEAD
    distance = np.linalg.norm(offset, axis=1)
    head = (np.abs(distance - _HEAD_RADIUS) < 1.2) & (offset @ (0.707, 0.0, 0.707) > -0.45 * _HEAD_RADIUS)
    parts = {"head": np.flatnonzero(head)}
    for name, place in (("lesser", _LESSER), ("greater", _GREATER)):
        parts[name] = np.array([np.linalg.norm(vertices - place, axis=1).argmin()])
    for name, (low, high) in _RINGS.items():
        parts[name] = np.flatnonzero((vertices[:, 2] > low) & (vertices[:, 2] < high))
    return parts


def _stl_vertices(path: Path) -> NDArray[np.float64]:
    """Distinct corners of a binary STL in the order in which they first appear, as VTK merges them."""
    raw = path.read_bytes()
    count = int(np.frombuffer(raw, "<u4", 1, 80)[0])
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    corners = np.frombuffer(raw, record, count, 84)["corners"].reshape(-1, 3)
    _, first = np.unique(corners, axis=0, return_index=True)
    return corners[np.sort(first)].astype(float)
