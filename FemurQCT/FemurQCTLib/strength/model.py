"""A voxel model of a femur under a load, and what solving it gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Strength:
    """Result of a linear solve.

    Attributes:
        stiffness_n_mm: force per displacement of the loaded surface, N/mm.
        failure_load_n: estimate by the criterion that is named.
        elements, nodes: size of the mesh.
        seconds: of assembly and solve.
        warnings: sentences for the user.
    """

    stiffness_n_mm: float
    failure_load_n: float
    elements: int
    nodes: int
    seconds: float
    criterion: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """Mesh, material and load."""

    def solve(self) -> Strength:
        """Stiffness and estimated failure load."""
        raise NotImplementedError

    def write(self, path: str | Path) -> None:
        """To .inp, .vtu or .msh, by the ending."""
        raise NotImplementedError
