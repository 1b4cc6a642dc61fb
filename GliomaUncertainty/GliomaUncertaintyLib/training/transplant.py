"""The shape of a real tumor, turned and stretched, set into another head."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from DeepVolumetryLib.errors import InputError

from .pack import SPACING_MM, Case, Head
from .scene import pose_matrix
from .tumor import FAR_MM, REACH_MM, SOFT_BRAIN, STEP_MM, Tumor, finished, place_in, sampled, table_of

_NECROSIS, _EDEMA, _ENHANCING = 1, 2, 4
_TRIES = 6


def transplant(case: Case, head: Head, rng: np.random.Generator) -> Tumor:
    """A real tumor at the place of a head, out of some random ones, where most of it lies in the brain.

    Raises:
        InputError: if the case has no tumor.
    """
    if not case.labels.any():
        raise InputError(f"{case.patient} has no tumor whose shape could be used. Leave it out.")
    shape = _levels(case.labels, rng)
    step = round(STEP_MM)
    tissue, rim = head.tissue[::step, ::step, ::step], head.rim[::step, ::step, ::step]
    best: tuple[int, np.ndarray] | None = None
    for _ in range(_TRIES):
        place = place_in(tissue, rng)
        low = np.rint(place).astype(int) - shape.shape[1] // 2
        inside = int(((shape[1] < 0) & (_cut(rim, low, shape.shape[1:], 127) < 0)).sum())
        if best is None or inside > best[0]:
            best = inside, low
    assert best is not None
    low = best[1]
    soft = table_of(SOFT_BRAIN)[_cut(tissue, low, shape.shape[1:], 0)]
    hull = _cut(rim, low, shape.shape[1:], 127) < 0
    return finished(torch.from_numpy(shape), low * STEP_MM, soft, hull, rng)


def _levels(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Levels of a labeled tumor, turned about its middle and stretched, from signed distances; float32 (4, D, H, W)."""
    core = (labels == _NECROSIS) | (labels == _ENHANCING)
    middle = np.array(ndimage.center_of_mass(core if core.any() else labels > 0))
    reach = int(REACH_MM / STEP_MM)
    axis = (torch.arange(2 * reach + 1, dtype=torch.float32) - reach) * STEP_MM / SPACING_MM
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    matrix = torch.from_numpy(pose_matrix(rng) * np.exp(rng.uniform(-0.3, 0.2))).float()
    points = (matrix @ points.reshape(3, -1)).reshape(points.shape) + torch.from_numpy(middle).float().reshape(3, 1, 1, 1)
    masks = np.stack([core, labels > 0, labels == _ENHANCING, labels == _NECROSIS]).astype(np.float32)
    there = sampled(torch.from_numpy(masks), points, 0.0).numpy() > 0.5
    core_level, edema, enhancing, necrosis = (_signed_distance(mask) for mask in there)
    enhancing = (enhancing - necrosis) / 2  # every place of the core is one or the other, also where its surface is roughened
    # BraTS calls necrosis and what does not enhance by one name; a shape can be either.
    return np.stack([core_level, edema, enhancing, -enhancing if rng.random() < 0.7 else np.full_like(enhancing, FAR_MM)])


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """mm to the surface, negative inside; `FAR_MM` everywhere if there is nothing."""
    if not mask.any():
        return np.full(mask.shape, FAR_MM, np.float32)
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    return (distance * STEP_MM - np.sign(distance) * STEP_MM / 2).clip(-FAR_MM, FAR_MM).astype(np.float32)


def _cut(volume: np.ndarray, low: np.ndarray, shape: tuple[int, ...], beyond: int) -> np.ndarray:
    """A box of a volume that may reach beyond it."""
    result = np.full(shape, beyond, volume.dtype)
    start, stop = np.maximum(low, 0), np.minimum(low + shape, volume.shape)
    if (start < stop).all():
        result[tuple(map(slice, start - low, stop - low))] = volume[tuple(map(slice, start, stop))]
    return result
