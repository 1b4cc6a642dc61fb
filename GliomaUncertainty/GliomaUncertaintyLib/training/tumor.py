"""Grow gliomas in a head: a core with what it is made of, and edema along the white matter.

A tumor is four smooth level fields on a coarse grid around it, each in mm and negative inside; fine noise is added where they are
sampled, so that one tumor serves any slab of any warped grid, and its boundaries are as rough as those of real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DeepVolumetryLib.phantom.brain_tissues import INDEX
from DeepVolumetryLib.training.fields import spline_noise

from .pack import BRAIN, Head

STEP_MM = 2.0
NONE, NECROSIS, EDEMA, NONENHANCING, ENHANCING = 0, 1, 2, 3, 4
"""Parts of a tumor, numbered as in BraTS 2013."""
CORE_LEVEL, EDEMA_LEVEL, ENHANCING_LEVEL, NECROSIS_LEVEL = range(4)
FAR_MM = 60.0
REACH_MM = 64.0  # the box around a tumor reaches this far from its center
WHITE = [INDEX[name] for name in ("white", "hyperintensity", "cerebellar_white", "brainstem")]
FLUID = [INDEX[name] for name in ("ventricle", "choroid")]
SOFT_BRAIN = [n for n in BRAIN if n not in FLUID]
_KINDS = {"ring": 0.5, "solid": 0.12, "patchy": 0.13, "low grade": 0.25}
# Volumes in mL, log-uniform: core, then edema. The whole tumor spans what BraTS shows, 5 to 250 mL, with a few smaller ones.
_CORE_ML = {"ring": (1.5, 110.0), "solid": (0.3, 40.0), "patchy": (5.0, 110.0), "low grade": (4.0, 120.0)}
_EDEMA_ML = {"ring": (6.0, 150.0), "solid": (5.0, 130.0), "patchy": (5.0, 90.0), "low grade": (0.5, 40.0)}


@dataclass(frozen=True)
class Tumor:
    """A tumor in the frame of a head, mm from the center of its first voxel, order (z, y, x).

    Attributes:
        levels: float32 (4, D, H, W) on a grid of 2 mm: core, edema, enhancing, necrosis; mm, negative inside.
        origin: of the grid's first voxel.
        center: of mass of the core.
        radius: of a ball as large as the whole tumor.
        push: how far the tissue beside the tumor was displaced by it; 0 for none.
        volumes_ml: of parts 1 to 4, roughly.
    """

    levels: Tensor
    origin: np.ndarray
    center: np.ndarray
    radius: float
    push: float
    volumes_ml: np.ndarray

    def at(self, points: Tensor) -> Tensor:
        """Levels at points (3, ...) of the head's frame, shape (4, ...); far away from the tumor all are `FAR_MM`."""
        origin = torch.from_numpy(self.origin).float().reshape(3, *[1] * (points.ndim - 1))
        return sampled(self.levels, (points - origin) / STEP_MM, FAR_MM)


def sampled(fields: Tensor, index: Tensor, beyond: float) -> Tensor:
    """Trilinear values of fields (C, D, H, W) at voxel indices (3, ...), order (z, y, x): (C, ...); ``beyond`` outside of the grid."""
    size = torch.tensor(fields.shape[1:]).float().reshape(3, *[1] * (index.ndim - 1))
    grid = (index * 2 / (size - 1) - 1).flip(0).reshape(3, 1, 1, -1).permute(1, 2, 3, 0)[None]
    shifted = fields - beyond if beyond else fields  # outside, grid_sample gives 0
    values = torch.nn.functional.grid_sample(shifted[None], grid, align_corners=True)[0]
    return (values + beyond if beyond else values).reshape(fields.shape[0], *index.shape[1:])


def parts_at(levels: Tensor, roughness: Tensor, hull: Tensor, soft: Tensor) -> Tensor:
    """Part of the tumor at each point, uint8.

    Args:
        levels: (4, ...), as ``Tumor.at`` gives them.
        roughness: (2, ...) noise in mm that makes the boundaries of the core and of what is inside of it irregular.
        hull, soft: bool (...): inside of the brain's surface; brain tissue, where edema can be.
    """
    outer, inner = roughness
    core = (levels[CORE_LEVEL] + outer < 0) & hull
    edema = (levels[EDEMA_LEVEL] + outer < 0) & soft
    parts = torch.where(edema, EDEMA, NONE).to(torch.uint8)
    parts[core] = NONENHANCING
    parts[core & (levels[NECROSIS_LEVEL] + inner < 0)] = NECROSIS
    parts[core & (levels[ENHANCING_LEVEL] + inner < 0)] = ENHANCING
    return parts


