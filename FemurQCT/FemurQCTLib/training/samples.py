"""Training samples of the two networks, composed while training: image, shares of each class, and where the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from DeepVolumetryLib.image import Image

from ..anatomy.acquire import Implant, acquired, draw_scanner
from ..anatomy.bone import Femur, draw_bone, posed, worn
from ..anatomy.context import Context, draw_tissues
from ..anatomy.patient import Patient, Scale, compose
from ..grids import crop_grid
from ..intensity import normalized
from ..networks import FINDER_MM, VNET_MM
from .pack import UNIT_MM, Shape

FINDER_SHAPE = (48, 48, 64)
_REAL_SHARE = 0.65
_WORN_SHARE = 0.4


@dataclass(frozen=True)
class Anatomy:
    """What samples are composed from."""

    shapes: list[Shape]
    contexts: list[Context]


def draw_patient(
    anatomy: Anatomy, rng: np.random.Generator, sides: tuple[str, ...] = ("left", "right"), shape: Shape | None = None
) -> Patient:
    """A patient with femora of one shape, turned and stretched a little, in somebody's pelvis.

    The pelvis is as large as the heads want it; its heads lie where the femora's are put.
    """
    shape = shape or anatomy.shapes[rng.integers(len(anatomy.shapes))]
    context = _context(anatomy, rng)
    if rng.random() < 0.5:
        context = context.mirrored()
    gap = float(rng.uniform(1.2, 4.2))
    context = context.scaled((shape.landmarks.radius + 1.5) / context.radius, np.zeros(3))
    bone = draw_bone(rng)
    if rng.random() < _WORN_SHARE:
        bone = worn(bone, rng)
    turn = rng.normal(0, (5.0, 3.5, 9.0))
    femora = []
    for side in sides:
        # The other side is turned the other way about A and S, but for what differs between the legs of one patient.
        own = (turn + rng.normal(0, (2.0, 1.5, 3.0))) * ((1, -1, -1) if side == "right" else (1, 1, 1))
        femur = posed(shape.distance, UNIT_MM, shape.landmarks, bone, side, context.heads[side] + rng.normal(0, 0.7, 3), own)
        femora.append(_stretched(femur, rng))
    slope = float(rng.uniform(0.66, 0.95))
    return Patient(femora, context, draw_tissues(rng), Scale(slope, float(rng.uniform(-15, 15))), gap)


def _context(anatomy: Anatomy, rng: np.random.Generator) -> Context:
    """Somebody's pelvis in most draws, a procedural one in the others."""
    real = [context for context in anatomy.contexts if not context.name.startswith("procedural")]
    chosen = real if real and rng.random() < _REAL_SHARE else anatomy.contexts
    return chosen[rng.integers(len(chosen))]


def _stretched(femur: Femur, rng: np.random.Generator) -> Femur:
    """Up to some percent longer or wider about the center of the head: shapes between the draws."""
    stretch = np.eye(4)
    stretch[:3, :3] = np.diag(np.exp(rng.normal(0, 0.02, 3)))
    about = np.eye(4)
    about[:3, 3] = femur.landmarks.head
    return replace(femur, pose=femur.pose @ about @ stretch @ np.linalg.inv(about))


