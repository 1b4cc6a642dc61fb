"""The stiffness of a cube of isotropic material: 8 nodes, with or without incompatible modes.

Plain trilinear cubes are too stiff in bending. The incompatible modes of Wilson et al. (1973), in the form of Taylor et al. (1976),
are three quadratic displacements inside the element that are condensed out; cubes then bend as they should, with the same nodes. All
elements of a voxel mesh are the same cube, so this is done once for a modulus of 1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CORNERS = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)])
"""Corners of a cube along (x, y, z) in the order of VTK, Abaqus and Gmsh."""


def elasticity(poisson: float) -> NDArray[np.float64]:
    """6x6 matrix from engineering strains (xx, yy, zz, yz, xz, xy) to stresses, for a modulus of 1.

    Raises:
        ValueError: if the ratio is not between -1 and 0.5.
    """
    if not -1 < poisson < 0.5:
        raise ValueError(f"Poisson's ratio lies between -1 and 0.5, not {poisson}")
    lame = poisson / ((1 + poisson) * (1 - 2 * poisson))
    shear = 1 / (2 * (1 + poisson))
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = lame
    matrix[np.arange(3), np.arange(3)] += 2 * shear
    matrix[np.arange(3, 6), np.arange(3, 6)] = shear
    return matrix


@lru_cache(maxsize=8)
def stiffness(edge: float, poisson: float = 0.3, incompatible: bool = True) -> NDArray[np.float64]:
    """24x24 stiffness of a cube with a modulus of 1; unknowns are (x, y, z) of the corners in their order.

    Args:
        edge: length of its edges.
        poisson: Poisson's ratio.
        incompatible: with the three incompatible modes (Abaqus C3D8I), or without (C3D8).
    """
    material = elasticity(poisson)
    points = np.array([-1, 1]) / np.sqrt(3)
    signs = 2.0 * CORNERS - 1
    whole = np.zeros((33, 33))
    for x in points:
        for y in points:
            for z in points:
                at = np.array([x, y, z])
                slopes = np.empty((8, 3))
                for axis in range(3):
                    others = [a for a in range(3) if a != axis]
                    slopes[:, axis] = signs[:, axis] * np.prod(1 + signs[:, others] * at[others], axis=1) / 8
                modes = np.diag(-2 * at)  # slopes of 1 - x^2, 1 - y^2, 1 - z^2
                strain = _strain(np.vstack([slopes, modes]) * 2 / edge)
                whole += strain.T @ material @ strain * (edge / 2) ** 3
    if not incompatible:
        return whole[:24, :24]
    inner = np.linalg.solve(whole[24:, 24:], whole[24:, :24])
    condensed = whole[:24, :24] - whole[:24, 24:] @ inner
    return np.asarray((condensed + condensed.T) / 2)


def _strain(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """6 x 3n matrix from displacements to engineering strains, from slopes (n, 3)."""
    matrix = np.zeros((6, 3 * len(slopes)))
    dx, dy, dz = slopes.T
    matrix[0, 0::3], matrix[1, 1::3], matrix[2, 2::3] = dx, dy, dz
    matrix[3, 1::3], matrix[3, 2::3] = dz, dy
    matrix[4, 0::3], matrix[4, 2::3] = dz, dx
    matrix[5, 0::3], matrix[5, 1::3] = dy, dx
    return matrix
