"""A patient for hip QCT: two femora in a pelvis, and everything on one grid as HU, density and truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.noise import spline_noise

from .bone import Femur, density, inside
from .context import Context, Tissues, soft_tissue


@dataclass(frozen=True)
class Scale:
    """density = slope · HU + intercept, in mg/cm3 of the calibration material."""

    slope: float = 0.8
    intercept: float = -2.0

    def hu(self, density_mg: NDArray) -> NDArray[np.float32]:
        return np.asarray((density_mg - self.intercept) / self.slope, np.float32)


@dataclass(frozen=True)
class Patient:
    """Everything that is in the scanner but the phantom and the table.

    Attributes:
        femora: those that are there; a missing one is soft tissue.
        context: whose heads are where those of the femora are.
        tissues: of the context.
        scale: what HU bone has.
        gap_mm: width of the hip joints.
    """

    femora: list[Femur]
    context: Context
    tissues: Tissues
    scale: Scale = field(default_factory=Scale)
    gap_mm: float = 3.0


@dataclass(frozen=True)
class Composition:
    """A patient on a grid, all (K, J, I).

    Attributes:
        hu: float32, without blur or noise.
        density: mg/cm3 within the femora, with the share of their voxels that is bone; 0 elsewhere. float32.
        proximal: side -> share of each voxel that belongs to the proximal femur, float32.
        shaft: side -> share of each voxel that is femur below the proximal part.
    """

    hu: NDArray[np.float32]
    density: NDArray[np.float32]
    proximal: dict[str, NDArray[np.float32]]
    shaft: dict[str, NDArray[np.float32]]


def compose(patient: Patient, grid: Image, seed: int, soft: bool = True) -> Composition:
    """Put a patient on a grid; the same seed gives the same textures.

    Args:
        grid: any affine; its voxels are not used.
        seed: of the textures.
        soft: False leaves all but the femora out, for a truth on a fine grid.
    """
    rng = np.random.default_rng([7, seed])
    width = float(np.cbrt(np.prod(grid.spacing)))
    tissues = patient.tissues
    if soft:
        around = soft_tissue(patient.context, tissues, grid, rng)
        hu, pelvis = around.hu, around.pelvis_mm
    else:
        hu, pelvis = np.zeros(grid.shape, np.float32), np.full(grid.shape, np.float32(30))
    total = np.zeros(grid.shape, np.float32)
    proximal = {femur.side: np.zeros(grid.shape, np.float32) for femur in patient.femora}
    shaft = {femur.side: np.zeros(grid.shape, np.float32) for femur in patient.femora}
    pending = []
    for femur in patient.femora:
        box = _box(femur, grid)
        if box is None:
            continue
        low, high, where = box
        local = grid.with_voxels(np.broadcast_to(np.uint8(0), grid.shape)).cropped(low, high)
        signed = femur.distance_on(local)
        # The socket keeps its distance from the head, whosever head it was made for.
        np.maximum(pelvis[where], np.float32(patient.gap_mm) - signed, out=pelvis[where])
        pending.append((femur, where, local, signed))
    if soft:
        _pelvis(hu, pelvis, tissues, patient.scale, grid, width, rng)
    for femur, where, local, signed in pending:
        if soft:
            joint = (signed > 0) & (signed < patient.gap_mm * 0.8) & (_from(femur.head, local) < femur.landmarks.radius * 1.35)
            hu[where][joint] = 60.0
        share = inside(signed, width)
        bone = density(femur, local, signed, width, rng)
        above = np.clip(femur.above_cut(local) / np.float32(width) + 0.5, 0, 1)
        proximal[femur.side][where] = share * above
        shaft[femur.side][where] = share * (1 - above)
        total[where] += share * bone
        hu[where] += share * (patient.scale.hu(bone) - hu[where])
    return Composition(hu, total, proximal, shaft)


def _pelvis(
    hu: NDArray[np.float32],
    signed: NDArray[np.float32],
    tissues: Tissues,
    scale: Scale,
    grid: Image,
    width: float,
    rng: np.random.Generator,
) -> None:
    """Cortex around spongy bone, in place."""
    near = signed < width
    if not near.any():
        return
    distance = signed[near]
    share = inside(distance, width)
    cortex = share - inside(distance + np.float32(tissues.pelvis_cortex_mm), width)
    grain = spline_noise(grid.shape, grid.spacing[::-1], 5.0, rng)[near]
    spongy = tissues.pelvis_spongy * (1 + 0.25 * grain)
    part = np.clip(cortex / np.maximum(share, 1e-6), 0, 1)
    bone = part * tissues.pelvis_cortex + (1 - part) * spongy
    hu[near] += share * (scale.hu(bone) - hu[near])


def _box(femur: Femur, grid: Image) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[slice, ...]] | None:
    """Voxels of a grid that may show a femur, or None."""
    low, high = femur.box_ras()
    corners = np.array([(r, a, s, 1.0) for r in (low[0], high[0]) for a in (low[1], high[1]) for s in (low[2], high[2])])
    ijk = (corners @ grid.ras_to_ijk.T)[:, :3]
    first = np.clip(np.floor(ijk.min(0))[::-1].astype(int), 0, grid.shape)
    last = np.clip(np.ceil(ijk.max(0))[::-1].astype(int) + 1, 0, grid.shape)
    if (last <= first).any():
        return None
    return first, last, tuple(slice(a, b) for a, b in zip(first, last, strict=True))


def _from(point: NDArray, grid: Image) -> NDArray[np.float32]:
    i, j, k = (np.arange(n, dtype=np.float32) for n in grid.size)
    rows = [
        row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + (row[3] - x)
        for row, x in zip(grid.ijk_to_ras[:3].astype(np.float32), point.astype(np.float32), strict=True)
    ]
    return np.asarray(np.sqrt(sum(row * row for row in rows)), np.float32)
