"""Shapes of the proximal femur from a Gaussian-process model, with the landmarks that everything inside hangs on.

Coordinates are millimeters in RAS for a *left* femur; a right one is its mirror image. The model is the morphable femur of
Unibas GRAVIS (icp-proposal, Apache-2.0); only its proximal part and its strongest components are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BELOW_LESSER_MM = 20.0
"""The proximal femur ends at a plane across the shaft, this far below the tip of the lesser trochanter (our choice)."""

_SHIPPED = Path(__file__).resolve().parents[2] / "Resources" / "FemurQCT" / "femur_shapes.npz"


@dataclass(frozen=True)
class Landmarks:
    """Where the parts of a femur are, mm in RAS of its left femur.

    Attributes:
        head: center of the head.
        radius: of the head, mm.
        neck: unit vector from the trochanters to the center of the head.
        shaft: unit vector up the shaft.
        lesser: tip of the lesser trochanter.
        greater: tip of the greater trochanter.
        shaft_point: a point of the shaft's axis at the level of the cut.
    """

    head: NDArray[np.float64]
    radius: float
    neck: NDArray[np.float64]
    shaft: NDArray[np.float64]
    lesser: NDArray[np.float64]
    greater: NDArray[np.float64]
    shaft_point: NDArray[np.float64]

    @property
    def cut(self) -> float:
        """Position of the lower end along ``shaft``: a point p belongs to the proximal femur where p · shaft > cut."""
        return float(self.lesser @ self.shaft) - BELOW_LESSER_MM


@dataclass(frozen=True)
class ShapeModel:
    """mean + basis · coefficients.

    Attributes:
        mean: vertices of the mean shape, (n, 3).
        basis: displacement for one standard deviation of each component, (components, n, 3).
        faces: (m, 3), counterclockwise seen from outside.
        parts: vertices by landmark: "head" (sphere), "lesser", "greater", "upper" and "lower" (rings of the shaft).
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    faces: NDArray[np.int64]
    parts: dict[str, NDArray[np.int64]]

    @property
    def components(self) -> int:
        return len(self.basis)

    def draw(self, rng: np.random.Generator, spread: float = 0.65, components: int | None = None) -> NDArray[np.float64]:
        """Vertices of a random femur.

        Args:
            rng: source of the coefficients.
            spread: their standard deviation. The whole of the model's covariance bends shafts more than bones are bent
                (it is a smoothness prior, not a statistic of patients), hence less than 1.
            components: how many of them; all if None.
        """
        count = self.components if components is None else components
        coefficients = rng.standard_normal(count) * spread
        return self.mean + np.tensordot(coefficients, self.basis[:count], axes=1)

    def landmarks(self, vertices: NDArray) -> Landmarks:
        """Landmarks of a shape, from the vertices that are at the same place of every shape of the model."""
        head, radius = sphere(vertices[self.parts["head"]])
        upper, lower = (vertices[self.parts[name]].mean(0) for name in ("upper", "lower"))
        shaft = _unit(upper - lower)
        lesser, greater = vertices[self.parts["lesser"]].mean(0), vertices[self.parts["greater"]].mean(0)
        base = upper + shaft * ((lesser - upper) @ shaft + 25.0)
        level = (lesser - upper) @ shaft - BELOW_LESSER_MM
        return Landmarks(head, radius, _unit(head - base), shaft, lesser, greater, upper + shaft * level)

    def save(self, path: Path, components: int) -> None:
        """Write the strongest components in half precision."""
        parts = {f"part_{name}": index.astype(np.int16) for name, index in self.parts.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            np.savez_compressed(
                stream,
                mean=self.mean.astype(np.float32),
                basis=self.basis[:components].astype(np.float16),
                faces=self.faces.astype(np.int16),
                **parts,  # type: ignore[arg-type]
            )


def load_shapes(path: Path | None = None) -> ShapeModel:
    """The model in a file written by ``ShapeModel.save``; None takes the small one that ships."""
    return _loaded(path or _SHIPPED)


@lru_cache(maxsize=2)
def _loaded(path: Path) -> ShapeModel:
    with np.load(path) as data:
        parts = {name.removeprefix("part_"): data[name].astype(np.int64) for name in data.files if name.startswith("part_")}
        return ShapeModel(data["mean"].astype(float), data["basis"].astype(float), data["faces"].astype(np.int64), parts)


def smooth(vertices: NDArray, faces: NDArray, times: int = 2) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Loop subdivision of a closed mesh: four triangles for one, and a surface without edges."""
    for _ in range(times):
        vertices, faces = _subdivided(vertices, faces)
    return vertices, faces


def normals(vertices: NDArray, faces: NDArray) -> NDArray[np.float64]:
    """Unit normals of the vertices, outward, weighted by area; (n, 3)."""
    a, b, c = (vertices[faces[:, column]] for column in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for column in range(3):
        np.add.at(total, faces[:, column], across)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def volume_ml(vertices: NDArray, faces: NDArray) -> float:
    """Volume that a closed mesh encloses, mL."""
    a, b, c = (vertices[faces[:, column]] for column in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6000)


def _subdivided(vertices: NDArray, faces: NDArray) -> tuple[NDArray, NDArray]:
    count = len(vertices)
    corners = np.stack([faces, np.roll(faces, -1, axis=1), np.roll(faces, -2, axis=1)], axis=-1).reshape(-1, 3)  # a, b, opposite
    edges, inverse = np.unique(np.sort(corners[:, :2], axis=1), axis=0, return_inverse=True)
    opposite = np.zeros((len(edges), 3))
    shared = np.zeros(len(edges))
    np.add.at(opposite, inverse, vertices[corners[:, 2]])
    np.add.at(shared, inverse, 1)
    ends = vertices[edges].sum(1)
    inner = (shared == 2)[:, None]
    middles = np.where(inner, 0.375 * ends + 0.125 * opposite, 0.5 * ends)
    degree, around = np.zeros(count), np.zeros((count, 3))
    for a, b in ((0, 1), (1, 0)):
        np.add.at(degree, edges[:, a], 1)
        np.add.at(around, edges[:, a], vertices[edges[:, b]])
    weight = np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1)))[:, None]
    moved = vertices * (1 - degree[:, None] * weight) + around * weight
    ab, bc, ca = (count + inverse.reshape(-1, 3)[:, column] for column in range(3))
    a, b, c = faces.T
    split = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
    return np.concatenate([moved, middles]), split


def sphere(points: NDArray) -> tuple[NDArray[np.float64], float]:
    """Center and radius of the sphere through points, by least squares."""
    matrix = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(matrix, (points**2).sum(1), rcond=None)[0]
    center = solution[:3]
    return center, float(np.sqrt(solution[3] + center @ center))


def _unit(vector: NDArray) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), np.float64)
