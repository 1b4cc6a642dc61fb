"""Procedural brains: folded cortex, white matter, ventricles, deep gray matter, cerebellum and brainstem, with a skull if wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .brain_tissues import INDEX
from .brain_tumor import Tumor, grow
from .canvas import Canvas, all_but, only
from .noise import spline_noise

_CORTEX_MM = 3.0
_SIZE_MM = (156.0, 190.0, 142.0)  # along x, y, z, without a skull
_SKULL_MM = 16.0


@dataclass(frozen=True)
class Brain:
    """A head of known anatomy on a RAS grid.

    Attributes:
        tissue: index into ``brain_tissues.TISSUES`` with the tumor in it, uint8 (K, J, I).
        parts: of the tumor: 0 none, 1 necrosis, 2 edema, 3 non-enhancing, 4 enhancing (BraTS 2013), uint8 (K, J, I).
        mask: brain with the CSF in and just around it, bool (K, J, I).
        ijk_to_ras: 4x4.
    """

    tissue: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    ijk_to_ras: NDArray[np.float64]


def brain(seed: int, spacing_mm: float = 1.0, tumor: str = "ring", skull: bool = False) -> Brain:
    """A random brain; same seed, same brain.

    Args:
        seed: of folds, sizes and the tumor.
        spacing_mm: isotropic; at 1 mm the grid has about 156 x 190 x 142 voxels.
        tumor: "ring" (edema around an enhancing rim around necrosis), "low grade" (does not enhance) or "none".
        skull: with dura, skull and scalp around the brain; air otherwise.
    """
    rng = np.random.default_rng([41, seed])
    extent = np.array(_SIZE_MM) + (2 * _SKULL_MM if skull else 0)
    size = tuple(int(n) for n in np.rint(extent / spacing_mm))
    low = -(np.array(size) - 1) / 2 * spacing_mm
    canvas = Canvas(low, np.full(3, spacing_mm), size)  # type: ignore[arg-type]
    grow_up = np.exp(rng.normal(0, 0.03, 3))
    cerebrum, cerebellum = _lobes(canvas, grow_up)
    _fold(canvas, cerebrum, rng)
    _cerebellum(canvas, cerebellum, rng)
    _depths(canvas, grow_up, rng)
    solid = canvas.labels != INDEX["air"]
    hull = _closed(solid, 5.0 / spacing_mm)
    canvas.labels[hull & ~solid] = INDEX["csf"]
    outside = ndimage.distance_transform_edt(~hull).astype(np.float32) * spacing_mm
    mask = outside < 1.5
    canvas.labels[mask & ~hull] = INDEX["csf"]
    if skull:
        _skull(canvas.labels, outside, rng)
    found = grow(canvas, hull, tumor, rng)
    return Brain(_with_tumor(canvas.labels, found), found.parts, mask, canvas.ijk_to_ras)


def _with_tumor(tissue: NDArray, tumor: Tumor) -> NDArray[np.uint8]:
    names = ("", "necrosis", "edema", "nonenhancing", "enhancing")
    table = np.array([0, *(INDEX[name] for name in names[1:])], np.uint8)
    return np.where(tumor.parts > 0, table[tumor.parts], tissue).astype(np.uint8)


def _lobes(canvas: Canvas, scale: NDArray) -> tuple[NDArray, NDArray]:
    """Cerebrum and cerebellum without any detail, bool."""
    x, y, z = canvas.axes()
    x, y, z = x / scale[0], y / scale[1], z / scale[2]
    round_ = (x / 67) ** 2 + ((y - 2) / 86) ** 2 + ((z - 6) / 60) ** 2
    temporal = _step((np.abs(x) - 17) / 3) * _step((34 - y) / 3) * _step((y + 32) / 4)  # these lobes hang down beside the base
    floor = -24 - 20 * temporal + 5 * _step((-28 - y) / 4)
    cerebrum = (round_ < 1) & (z > floor)
    cerebellum = (x / 49) ** 2 + ((y + 50) / 32) ** 2 + ((z + 42) / 23) ** 2 < 1
    return cerebrum, cerebellum & ~cerebrum


def _step(value: NDArray) -> NDArray:
    """0 far below zero, 1 far above."""
    return 0.5 + 0.5 * np.tanh(value)


def _fold(canvas: Canvas, cerebrum: NDArray, rng: np.random.Generator) -> None:
    """Sulci where a smooth field crosses zero, down to a depth; cortex along them and along the surface."""
    spacing = float(canvas.spacing[0])
    x, _, z = canvas.axes()
    depth = _rough_depth(cerebrum) * spacing
    field = spline_noise(cerebrum.shape, (spacing,) * 3, 10.0, rng)
    reach = 13 + 4 * spline_noise(cerebrum.shape, (spacing,) * 3, 40.0, rng)
    sulci = (np.abs(field) < 0.2) & (depth < reach)
    fissure = (np.abs(x) < 1.2) & np.ones_like(z, bool)
    solid = cerebrum & ~sulci & ~fissure
    cortex = ndimage.distance_transform_edt(solid) * spacing <= _CORTEX_MM
    canvas.labels[cerebrum] = INDEX["csf"]
    canvas.labels[solid] = np.where(cortex, INDEX["cortex"], INDEX["white"])[solid]


def _rough_depth(mask: NDArray) -> NDArray[np.float32]:
    """Distance to the surface in voxels, from every other voxel along each axis: an eighth of the time."""
    coarse = 2 * ndimage.distance_transform_edt(mask[::2, ::2, ::2]).astype(np.float32)
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return fine[tuple(slice(n) for n in mask.shape)]


def _cerebellum(canvas: Canvas, cerebellum: NDArray, rng: np.random.Generator) -> None:
    spacing = float(canvas.spacing[0])
    depth = _rough_depth(cerebellum) * spacing
    field = spline_noise(cerebellum.shape, (spacing,) * 3, 7.0, rng)
    canvas.labels[cerebellum] = INDEX["cerebellar_cortex"]
    canvas.labels[cerebellum & (depth + 4 * field > 10)] = INDEX["cerebellar_white"]
    canvas.labels[cerebellum & (np.abs(field) < 0.12) & (depth < 9)] = INDEX["csf"]


def _depths(canvas: Canvas, scale: NDArray, rng: np.random.Generator) -> None:
    """Callosum, deep gray matter, ventricles and brainstem, the same on both sides but for their uneven surfaces."""
    cerebral = only(*(INDEX[name] for name in ("white", "cortex", "csf", "basal_ganglia")))
    canvas.tube(INDEX["white"], np.array([(0, 32, 8), (0, 20, 24), (0, -10, 28), (0, -36, 20)]) * scale, (5, 5, 5, 5), over=cerebral)
    canvas.ellipsoid(INDEX["white"], np.array((0, -4, 6)) * scale, (34, 36, 20), over=cerebral)  # the sulci do not reach in here
    wide = rng.uniform(0.8, 1.5)
    for side in (-1, 1):
        for name, center, radii in (
            ("basal_ganglia", (13, 18, 12), (5, 10, 8)),
            ("basal_ganglia", (26, 6, 3), (5, 15, 9)),
            ("pallidum", (20, 3, 1), (4, 8, 6)),
            ("thalamus", (10, -12, 7), (8, 14, 9)),
        ):
            canvas.ellipsoid(INDEX[name], np.array((side * center[0], *center[1:])) * scale, radii, rng, over=cerebral)
        for name, points, widths in (
            ("hippocampus", ((29, -24, -10), (28, -8, -17), (25, 6, -18)), (4, 4.5, 5)),
            ("ventricle", ((7, 32, 12), (9, 5, 20), (19, -28, 14), (18, -48, 10)), (4 * wide, 4.5 * wide, 5.5 * wide, 2.5)),
            ("ventricle", ((21, -28, 10), (31, -14, -8), (30, 4, -14)), (4 * wide, 2.5, 2.0)),
            ("choroid", ((10, -8, 18), (18, -26, 12)), (1.6, 2.4)),
        ):
            curve = np.array([(side * p[0], p[1], p[2]) for p in points]) * scale
            canvas.tube(INDEX[name], curve, widths, over=all_but(INDEX["air"]))
    canvas.ellipsoid(INDEX["ventricle"], np.array((0, -8, 4)) * scale, (1.8 * wide, 11, 8), over=all_but(INDEX["air"]))
    canvas.tube(INDEX["brainstem"], np.array([(0, -14, -10), (0, -20, -30), (0, -27, -66)]) * scale, (11, 13, 8))
    canvas.ellipsoid(INDEX["ventricle"], np.array((0, -36, -36)) * scale, (6, 4, 8))


def _skull(labels: NDArray, outside: NDArray, rng: np.random.Generator) -> None:
    thick = rng.uniform(4, 7)
    for name, low, high in (("csf", 1.5, 2.5), ("dura", 2.5, 3.5), ("bone", 3.5, 3.5 + thick), ("scalp", 3.5 + thick, 8.5 + thick)):
        labels[(outside >= low) & (outside < high)] = INDEX[name]


def _closed(mask: NDArray, radius: float) -> NDArray[np.bool_]:
    """Closing by a ball through two distance transforms, holes filled."""
    pad = int(np.ceil(radius)) + 1
    dilated = ndimage.distance_transform_edt(~np.pad(mask, pad)) <= radius
    inside = (slice(pad, -pad),) * 3
    return ndimage.binary_fill_holes((ndimage.distance_transform_edt(dilated) > radius)[inside])
