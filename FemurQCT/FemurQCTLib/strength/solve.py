"""Assemble and solve linear elasticity on a voxel mesh: conjugate gradients with algebraic multigrid (pyamg)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyamg
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg

from DeepVolumetryLib.errors import DeepVolumetryError

from .hexahedron import stiffness
from .mesh import VoxelMesh, step

TOLERANCE = 1e-8
_MOST_STEPS = 1000


@dataclass(frozen=True)
class Solution:
    """Displacements and nodal forces along the axes of the grid, (nodes, 3), mm and N; steps of the iteration."""

    displacement: NDArray[np.float64]
    force: NDArray[np.float64]
    steps: int


def assemble(mesh: VoxelMesh, modulus: NDArray[np.float64], poisson: float = 0.3, incompatible: bool = True) -> sparse.bsr_array:
    """Stiffness matrix in blocks of 3x3, N/mm.

    Args:
        modulus: MPa of each element.

    Each corner of an element is another node for every element, so the blocks of all elements are added without collisions.
    """
    cube = stiffness(mesh.edge, poisson, incompatible)
    count = len(mesh.node_grid)
    blocks = np.zeros((count, 27, 3, 3))
    elements = mesh.elements
    for a in range(8):
        for b in range(8):
            blocks[elements[:, a], step(a, b)] += modulus[:, None, None] * cube[3 * a : 3 * a + 3, 3 * b : 3 * b + 3]
    present = mesh.neighbors >= 0
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return sparse.bsr_array((blocks[present], mesh.neighbors[present], starts), shape=(3 * count, 3 * count))


def solve(
    matrix: sparse.bsr_array,
    points: NDArray[np.float64],
    held: NDArray[np.bool_],
    moved: NDArray[np.float64],
    load: NDArray[np.float64] | None = None,
) -> Solution:
    """Displacements under given displacements and forces.

    Args:
        matrix: of ``assemble``.
        points: nodes along the axes of the grid, (nodes, 3): rigid motions are what multigrid must represent.
        held: which displacements are given, (nodes, 3).
        moved: the given displacements, mm; 0 elsewhere.
        load: forces on the nodes, N.

    Raises:
        DeepVolumetryError: if the iteration does not converge, e.g. because a part is not held.
    """
    fixed = held.ravel()
    given = np.where(fixed, moved.ravel(), 0.0)
    force = np.zeros(fixed.size) if load is None else load.ravel().astype(np.float64)
    right = np.where(fixed, 0.0, force - matrix @ given)
    free = (~fixed).astype(np.float64)
    reduced = _without(matrix, free)
    scale = 1 / np.sqrt(reduced.diagonal())
    scaled = _scaled(reduced, scale)
    modes = _rigid_motions(points) * (free / scale)[:, None]
    levels = pyamg.smoothed_aggregation_solver(
        scaled, B=modes, strength=("symmetric", {"theta": 0.0}), smooth="jacobi", max_coarse=50, improve_candidates=None
    )
    steps = 0

    def count(_: NDArray[np.float64]) -> None:
        nonlocal steps
        steps += 1

    found, failed = cg(scaled, right * scale, rtol=TOLERANCE, maxiter=_MOST_STEPS, M=levels.aspreconditioner(), callback=count)
    if failed or not np.isfinite(found).all():
        raise DeepVolumetryError("The finite-element solve did not converge. Check that the femur is one piece and reaches its supports.")
    displacement = given + found * scale * free
    return Solution(displacement.reshape(-1, 3), (matrix @ displacement).reshape(-1, 3), steps)


def _without(matrix: sparse.bsr_array, free: NDArray[np.float64]) -> sparse.bsr_array:
    """The matrix with rows and columns of the given displacements emptied, but for their diagonal."""
    block_row = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    by_node = free.reshape(-1, 3)
    data = matrix.data * by_node[block_row][:, :, None] * by_node[matrix.indices][:, None, :]
    on_diagonal = block_row == matrix.indices
    axis = np.arange(3)
    kept = matrix.data[on_diagonal][:, axis, axis] * (1 - by_node[block_row[on_diagonal]])
    diagonal = data[on_diagonal]
    diagonal[:, axis, axis] += kept
    data[on_diagonal] = diagonal
    return sparse.bsr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _scaled(matrix: sparse.bsr_array, scale: NDArray[np.float64]) -> sparse.bsr_matrix:
    """diag(scale) matrix diag(scale): moduli span five decades, and so would the unknowns."""
    block_row = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    by_node = scale.reshape(-1, 3)
    data = matrix.data * by_node[block_row][:, :, None] * by_node[matrix.indices][:, None, :]
    return sparse.bsr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _rigid_motions(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Three translations and three rotations, (3 nodes, 6)."""
    x, y, z = ((points - points.mean(axis=0)) / max(float(np.ptp(points)), 1e-9)).T
    modes = np.zeros((points.size, 6))
    for axis in range(3):
        modes[axis::3, axis] = 1
    modes[1::3, 3], modes[2::3, 3] = -z, y
    modes[0::3, 4], modes[2::3, 4] = z, -x
    modes[0::3, 5], modes[1::3, 5] = -y, x
    return modes