def grow(head: Head, rng: np.random.Generator) -> Tumor:
    """A random glioma somewhere in a head."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    step = round(STEP_MM)
    tissue = head.tissue[::step, ::step, ::step]
    place = place_in(tissue, rng)
    tissue, low = box_around(tissue, place)
    shape = tissue.shape
    points = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij"))
    points += low.reshape(3, 1, 1, 1)
    hull = box_around(head.rim[::step, ::step, ::step], place)[0] < 0
    soft, white, fluid = (table_of(numbers)[tissue] for numbers in (SOFT_BRAIN, WHITE, FLUID))
    side = _times(head.midplane[None, :3] * step, points)[0] + np.float32(head.midplane[3])
    own = np.sign(head.midplane[:3] @ (place * step) + head.midplane[3])
    crossable = white | (tissue == INDEX["thalamus"])
    passable = soft & ((np.abs(side) > STEP_MM) | crossable)  # the falx lies between the hemispheres

    core_ml = _log_uniform(rng, *_CORE_ML[kind])
    form = _form(points - place.reshape(3, 1, 1, 1), shape, rng)
    if rng.random() < 0.12 and core_ml > 3:
        other = place + rng.normal(0, 10, 3)
        form = np.minimum(form, _form(points - other.reshape(3, 1, 1, 1), shape, rng) * rng.uniform(1.2, 2.0))
    # The other hemisphere is reached through the callosum only; sulci are filled, ventricles rather pushed aside.
    form = form + np.where(np.sign(side) == own, 0.0, np.where(crossable, 0.5, 3.0)) + np.where(fluid, 0.7, 0.0)
    form = ndimage.gaussian_filter(form, 0.8)
    core_level = _level(form, hull, core_ml)
    core = (core_level < 0) & hull

    travel = _travel(core, passable, white, rng) + _noise(shape, rng, 24) * rng.uniform(1, 5) + _noise(shape, rng, 9) * rng.uniform(0.5, 2)
    edema_ml = min(_log_uniform(rng, *_EDEMA_ML[kind]), 8 * core_ml + 30)
    # Edema starts at the core, so its level counts from the core's surface on.
    edema_level = np.where(core, -FAR_MM, _level(np.where(core, FAR_MM, travel), passable & ~core, edema_ml))
    enhancing_level, necrosis_level = _inside(kind, core_level, core, rng)
    levels = np.stack([core_level, edema_level, enhancing_level, necrosis_level]).clip(-FAR_MM, FAR_MM).astype(np.float32)
    return finished(torch.from_numpy(levels), low * STEP_MM, soft, hull, rng)


def finished(levels: Tensor, origin: np.ndarray, soft: np.ndarray, hull: np.ndarray, rng: np.random.Generator) -> Tumor:
    """The tumor of these levels, measured; ``soft`` and ``hull`` as for ``parts_at``, on the grid of the levels."""
    parts = parts_at(levels, torch.zeros(2, 1, 1, 1), torch.from_numpy(hull), torch.from_numpy(soft)).numpy()
    volumes = np.bincount(parts.ravel(), minlength=5)[1:5] * STEP_MM**3 / 1000
    core = (parts != NONE) & (parts != EDEMA)
    center = np.array(ndimage.center_of_mass(core if core.any() else parts != NONE)) * STEP_MM + origin
    radius = float(np.cbrt(max(volumes.sum(), 0.3) * 1000 * 3 / (4 * np.pi)))
    push = rng.uniform(0, 0.25) * radius if rng.random() < 0.6 else 0.0
    return Tumor(levels, origin, center, radius, min(push, 9.0), volumes)


def place_in(tissue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somewhere in the brain, in voxels of the coarse grid: mostly in the white matter of the cerebrum."""
    names = ("white", "hyperintensity") if rng.random() < 0.75 else ("cortex", "basal_ganglia", "thalamus", "hippocampus")
    if rng.random() < 0.05:
        names = ("brainstem", "cerebellar_white", "cerebellar_cortex")
    candidates = np.argwhere(np.isin(tissue, [INDEX[name] for name in names]))
    if not len(candidates):
        candidates = np.argwhere(np.isin(tissue, SOFT_BRAIN))
    return candidates[rng.integers(len(candidates))].astype(float)


def box_around(tissue: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tissue within reach of the center, and its first voxel."""
    reach = int(REACH_MM / STEP_MM)
    low = np.maximum(np.rint(center).astype(int) - reach, 0)
    high = np.minimum(np.rint(center).astype(int) + reach + 1, tissue.shape)
    return tissue[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], low.astype(float)


def _form(relative: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A lumpy ellipsoid: grows from 0 in its middle, about 1 at a distance of 20 mm."""
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0] * np.exp(rng.normal(0, 0.22, 3))
    distance = np.sqrt(np.square(_times(axes, relative)).sum(0)) * STEP_MM / 20
    return distance * np.exp(0.22 * _noise(shape, rng, rng.uniform(22, 40)) * rng.uniform(0.4, 1.3) + 0.1 * _noise(shape, rng, 10))


