"""At which load a femur is estimated to fail, from a linear solve.

The criterion of Pistoia et al. (2002): failure is when a share of the bone has an energy-equivalent strain, sqrt(2 U / E), above a
limit. It was made for the distal radius at 2 % and 0.007; the values here are those that Ogo uses by default for models from clinical
CT. A linear model knows nothing of what happens after the first yielding: this is an estimate for comparing, not a measured strength.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .hexahedron import stiffness
from .loads import Case
from .materials import POISSON
from .mesh import VoxelMesh

CRITICAL_SHARE, CRITICAL_STRAIN = 0.07, 0.011

CRITERION = "energy-equivalent strain above 0.011 in 7 % of the bone (Pistoia et al. 2002, values as in Ogo)"

_BESIDE_MM = 6.0


def equivalent_strain(mesh: VoxelMesh, displacement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy-equivalent strain of each element: the modulus drops out of 2 U / E."""
    cube = stiffness(mesh.edge, POISSON)
    moves = displacement[mesh.elements].reshape(-1, 24)
    energy = np.einsum("ei,ij,ej->e", moves, cube, moves, optimize=True)
    return np.sqrt(np.maximum(energy, 0) / mesh.edge**3)


def failure_factor(strain: NDArray[np.float64], counted: NDArray[np.bool_]) -> float:
    """How many times the load of a solve makes the bone fail: critical strain / the strain that the critical share exceeds."""
    values = np.sort(strain[counted])
    if not values.size:
        return float("nan")
    limit = float(values[min(values.size - 1, int(values.size * (1 - CRITICAL_SHARE)))])
    return CRITICAL_STRAIN / limit if limit > 0 else float("inf")


def away_from_supports(mesh: VoxelMesh, case: Case) -> NDArray[np.bool_]:
    """Elements that count: those that are not within a few millimeters of what is pushed or held, where the strain is that of the pad."""
    near = np.zeros(len(mesh.node_grid), bool)
    for nodes in (case.pushed, *case.supports.values()):
        level = mesh.local[nodes]
        inside = ((mesh.local >= level.min(axis=0) - _BESIDE_MM) & (mesh.local <= level.max(axis=0) + _BESIDE_MM)).all(axis=1)
        near |= inside
    return np.asarray(~near[mesh.elements].any(axis=1))
