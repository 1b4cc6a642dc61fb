"""How well FemurQCT finds the frame of a femur, on draws from the shape model, and how thick a cortex must be to be measured.

    python Testing/Benchmarks/femur_geometry.py --model femur_gp_model_100-components.h5 --results docs/results-femur.md

Each draw is turned by up to 8 degrees about every axis, mirrored every other time, and cut below the tip of the lesser trochanter. True are
the landmarks of the same vertices in every draw; the ring of the neck is that around its narrowest section on the mean shape. Without
``--model`` the small model that ships is drawn from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from femur_text import put_section, table
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.image import Image
from FemurQCTLib.anatomy.distance import signed_distance
from FemurQCTLib.anatomy.shape import ShapeModel, load_shapes
from FemurQCTLib.density import cortex
from FemurQCTLib.regions import Frame, fit_frame

_GRID_MM, _TURN = 1.2, 8.0
CUTS = (20.0, 60.0)
NUMBERS = {
    "center of the head": "mm",
    "radius of the head": "mm",
    "level of the lesser trochanter": "mm",
    "neck axis": "°",
    "shaft axis": "°",
    "neck-shaft angle": "°",
    "anteversion": "°",
}


def mask_of(vertices: NDArray, faces: NDArray) -> Image:
    """A femur on an even grid."""
    low, high = vertices.min(axis=0) - 4, vertices.max(axis=0) + 4
    size = np.ceil((high - low) / _GRID_MM).astype(int)
    grid = Image.from_spacing(np.zeros(size[::-1], np.uint8), (_GRID_MM,) * 3, low)
    return grid.with_voxels(signed_distance(vertices, faces, grid) < 0)


def cut(image: Image, axis: NDArray, level: float) -> NDArray[np.bool_]:
    """The mask above a height along an axis."""
    k, j, i = np.indices(image.shape, sparse=True)
    rows = image.ijk_to_ras
    height = sum(axis[a] * (rows[a, 0] * i + rows[a, 1] * j + rows[a, 2] * k + rows[a, 3]) for a in range(3))
    return np.asarray(image.voxels & (height > level))


def ring_of_neck(model: ShapeModel) -> NDArray[np.intp]:
    """Vertices around the narrowest section of the neck of the mean shape."""
    image = mask_of(model.mean, model.faces)
    marks = model.landmarks(model.mean)
    frame = fit_frame(cut(image, marks.shaft, float(marks.lesser @ marks.shaft) - CUTS[-1]), image, "left")
    off = model.mean - np.asarray(frame.neck_center)
    along = off @ np.asarray(frame.neck_axis)
    across = np.linalg.norm(off - np.outer(along, frame.neck_axis), axis=1)
    return np.flatnonzero((np.abs(along) < 4) & (across < 1.4 * frame.neck_radius))


def errors(model: ShapeModel, ring: NDArray[np.intp], seed: int) -> dict[float, list[float]]:
    """Cut -> errors in the order of ``NUMBERS`` of one draw."""
    rng = np.random.default_rng(seed)
    vertices = model.draw(rng)
    marks = model.landmarks(vertices)
    side = ("left", "right")[seed % 2]
    turn = Rotation.from_euler("xyz", rng.uniform(-_TURN, _TURN, 3), degrees=True).as_matrix()
    turn = turn if side == "left" else np.diag([-1.0, 1, 1]) @ turn
    faces = model.faces if side == "left" else model.faces[:, ::-1]
    image = mask_of(vertices @ turn.T, faces)
    head, shaft, lesser = (turn @ vector for vector in (marks.head, marks.shaft, marks.lesser))
    neck = head - turn @ vertices[ring].mean(axis=0)
    neck /= np.linalg.norm(neck)
    true = Frame(side, tuple(head), marks.radius, tuple(head), tuple(neck), 0, tuple(lesser), tuple(shaft), 0, 0)
    found = {}
    for below in CUTS:
        frame = fit_frame(cut(image, shaft, float(lesser @ shaft) - below), image, side)
        found[below] = [
            float(np.linalg.norm(np.subtract(frame.head_center, head))),
            frame.head_radius - marks.radius,
            float(np.dot(np.subtract(frame.shaft_point, lesser), frame.shaft_axis)),
            degrees(frame.neck_axis, neck),
            degrees(frame.shaft_axis, shaft),
            frame.neck_shaft_angle - true.neck_shaft_angle,
            frame.anteversion - true.anteversion,
        ]
    return found


def degrees(a: object, b: object) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(a, b), -1, 1))))  # type: ignore[arg-type]


def thickness(true_mm: float, slice_mm: float, tilt: float, blur_mm: float = 1.2) -> float:
    """Median thickness measured of a tube (outer radius 15 mm, wall 1000, inside 150 mg/cm3) tilted against the slices' normal."""
    fine = np.array([0.35, 0.35, slice_mm / max(2, round(slice_mm / 0.5))])
    count = np.ceil(np.array([44.0, 44.0, 48.0]) / fine).astype(int)
    count[2] -= count[2] % round(slice_mm / fine[2])
    count[:2] -= count[:2] % 2
    x, y, z = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * s for n, s in zip(count, fine, strict=True)), indexing="ij")
    angle = np.radians(tilt)
    radius = np.hypot(x * np.cos(angle) - z * np.sin(angle), y)
    inside = radius < 15
    density = np.where(inside, np.where(radius > 15 - true_mm, 1000.0, 150.0), 0.0)
    density = ndimage.gaussian_filter(density, [blur_mm / 2.355 / fine[0], blur_mm / 2.355 / fine[1], 0])

    def binned(values: NDArray) -> NDArray:
        step = (2, 2, round(slice_mm / fine[2]))
        a, b, c = (n // s for n, s in zip(values.shape, step, strict=True))
        return values.reshape(a, step[0], b, step[1], c, step[2]).mean(axis=(1, 3, 5)).transpose(2, 1, 0)

    image = Image.from_spacing(binned(density), (0.7, 0.7, slice_mm))
    surface = cortex(image.voxels, binned(inside.astype(float)) > 0.5, image)
    return float(np.median(np.nan_to_num(surface.thickness)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="the whole shape model; the small one that ships if not given")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    if options.model:
        from FemurQCTLib.training.shapes import read_model

        model, name = read_model(options.model), "the morphable femur, 100 components"
    else:
        model, name = load_shapes(), "the small shape model that ships"
    ring = ring_of_neck(model)
    found = [errors(model, ring, 1000 + seed) for seed in range(options.draws)]
    rows = []
    for place, (what, unit) in enumerate(NUMBERS.items()):
        row = [f"{what}, {unit}"]
        for below in CUTS:
            values = np.array([one[below][place] for one in found])
            signed = "–" if (values >= 0).all() else f"{np.mean(values):+.1f}"  # distances and angles between directions have no sign
            row += [f"{np.mean(np.abs(values)):.1f}", f"{np.max(np.abs(values)):.1f}", signed]
        rows.append(row)
    head = ["", *(f"{word}, cut {below:g} mm below" for below in CUTS for word in ("mean error", "largest", "bias"))]
    thick = []
    for true in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0):
        thick.append([f"{true:g}", *(f"{thickness(true, s, t):.2f}" for s in (1.0, 3.0) for t in (0.0, 50.0))])
    text = [
        "## Frame of the femur",
        "",
        f"{options.draws} draws from {name}, turned by up to {_TURN:g}° about each axis, half of them mirrored, on a grid of "
        f"{_GRID_MM:g} mm. The true shaft axis is that of rings 40 to 120 mm below the lesser trochanter: draws of the model bend their "
        "shafts more than bones do, so much of its error is the bend between there and what the scan shows. Written by "
        "`femur_geometry.py`.",
        "",
        table(head, rows),
        "",
        "## Thickness of the cortex",
        "",
        "Median over a tube (wall 1000, inside 150, outside 0 mg/cm³; outer radius 15 mm), blur of 1.2 mm FWHM in the slice, 0.7 mm "
        "pixels; all in mm. A cortex thinner than about 2 mm looks thicker than it is, in 3 mm slices across the surface one thinner than "
        "about 3 mm; 0 is said where its peak stays below the threshold.",
        "",
        table(["true", "1 mm slices, across", "1 mm slices, at 50°", "3 mm slices, across", "3 mm slices, at 50°"], thick),
    ]
    print("\n".join(text))
    if options.results:
        put_section(options.results, "geometry", "\n".join(text))


if __name__ == "__main__":
    main()