def _times(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A matrix (n, 3) applied to points (3, K, J, I)."""
    return (matrix.astype(np.float32) @ points.reshape(3, -1).astype(np.float32)).reshape(-1, *points.shape[1:])


def table_of(numbers: Sequence[int]) -> np.ndarray:
    table = np.zeros(256, bool)
    table[list(numbers)] = True
    return table


def _noise(shape: tuple[int, ...], rng: np.random.Generator, wavelength_mm: float) -> np.ndarray:
    return spline_noise(tuple(shape), (STEP_MM,) * 3, wavelength_mm, rng).numpy()


def _level(field: np.ndarray, where: np.ndarray, volume_ml: float) -> np.ndarray:
    """The field as mm from the surface that encloses the volume: shifted, and scaled by its slope there."""
    values = field[where]
    count = int(np.clip(volume_ml * 1000 / STEP_MM**3, 1, max(1, len(values) - 1)))
    if len(values) < 2:
        return np.full(field.shape, FAR_MM, np.float32)
    threshold = float(np.partition(values, count)[count])
    near = np.abs(field - threshold) < 0.25 * max(abs(threshold), 1e-3)
    slope = np.sqrt(sum(np.square(part) for part in np.gradient(field)))[near & where] / STEP_MM
    typical = float(np.median(slope)) if slope.size else 1.0
    return (field - threshold) / max(typical, 1e-3)


def _travel(core: np.ndarray, passable: np.ndarray, white: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distance from the core in mm along paths through the brain, three times as long through gray matter.

    Fronts advance a voxel a step, by turns over faces and over faces and edges, which keeps them round.
    """
    slowness = int(rng.integers(2, 5))
    reached, result = core.copy(), np.full(core.shape, FAR_MM, np.float32)
    result[core] = 0
    for step in range(1, int(FAR_MM / STEP_MM * 0.8)):
        front = _grown(reached, edges=step % 2 == 0) & passable
        front &= white | (step % slowness == 0)
        new = front & ~reached
        if step > slowness and not new.any():
            break
        result[new] = step * STEP_MM * 1.1
        reached |= new
    return ndimage.gaussian_filter(result, 0.7)


def _grown(mask: np.ndarray, edges: bool) -> np.ndarray:
    grown = mask.copy()
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        source = grown.copy() if edges and axis < 2 else mask  # over edges in the plane of the slices' cheap approximation
        grown[tuple(ahead)] |= source[tuple(behind)]
        grown[tuple(behind)] |= source[tuple(ahead)]
    return grown


def _inside(kind: str, core_level: np.ndarray, core: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Levels of enhancing tumor and of necrosis within the core; the rest of it does not enhance."""
    shape = core.shape
    depth = (ndimage.distance_transform_edt(core) * STEP_MM).astype(np.float32)  # from the surface
    deepest = max(float(depth.max()), 2 * STEP_MM)
    coarse, fine = _noise(shape, rng, rng.uniform(14, 30)), _noise(shape, rng, rng.uniform(5, 9))
    if kind == "low grade":
        enhancing = np.full(shape, FAR_MM, np.float32)
        necrosis = _middle(depth, deepest, coarse, rng) if rng.random() < 0.2 else enhancing
        return enhancing, necrosis
    if kind == "patchy":  # a few foci in a core that does not enhance
        foci = (rng.uniform(0.9, 2.0) - _noise(shape, rng, rng.uniform(9, 22))) * 5 + fine
        necrosis = _middle(depth, deepest, coarse, rng) if rng.random() < 0.5 else np.full(shape, FAR_MM, np.float32)
        return foci, necrosis
    if kind == "solid":
        holes = (rng.uniform(0.8, 2.0) - coarse) * 6 + fine * 2
        return np.where(holes < 0, -holes, -np.maximum(depth, 3.0)), holes
    thickness = rng.uniform(1.5, min(9.0, 0.5 * deepest + 2)) * np.exp(0.45 * coarse + 0.25 * fine)
    outside = (
        np.maximum(0.0, rng.uniform(-4, 4) + 2.5 * _noise(shape, rng, 18)) if rng.random() < 0.5 else 0.0
    )  # a cuff that does not enhance
    enhancing = np.maximum(depth - outside - thickness, np.where(outside > 0, outside - depth, -FAR_MM))
    if rng.random() < 0.4:  # gaps in the rim
        enhancing = np.maximum(enhancing, (_noise(shape, rng, rng.uniform(15, 35)) - rng.uniform(0.6, 1.6)) * 5)
    if rng.random() < 0.5:  # septa and nodules
        enhancing = np.minimum(enhancing, (rng.uniform(1.2, 2.2) - _noise(shape, rng, rng.uniform(7, 14))) * 4)
    necrosis = outside + (0.6 if rng.random() < 0.7 else rng.uniform(0.6, 1.6)) * thickness - depth + 2 * np.maximum(0, fine - 1)
    return enhancing.astype(np.float32), necrosis.astype(np.float32)


def _middle(depth: np.ndarray, deepest: float, noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.uniform(0.3, 0.8) * deepest - depth + 2 * noise).astype(np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
