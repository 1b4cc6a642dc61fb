"""From HU as they are to HU as a scanner shows them: blur, slices, cupping, streaks, noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """How a scan is made.

    Attributes:
        blur_mm: standard deviation of the point spread in the slice.
        slice_mm: thickness that is averaged over; 0 for that of the grid.
        pixel_mm: of a scan that somebody has made coarser in the slice; 0 for that of the grid.
        noise: SD in HU.
        grain_mm: over which noise is correlated in the slice.
        cupping: HU that are lacking in the middle of the body.
        band: HU that are lacking between the hips, where rays pass both.
        metal: HU of the streaks near a metal implant; 0 for none.
    """

    blur_mm: float = 0.6
    slice_mm: float = 0.0
    pixel_mm: float = 0.0
    noise: float = 15.0
    grain_mm: float = 0.6
    cupping: float = 5.0
    band: float = 0.0
    metal: float = 0.0


@dataclass(frozen=True)
class Implant:
    """A straight piece of metal with round ends: a stem or a screw.

    Attributes:
        start, end: of its axis, (k, j, i) in voxels.
        radius_mm: of it.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius_mm: float = 7.0


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """A scan of any quality: half a millimeter to five, quiet to noisy; a quarter of them resampled to 2 to 3.5 mm in the slice."""
    return Scanner(
        blur_mm=float(rng.uniform(0.35, 1.1)),
        slice_mm=float(rng.choice([0.6, 1.0, 1.25, 2.0, 2.5, 3.0, 4.0, 5.0])),
        pixel_mm=float(rng.uniform(2.0, 3.5)) if rng.random() < 0.25 else 0.0,
        noise=float(np.exp(rng.uniform(np.log(5), np.log(55)))),
        grain_mm=float(rng.uniform(0.4, 1.4)),
        cupping=float(rng.uniform(-5, 22)),
        band=float(rng.uniform(0, 25)) if rng.random() < 0.4 else 0.0,
        metal=float(rng.uniform(80, 500)) if rng.random() < 0.12 else 0.0,
    )


def acquired(
    hu: NDArray[np.float32],
    spacing: tuple[float, float, float],
    scanner: Scanner,
    rng: np.random.Generator,
    middle: tuple[float, float] | None = None,
    implants: Sequence[Implant] = (),
) -> NDArray[np.float32]:
    """A scan on the same grid, in HU.

    Args:
        hu: (K, J, I), slices along K.
        spacing: mm along K, J, I.
        middle: (j, i) of the body's axis, where cupping is strongest; the middle of the grid if None.
        implants: what the streaks come from; an upright stem somewhere if there are none and the scanner has streaks.
    """
    sigma = [np.sqrt(max(scanner.slice_mm**2 - spacing[0] ** 2, 0) / 12) / spacing[0], *(scanner.blur_mm / step for step in spacing[1:])]
    image = hu
    if scanner.metal and not implants:
        k, j, i = rng.uniform(0.2, 0.8, 3) * hu.shape
        half = 45.0 / spacing[0]
        implants = (Implant((k - half, j, i), (k + half, j, i)),)
    if scanner.metal:
        for implant in implants:
            image = _with_metal(image, spacing, implant)
    for axis, coarse in enumerate((scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm)):
        count = round(coarse / spacing[axis])
        if count >= 2:
            image = _coarser(image, axis, count, rng)
            if axis == 0:
                sigma[0] = 0.0
    image = ndimage.gaussian_filter(image, sigma, truncate=3.0, mode="nearest")
    height, width = image.shape[1:]
    j0, i0 = middle or (height / 2, width / 2)
    y = ((np.arange(height) - j0) * spacing[1]).astype(np.float32)[:, None]
    x = ((np.arange(width) - i0) * spacing[2]).astype(np.float32)
    lacking = np.float32(scanner.cupping) * np.exp(-(x * x + y * y) / np.float32(2 * 110**2))
    lacking += np.float32(scanner.band) * np.exp(-(y * y) / np.float32(2 * 18**2))
    tissue = np.clip((image + 300) / 200, 0, 1)
    image = image - lacking * tissue
    if scanner.metal:
        for implant in implants:
            image = image + _streaks(image.shape, spacing, implant, scanner.metal, rng)
    image += _noise(image.shape, spacing, scanner, rng)
    return np.clip(image, -1024, 3071)


def _noise(shape: tuple[int, ...], spacing: tuple[float, float, float], scanner: Scanner, rng: np.random.Generator) -> NDArray[np.float32]:
    """Grain that is correlated in the slice, as reconstruction makes it, of the SD asked for."""
    grain = rng.standard_normal(shape, dtype=np.float32)
    sigma = [scanner.grain_mm / step for step in spacing[1:]]
    grain = ndimage.gaussian_filter(grain, (0, *sigma), truncate=2.5, mode="wrap")
    return grain * np.float32(scanner.noise / max(float(grain.std()), 1e-6))


def _coarser(image: NDArray[np.float32], axis: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Voxels of ``count`` along an axis, put back on the grid by interpolation as reading a thick scan does."""
    image = np.moveaxis(image, axis, 0)
    depth = image.shape[0]
    first = int(rng.integers(0, count))
    padded = np.pad(image, ((first, count), (0, 0), (0, 0)), mode="edge")
    whole = len(padded) // count * count
    means = padded[:whole].reshape(-1, count, *image.shape[1:]).mean(1)
    place = (np.arange(depth) + first - (count - 1) / 2) / count
    low = np.clip(np.floor(place).astype(int), 0, len(means) - 1)
    high = np.minimum(low + 1, len(means) - 1)
    share = np.clip(place - low, 0, 1).astype(np.float32)[:, None, None]
    return np.asarray(np.moveaxis(means[low] * (1 - share) + means[high] * share, 0, axis), np.float32)


def _with_metal(hu: NDArray[np.float32], spacing: tuple[float, float, float], implant: Implant) -> NDArray[np.float32]:
    """The image with an implant in it."""
    step = np.array(spacing)
    start, along = np.array(implant.start) * step, (np.array(implant.end) - implant.start) * step
    axes = np.indices(hu.shape, sparse=True)
    offset = [axis * width - first for axis, width, first in zip(axes, step, start, strict=True)]
    share = np.clip(sum(o * a for o, a in zip(offset, along, strict=True)) / max(float(along @ along), 1e-6), 0, 1)
    away = sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True))
    return np.where(away < implant.radius_mm**2, np.float32(3000), hu)


def _streaks(
    shape: tuple[int, ...], spacing: tuple[float, float, float], implant: Implant, strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Bright and dark rays from the metal, in the slices that have it."""
    k, j, i = np.indices(shape, sparse=True)
    (k0, j0, i0), (k1, j1, i1) = implant.start, implant.end
    share = np.clip((k - k0) / (k1 - k0 if abs(k1 - k0) > 1 else 1.0), 0, 1)
    y, x = (j - (j0 + share * (j1 - j0))) * spacing[1], (i - (i0 + share * (i1 - i0))) * spacing[2]
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    rays = sum(np.cos(order * angle + rng.uniform(0, 6.3)) for order in (2, 5, 9, 14)) / 2
    margin = implant.radius_mm / spacing[0]
    slices = (k > min(k0, k1) - margin) & (k < max(k0, k1) + margin)
    return np.asarray(strength * rays * np.exp(-distance / 45) * slices, np.float32)
