"""Cubes on a grid as finite elements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .hexahedron import CORNERS


@dataclass(frozen=True)
class VoxelMesh:
    """Cubes of one size.

    Attributes:
        occupied: bool (nx, ny, nz), which cells of the grid are elements.
        edge: mm.
        axes: 3x3, columns are the directions of the grid in RAS; right-handed and orthonormal.
        origin: RAS of the corner of cell (0, 0, 0), mm.
    """

    occupied: NDArray[np.bool_]
    edge: float
    axes: NDArray[np.float64]
    origin: NDArray[np.float64]

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """Grid indices of the elements, (elements, 3)."""
        return np.argwhere(self.occupied)

    @cached_property
    def _numbering(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Number of each grid point as a node, -1 where there is none; and the grid point of each node."""
        used = np.zeros(np.array(self.occupied.shape) + 1, bool)
        x, y, z = self.cells.T
        for dx, dy, dz in CORNERS:
            used[x + dx, y + dy, z + dz] = True
        number = np.full(used.shape, -1, np.int64)
        number[used] = np.arange(np.count_nonzero(used))
        return number, np.argwhere(used)

    @property
    def node_grid(self) -> NDArray[np.int64]:
        """Grid point of each node, (nodes, 3)."""
        return self._numbering[1]

    @cached_property
    def elements(self) -> NDArray[np.int64]:
        """Nodes of each element, (elements, 8), in the order of ``CORNERS``."""
        number, _ = self._numbering
        x, y, z = self.cells.T
        return np.column_stack([number[x + dx, y + dy, z + dz] for dx, dy, dz in CORNERS])

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Node at each of the 27 steps around a node, -1 where there is none, (nodes, 27); see ``step``."""
        number = np.pad(self._numbering[0], 1, constant_values=-1)
        x, y, z = self.node_grid.T + 1
        return np.column_stack([number[x + dx, y + dy, z + dz] for dx in (-1, 0, 1) for dy in (-1, 0, 1) for dz in (-1, 0, 1)])

    @cached_property
    def local(self) -> NDArray[np.float64]:
        """Nodes in mm along the axes of the grid, (nodes, 3)."""
        return self.node_grid * self.edge + self.origin @ self.axes

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """Nodes in RAS, mm, (nodes, 3)."""
        return np.asarray(self.node_grid * self.edge @ self.axes.T + self.origin)

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """Middles of the elements in RAS, mm, (elements, 3)."""
        return np.asarray((self.cells + 0.5) * self.edge @ self.axes.T + self.origin)

    @cached_property
    def on_surface(self) -> NDArray[np.bool_]:
        """Which nodes have fewer than 8 elements around them."""
        return np.bincount(self.elements.ravel(), minlength=len(self.node_grid)) < 8


def step(from_corner: int, to_corner: int) -> int:
    """Position of one corner among the 27 steps around another corner of the same element."""
    dx, dy, dz = CORNERS[to_corner] - CORNERS[from_corner]
    return int((dx + 1) * 9 + (dy + 1) * 3 + dz + 1)
