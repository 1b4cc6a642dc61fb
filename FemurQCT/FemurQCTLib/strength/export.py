"""Write a model for other programs, by meshio; Abaqus and CalculiX also get materials, supports and a step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import meshio
import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError

from .criterion import equivalent_strain
from .materials import EQUATION, POISSON

if TYPE_CHECKING:
    from .model import Model

ENDINGS = (".inp", ".vtu", ".msh")
_BINS = 60


def write(model: Model, path: Path) -> None:
    """Write a model; see ``Model.write``.

    Coordinates are RAS in mm, moduli MPa, forces N. ``.inp``: moduli are gathered into 60 steps of equal ratio, elements are C3D8I as
    in our own solve, and what is held or pushed stands along the axes of the mesh (TRANSFORM).
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"A mesh is written as {', '.join(ENDINGS)}, not as “{path.suffix or path.name}”.")
    mesh = model.mesh
    cells = [("hexahedron", mesh.elements)]
    try:
        if ending == ".inp":
            meshio.write(path, meshio.Mesh(mesh.points, cells), file_format="abaqus")
            _finish_abaqus(model, path)
        elif ending == ".msh":
            number = np.full(len(mesh.elements), 1)
            data = {"modulus_MPa": [model.modulus], "gmsh:physical": [number], "gmsh:geometrical": [number]}
            meshio.write(path, meshio.Mesh(mesh.points, cells, cell_data=data), file_format="gmsh22")
        else:
            meshio.write(path, _with_results(model), file_format="vtu")
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {error.strerror or error}.") from error


def _with_results(model: Model) -> meshio.Mesh:
    """The mesh with density and modulus; displacement and strain if it was solved."""
    mesh, case = model.mesh, model.case
    cell_data = {"density_mg_cm3": [model.density], "modulus_MPa": [model.modulus]}
    point_data: dict[str, NDArray] = {"pushed": case.pushed.astype(np.int8), "held": np.asarray(case.held.any(axis=1), np.int8)}
    if model._solved:
        solution = model._solved[0]
        point_data["displacement_mm"] = solution.displacement @ mesh.axes.T
        cell_data["equivalent_strain"] = [equivalent_strain(mesh, solution.displacement)]
    return meshio.Mesh(mesh.points, [("hexahedron", mesh.elements)], point_data=point_data, cell_data=cell_data)


def _finish_abaqus(model: Model, path: Path) -> None:
    """What meshio does not write: element type, materials, axes, supports and the step."""
    text = re.sub(r"TYPE=C3D8\w*", "TYPE=C3D8I", path.read_text())  # meshio says C3D8RH
    mesh, case = model.mesh, model.case
    lines = [f"** {EQUATION}", "** Units: mm, N, MPa. Coordinates: RAS."]
    group, values = _gathered(model.modulus)
    for number, value in enumerate(values):
        members = np.flatnonzero(group == number)
        if not members.size:
            continue
        lines += [f"*ELSET, ELSET=BONE{number}", *_rows(members + 1)]
        lines += [f"*MATERIAL, NAME=BONE{number}", "*ELASTIC", f"{value:.6g}, {POISSON:g}"]
        lines += [f"*SOLID SECTION, ELSET=BONE{number}, MATERIAL=BONE{number}"]
    held = case.held.any(axis=1)
    sets = {"HEAD": case.pushed, **{name.upper(): nodes for name, nodes in case.supports.items()}, "GIVEN": held}
    for name, nodes in sets.items():
        lines += [f"*NSET, NSET={name}", *_rows(np.flatnonzero(nodes) + 1)]
    first, second = mesh.axes[:, 0], mesh.axes[:, 1]
    lines += ["*TRANSFORM, NSET=GIVEN, TYPE=R", ", ".join(f"{value:.9g}" for value in (*first, *second))]
    lines += ["*STEP", "*STATIC", "*BOUNDARY"]
    for node in np.flatnonzero(held):
        for axis in np.flatnonzero(case.held[node]):
            lines.append(f"{node + 1}, {axis + 1}, {axis + 1}, {case.moved[node, axis]:.6g}")
    lines += ["*NODE PRINT, NSET=HEAD, TOTALS=YES", "RF", "*NODE FILE", "U", "*EL FILE", "S, E", "*END STEP", ""]
    path.write_text(text.rstrip("\n") + "\n" + "\n".join(lines))


def _gathered(modulus: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Group of each element and the modulus of each group: steps of equal ratio."""
    low, high = np.log(modulus.min()), np.log(modulus.max())
    if high - low < 1e-9:
        return np.zeros(len(modulus), np.intp), np.array([float(modulus.mean())])
    group = np.minimum(((np.log(modulus) - low) / (high - low) * _BINS).astype(np.intp), _BINS - 1)
    count = np.maximum(np.bincount(group, minlength=_BINS), 1)
    return group, np.bincount(group, weights=modulus, minlength=_BINS) / count


def _rows(numbers: NDArray[np.intp]) -> list[str]:
    """Numbers in lines of 16, as Abaqus wants them."""
    return [", ".join(map(str, numbers[at : at + 16])) for at in range(0, len(numbers), 16)]
