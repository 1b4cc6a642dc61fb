"""A glioma in a procedural brain: necrosis inside an enhancing rim, edema along the white matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .brain_tissues import INDEX
from .canvas import Canvas
from .noise import spline_noise

NECROSIS, EDEMA, NONENHANCING, ENHANCING = 1, 2, 3, 4
KINDS = ("ring", "low grade", "none")
_EDEMA_IN = [INDEX[name] for name in ("white", "cortex", "basal_ganglia", "thalamus", "pallidum", "hippocampus")]


@dataclass(frozen=True)
class Tumor:
    """Parts of the tumor, uint8 (K, J, I): 0 none, 1 necrosis, 2 edema, 3 non-enhancing, 4 enhancing."""

    parts: NDArray[np.uint8]


def grow(canvas: Canvas, hull: NDArray, kind: str, rng: np.random.Generator) -> Tumor:
    """A tumor in one hemisphere, beside the ventricles.

    Args:
        canvas: the brain, values as in ``brain_tissues.INDEX``.
        hull: what lies inside of the brain's surface, bool (K, J, I).
        kind: one of `KINDS`.

    Raises:
        ValueError: for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no tumor “{kind}”, only {', '.join(KINDS)}")
    parts = np.zeros(canvas.labels.shape, np.uint8)
    if kind == "none":
        return Tumor(parts)
    shape, spacing = parts.shape, tuple(canvas.spacing[::-1])
    center = np.array((rng.choice([-1, 1]) * rng.uniform(28, 38), rng.uniform(-30, 30), rng.uniform(8, 26)))
    radius = rng.uniform(14, 20)
    lumpy, fine, wide = (spline_noise(shape, spacing, wavelength, rng) for wavelength in (24.0, 7.0, 30.0))
    x, y, z = (line - place for line, place in zip(canvas.axes(), center, strict=True))
    stretch = np.exp(rng.normal(0, 0.12, 3))
    distance = np.sqrt((x * stretch[0]) ** 2 + (y * stretch[1]) ** 2 + (z * stretch[2]) ** 2) + 2.0 * lumpy + 0.5 * fine
    own_side = np.sign(x + center[0]) == np.sign(center[0])
    core = (distance < radius) & hull & (canvas.labels != INDEX["ventricle"]) & own_side
    if kind == "ring":
        depth = np.zeros(shape, np.float32)
        box = ndimage.find_objects(np.pad(core, 1).astype(np.uint8))[0]
        inside = tuple(slice(max(0, side.start - 1), side.stop - 1) for side in box)
        depth[inside] = ndimage.distance_transform_edt(np.pad(core[inside], 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
        thickness = np.maximum(4.0 * np.exp(0.4 * wide + 0.2 * fine), 1.1 * max(spacing))  # a closed rim on any grid
        parts[core] = NECROSIS
        parts[core & (depth < thickness)] = ENHANCING
        parts[core & (wide > 1.2) & (depth < 1.5 * thickness)] = NONENHANCING
    else:
        parts[core] = NONENHANCING
    reach = (rng.uniform(9, 15) if kind == "ring" else rng.uniform(1, 3)) * np.exp(0.5 * wide)
    slow = np.where(canvas.labels == INDEX["white"], 1.0, 2.5)  # edema spreads along white matter and spares the cortex
    spread = np.isin(canvas.labels, _EDEMA_IN) & own_side & ~core & ((distance - radius) * slow < reach + fine)
    near, _ = ndimage.label(spread | core)
    parts[spread & (near == near[core][0])] = EDEMA
    return Tumor(parts)
