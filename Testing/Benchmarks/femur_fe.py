"""Finite elements of FemurQCT: closed forms, convergence, time and size.

    python Testing/Benchmarks/femur_fe.py --results docs/results-femur.md --picture docs/pictures/femur-fe-convergence.png

A cantilever (10 x 10 x 100 mm) against Timoshenko's beam and a compressed cube against Hooke's law, each with finer and finer cubes, with
and without incompatible modes; then a femur drawn from formulas (Testing/Python/femur_toys.py) with finer and finer voxels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))

from femur_text import put_section, table
from femur_toys import toy_femur

from FemurQCTLib.calibration import manual
from FemurQCTLib.regions import fit_frame
from FemurQCTLib.strength import FALL, STANCE, Strength, build
from FemurQCTLib.strength.mesh import VoxelMesh
from FemurQCTLib.strength.solve import assemble, solve

GOAL = 0.01
_E, _NU, _SIDE, _LENGTH = 1000.0, 0.3, 10.0, 100.0
ACROSS = (2, 4, 6, 8, 12)


def cantilever(across: int, incompatible: bool) -> float:
    """Relative error of the deflection of its end; the force is spread over the end, the root may contract across."""
    mesh = VoxelMesh(np.ones((10 * across, across, across), bool), _SIDE / across, np.eye(3), np.zeros(3))
    grid = mesh.node_grid
    held = np.zeros((len(grid), 3), bool)
    root, tip = grid[:, 0] == 0, grid[:, 0] == 10 * across
    held[root, 0] = True
    held[root & (grid[:, 1] == across // 2), 1] = True
    held[root & (grid[:, 2] == across // 2), 2] = True
    share = tip * np.prod([np.where((grid[:, a] == 0) | (grid[:, a] == across), 0.5, 1.0) for a in (1, 2)], axis=0)
    share = share / share.sum()
    load = np.zeros(held.shape)
    load[:, 2] = share
    found = solve(assemble(mesh, np.full(len(mesh.cells), _E), _NU, incompatible), mesh.local, held, np.zeros(held.shape), load)
    inertia, shear, kappa = _SIDE**4 / 12, _E / (2 * (1 + _NU)), 10 * (1 + _NU) / (12 + 11 * _NU)
    exact = _LENGTH**3 / (3 * _E * inertia) + _LENGTH / (kappa * shear * _SIDE**2)
    return float(share @ found.displacement[:, 2]) / exact - 1


def compressed_cube(across: int, incompatible: bool) -> float:
    """Relative error of the force that presses a cube by 1 %, free to widen."""
    mesh = VoxelMesh(np.ones((across,) * 3, bool), _SIDE / across, np.eye(3), np.zeros(3))
    grid = mesh.node_grid
    held, moved = np.zeros((len(grid), 3), bool), np.zeros((len(grid), 3))
    top = grid[:, 2] == across
    held[(grid[:, 2] == 0) | top, 2], moved[top, 2] = True, -_SIDE / 100
    held[grid[:, 0] == 0, 0] = held[grid[:, 1] == 0, 1] = True
    found = solve(assemble(mesh, np.full(len(mesh.cells), _E), _NU, incompatible), mesh.local, held, moved)
    return float(-found.force[top, 2].sum()) / (_E * 0.01 * _SIDE**2) - 1


def femur_at(edges: list[float]) -> dict[str, list[tuple[Strength, float]]]:
    """Load -> strength and seconds with meshing, for each edge."""
    toy = toy_femur(spacing=(1.0, 1.0, 1.0), below=70)
    frame = fit_frame(toy.mask.voxels, toy.mask, "left")
    calibration = manual(0.82, 3.0, "mindways_3")
    found: dict[str, list[tuple[Strength, float]]] = {}
    for load in (STANCE, FALL):
        found[load] = []
        for edge in edges:
            begin = time.perf_counter()
            strength = build(toy.density, toy.mask.voxels, toy.mask, calibration, frame, edge, load).solve()
            found[load].append((strength, time.perf_counter() - begin))
            print(load, edge, f"{strength.stiffness_n_mm:.0f} N/mm {strength.failure_load_n:.0f} N {found[load][-1][1]:.1f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--edges", type=float, nargs="+", default=[5.0, 4.0, 3.0, 2.5, 2.0, 1.5])
    options = parser.parse_args()
    beams = {modes: [cantilever(n, modes) for n in ACROSS] for modes in (True, False)}
    cubes = {modes: [compressed_cube(n, modes) for n in ACROSS] for modes in (True, False)}
    femur = femur_at(options.edges)
    text = _text(beams, cubes, femur)
    print(text)
    if options.results:
        put_section(options.results, "finite elements", text)
    if options.picture:
        _draw(options.picture, beams, femur)


def _text(beams: dict[bool, list[float]], cubes: dict[bool, list[float]], femur: dict[str, list[tuple[Strength, float]]]) -> str:
    beam, cube = abs(beams[True][-1]), abs(cubes[True][-1])
    verdict = "reached" if max(beam, cube) <= GOAL else "**missed**"
    usual = {load: next((s for s, _ in rows if s.edge_mm == 3.0), rows[0][0]) for load, rows in femur.items()}
    off = [
        f"{load}: stiffness {100 * (usual[load].stiffness_n_mm / rows[-1][0].stiffness_n_mm - 1):+.0f} %, "
        f"load {100 * (usual[load].failure_load_n / rows[-1][0].failure_load_n - 1):+.0f} %"
        for load, rows in femur.items()
    ]
    lines = [
        "## Finite elements",
        "",
        f"Goal: cantilever and compressed cube within 1 % of their closed forms at the finest mesh: {verdict} "
        f"({100 * beam:.2f} % and {100 * cube:.5f} %). Written by `femur_fe.py`.",
        "",
        _rows(
            ("cubes across", "cantilever", "cantilever, plain cubes", "compressed cube"),
            [(n, *(f"{100 * error:+.3f} %" for error in (beams[True][i], beams[False][i], cubes[True][i]))) for i, n in enumerate(ACROSS)],
        ),
        "",
        f"A femur drawn from formulas, 3 mm voxels against the finest ({femur[FALL][-1][0].edge_mm:g} mm): {'; '.join(off)}. "
        "Compare femora that are meshed alike.",
        "",
        _rows(
            ("load", "voxel, mm", "elements", "nodes", "stiffness, N/mm", "failure load, N", "steps", "seconds with meshing"),
            [
                (
                    load,
                    f"{s.edge_mm:g}",
                    s.elements,
                    s.nodes,
                    f"{s.stiffness_n_mm:.0f}",
                    f"{s.failure_load_n:.0f}",
                    s.steps,
                    f"{seconds:.1f}",
                )
                for load, rows in femur.items()
                for s, seconds in rows
            ],
        ),
        "",
        "![Convergence](pictures/femur-fe-convergence.png)",
    ]
    return "\n".join(lines)


def _rows(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return table(list(head), [[str(value) for value in row] for row in rows])


def _draw(path: Path, beams: dict[bool, list[float]], femur: dict[str, list[tuple[Strength, float]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for modes, name, marker in ((False, "plain cubes", "s"), (True, "incompatible modes (ours)", "o")):
        left.loglog(ACROSS, [100 * abs(error) for error in beams[modes]], marker=marker, label=name)
    left.axhline(100 * GOAL, color="gray", linestyle=":", label="goal, 1 %")
    left.set(title="Cantilever against Timoshenko's beam", xlabel="cubes across the beam", ylabel="error of the deflection, %")
    left.set_xticks(ACROSS, [str(n) for n in ACROSS])
    left.minorticks_off()
    left.legend()
    colors: dict[str, Any] = {STANCE: "tab:green", FALL: "tab:red"}
    for load, rows in femur.items():
        edges = [s.edge_mm for s, _ in rows]
        for name, style in (("stiffness_n_mm", "-"), ("failure_load_n", "--")):
            values = np.array([getattr(s, name) for s, _ in rows])
            label = f"{load}, {'stiffness' if style == '-' else 'failure load'}"
            right.plot(edges, 100 * values / values[-1], style, marker="o", color=colors[load], label=label)
    right.axvline(3.0, color="gray", linestyle=":")
    right.text(3.03, 0.95, "default", color="gray", ha="right", transform=right.get_xaxis_transform())
    right.set(title="Femur drawn from formulas", xlabel="edge of the voxels, mm", ylabel="share of the finest mesh, %")
    right.invert_xaxis()
    right.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
