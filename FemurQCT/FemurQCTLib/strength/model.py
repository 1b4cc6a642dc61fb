"""A voxel model of a femur under a load, and what solving it gives."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .criterion import CRITERION, away_from_supports, equivalent_strain, failure_factor
from .export import write
from .loads import PUSH_MM, Case
from .materials import EQUATION, POISSON, modulus
from .mesh import VoxelMesh
from .solve import Solution, assemble, solve

if TYPE_CHECKING:
    from ..calibration import Calibration

NOTE = (
    "Linear voxel model: a comparison between femora that are meshed alike, not a measured strength. "
    "How far it changes with the size of the voxels stands in docs/results-femur.md."
)


@dataclass(frozen=True)
class Strength:
    """Result of a linear solve.

    Attributes:
        stiffness_n_mm: force on the head per displacement, N/mm.
        failure_load_n: estimate by the criterion that is named.
        elements, nodes: size of the mesh.
        seconds: of assembly and solve.
        load: "fall" or "stance".
        edge_mm: of the voxels.
        criterion, equation: what the estimate and the moduli are made by.
        steps: of the iteration.
        warnings: sentences for the user.
    """

    stiffness_n_mm: float
    failure_load_n: float
    elements: int
    nodes: int
    seconds: float
    load: str = ""
    edge_mm: float = 3.0
    criterion: str = CRITERION
    equation: str = EQUATION
    steps: int = 0
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.__dict__.items()}


@dataclass(frozen=True)
class Model:
    """Mesh, material and load.

    Attributes:
        mesh: cubes of bone.
        density: mean of each element, mg/cm3.
        modulus: of each element, MPa.
        case: what is held and pushed.
        warnings: sentences for the user.
    """

    mesh: VoxelMesh
    density: NDArray[np.float64]
    modulus: NDArray[np.float64]
    case: Case
    warnings: tuple[str, ...] = ()
    _solved: list[Solution] = field(default_factory=list, repr=False, compare=False)

    def solve(self) -> Strength:
        """Stiffness and estimated failure load.

        Raises:
            DeepVolumetryError: if the iteration does not converge.
        """
        begin = time.perf_counter()
        solution = self.solution()
        seconds = time.perf_counter() - begin
        force = abs(float(solution.force[self.case.pushed, 2].sum()))
        strain = equivalent_strain(self.mesh, solution.displacement)
        factor = failure_factor(strain, away_from_supports(self.mesh, self.case))
        return Strength(
            stiffness_n_mm=force / PUSH_MM,
            failure_load_n=force * factor,
            elements=len(self.mesh.cells),
            nodes=len(self.mesh.node_grid),
            seconds=seconds,
            load=self.case.name,
            edge_mm=self.mesh.edge,
            steps=solution.steps,
            warnings=(*self.warnings, NOTE),
        )

    def solution(self) -> Solution:
        """Displacements and forces for a push of 1 mm; solved once."""
        if not self._solved:
            matrix = assemble(self.mesh, self.modulus, POISSON)
            self._solved.append(solve(matrix, self.mesh.local, self.case.held, self.case.moved))
        return self._solved[0]

    def write(self, path: str | Path) -> None:
        """To .inp (Abaqus, CalculiX), .vtu (VTK) or .msh (Gmsh), by the ending; with results if it was solved.

        Raises:
            InputError: for another ending, or if the file cannot be written.
        """
        write(self, Path(path))

    def with_density(self, density: NDArray[np.float64], calibration: Calibration) -> Model:
        """The same mesh and load with other densities."""
        return Model(self.mesh, density, modulus(density, calibration), self.case, self.warnings)