def vnet_sample(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """One left hip: image (1, K, J, I), shares of the classes (3, K, J, I) float16, covered (K, J, I) bool."""
    patient = draw_patient(anatomy, rng, ("left",))
    femur = patient.femora[0]
    low, high = proximal_box(femur)
    jitter = rng.uniform(-1, 1, 3) * (11, 11, 12)
    spacing = VNET_MM * float(np.exp(rng.uniform(-0.06, 0.06)))
    grid = crop_grid(low + jitter, high + jitter, spacing)
    made = compose(patient, grid, int(rng.integers(2**31)))
    scanner = draw_scanner(rng)
    implants = (_screw(femur, grid, rng),) if scanner.metal and rng.random() < 0.7 else ()
    image = acquired(made.hu, grid.spacing[::-1], scanner, rng, implants=implants)
    covered = _covered(grid, femur.head[2], rng)
    target = np.stack([1 - made.proximal["left"] - made.shaft["left"], made.proximal["left"], made.shaft["left"]])
    return _as_tensors(image, target, covered)


def finder_sample(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A trunk at 6 mm: as ``vnet_sample``, with the classes left and right proximal femur."""
    patient = draw_patient(anatomy, rng, ("left", "right") if rng.random() < 0.92 else (("left",), ("right",))[rng.integers(2)])
    spacing = FINDER_MM * float(np.exp(rng.uniform(-0.1, 0.1)))
    middle = rng.uniform(-1, 1, 3) * (40, 35, 1) + (0, 0, rng.uniform(-60, 110) if rng.random() < 0.8 else rng.uniform(110, 420))
    size = np.array(FINDER_SHAPE[::-1])
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), FINDER_SHAPE), (spacing,) * 3, middle - (size - 1) / 2 * spacing)
    made = compose(patient, grid, int(rng.integers(2**31)))
    scanner = draw_scanner(rng)
    image = made.hu + np.float32(scanner.noise * 0.3) * rng.standard_normal(grid.shape, dtype=np.float32)
    covered = _covered(grid, 0.0, rng)
    sides = [made.proximal.get(side, np.zeros(grid.shape, np.float32)) for side in ("left", "right")]
    target = np.stack([1 - sides[0] - sides[1], *sides])
    return _as_tensors(image, target, covered)


def _screw(femur: Femur, grid: Image, rng: np.random.Generator) -> Implant:
    """A screw from the side of the shaft through the neck into the head, as fractures are held."""
    marks = femur.landmarks
    tip = marks.head + marks.neck * marks.radius * rng.uniform(-0.2, 0.6) + rng.normal(0, 2.5, 3)
    points = [tip - marks.neck * marks.radius * rng.uniform(3.2, 4.4), tip]
    (i0, j0, k0), (i1, j1, k1) = ((grid.ras_to_ijk @ femur.pose @ (*point, 1.0))[:3] for point in points)
    return Implant((float(k0), float(j0), float(i0)), (float(k1), float(j1), float(i1)), float(rng.uniform(3.0, 6.5)))


def proximal_box(femur: Femur) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners in RAS of the box around the proximal femur."""
    local = Image(femur.distance.voxels[::2, ::2, ::2], femur.pose @ femur.distance.ijk_to_ras @ np.diag([2, 2, 2, 1.0]))
    inside = (local.voxels < 0) & (femur.above_cut(local) > 0)
    points = np.argwhere(inside)[:, ::-1] @ local.ijk_to_ras[:3, :3].T + local.ijk_to_ras[:3, 3]
    return points.min(0), points.max(0)


def _covered(grid: Image, head_s: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """What the scan covers: all in half of the draws, else slices between two heights, now and then through the femur."""
    covered = np.ones(grid.shape, bool)
    if rng.random() < 0.5:
        return covered
    s = grid.ijk_to_ras[2, 2] * np.arange(grid.shape[0]) + grid.ijk_to_ras[2, 3]
    low = head_s - (rng.uniform(25, 90) if rng.random() < 0.5 else rng.uniform(90, 170))
    high = head_s + (rng.uniform(30, 200) if rng.random() < 0.85 else rng.uniform(-10, 30))
    kept = (s > low) & (s < high)
    if kept.sum() > 4:
        covered[~kept] = False
    return covered


def _as_tensors(image: NDArray, target: NDArray, covered: NDArray) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.ascontiguousarray(normalized(image, covered)))[None],
        torch.from_numpy((target * covered).astype(np.float16)),
        torch.from_numpy(covered),
    )


class Samples(IterableDataset):
    """Endless samples; every worker and every resumed slice draws its own."""

    def __init__(self, anatomy: Anatomy, network: str, seed: int) -> None:
        self.anatomy, self.network, self.seed = anatomy, network, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        draw = vnet_sample if self.network == "vnet" else finder_sample
        while True:
            yield draw(self.anatomy, rng)
