"""A torso as a scanner would show it: nephrographic CT in HU or fat-suppressed T2 MR, on any grid, with the truth on the same grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..image import Image
from .abdomen import Abdomen
from .canvas import Wobble
from .kidney import CYST, PARENCHYMA, PART_NAMES, SINUS, TUMOR
from .tissues import INDEX, tissue_of, typical

REFERENCE_NAMES = {
    value + side: f"{prefix}_{name}"
    for prefix, side in (("left", 0), ("right", 10))
    for value, name in ((1, "parenchyma"), (2, "tumor"), (3, "cyst"), (4, "sinus"))
}
_PART_TISSUE = {PARENCHYMA: "cortex", TUMOR: "tumor", CYST: "cyst", SINUS: "sinus_fat"}
_HOLLOW = {82: "bowel_fluid", 13: "bowel_solid", 86: "bowel_fluid"}
_MR_FULL_SCALE = 300.0


@dataclass(frozen=True)
class Study:
    """An image and what is true about it.

    Attributes:
        image: int16; HU for CT, arbitrary units for MR.
        reference: uint8 labels on the same grid, values as in `names`.
        names: value -> "left_parenchyma" and so on.
        volumes_ml: "left_kidney", "left_parenchyma", ... exact, not counted from voxels.
    """

    image: Image
    reference: Image
    names: dict[int, str]
    volumes_ml: dict[str, float]


def render(
    torso: Abdomen,
    modality: str = "CT",
    spacing_mm: ArrayLike = (2.2, 2.2, 3.0),
    grid: Image | None = None,
    seed: int = 0,
    noise: float | None = None,
) -> Study:
    """Image a torso.

    Args:
        torso: from `abdomen.abdomen`; its own spacing should not be coarser than that of the image.
        modality: "CT" or "MR".
        spacing_mm: mm along x, y, z of a grid that covers the torso; not used if `grid` is given.
        grid: any grid, oblique and left-handed ones too; its voxels are not used.
        seed: of noise, bias field and texture.
        noise: SD in HU (default 8-16) or relative to the signal of the kidney (default 0.02-0.05).

    Raises:
        ValueError: if the modality is neither CT nor MR.
    """
    if modality not in ("CT", "MR"):
        raise ValueError(f"modality must be CT or MR, not {modality}")
    rng = np.random.default_rng([31, seed])
    labels = Image(torso.labels, torso.ijk_to_ras)
    like = covering(labels, spacing_mm) if grid is None else grid
    signal = _signal(torso, modality, rng)
    blurred = labels.with_voxels(_point_spread(signal, labels.spacing, _reach(like)))
    if modality == "CT":
        voxels = blurred.resampled(like, order=1, fill=-1000.0).voxels
        voxels = np.maximum(voxels, _table(like, torso))
        noise = rng.uniform(8, 16) if noise is None else noise
        voxels = np.clip(voxels + noise * _grainy(rng, like.shape), -1024, 3071)
    else:
        voxels = blurred.resampled(like, order=1, fill=0.0).voxels
        noise = rng.uniform(0.02, 0.05) if noise is None else noise
        voxels = _rician(voxels * _bias(like, rng), noise * _MR_FULL_SCALE, rng)
    image = Image(np.rint(voxels).astype(np.int16), like.ijk_to_ras, modality=modality, name=f"{modality} phantom")
    volumes = {f"{side}_{name}": ml for side, kidney in torso.kidneys.items() for name, ml in kidney.volumes_ml.items()}
    return Study(image, truth(torso, like), dict(REFERENCE_NAMES), volumes)


def truth(torso: Abdomen, like: Image) -> Image:
    """Kidney parts per side on any grid: what fills most of a voxel, so that volumes are kept where voxels are large."""
    labels = Image(torso.labels, torso.ijk_to_ras)
    found = np.argwhere(np.isin(torso.labels, list(PART_NAMES)))
    if not len(found):
        return Image(np.zeros(like.shape, np.uint8), like.ijk_to_ras, name="reference")
    margin = 2 + np.ceil(_reach(like) / labels.spacing).astype(int)[::-1]
    box = labels.cropped(np.maximum(found.min(0) - margin, 0), np.minimum(found.max(0) + margin + 1, labels.shape))
    own, wanted = np.array(labels.spacing), _reach(like)
    # A box of width w has the standard deviation w / sqrt(12).
    sigma = np.sqrt(np.clip(wanted**2 - own**2, 0, None) / 12) / own
    shares = []
    for value in PART_NAMES:
        share = ndimage.gaussian_filter((box.voxels == value).astype(np.float32), sigma[::-1], truncate=3)
        shares.append(box.with_voxels(share).resampled(like, order=1, fill=0.0).voxels)
    part = np.argmax(shares, axis=0) + 1
    right = 10 * (_world(like, 0) > 0)
    reference = np.where(np.sum(shares, axis=0) > 0.5, part + right, 0)
    return Image(reference.astype(np.uint8), like.ijk_to_ras, name="reference")


def covering(image: Image, spacing_mm: ArrayLike) -> Image:
    """An empty grid along the axes of `image` that covers it with another spacing."""
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), 3)
    size = np.maximum(1, np.floor(np.array(image.size) * image.spacing / spacing)).astype(int)
    matrix = image.ijk_to_ras.copy()
    matrix[:3, :3] = matrix[:3, :3] / image.spacing * spacing
    matrix[:3, 3] += (matrix[:3, :3] - image.ijk_to_ras[:3, :3]) @ (0.5, 0.5, 0.5)
    return Image(np.broadcast_to(np.uint8(0), size[::-1]), matrix)


def _signal(torso: Abdomen, modality: str, rng: np.random.Generator) -> NDArray:
    """Mean and texture of every voxel of the torso; MR relative to the cortex, times the full scale."""
    contrast = typical("CT" if modality == "CT" else "T2")
    mean, texture = np.zeros(256, np.float32), np.zeros(256, np.float32)
    for value, name in torso.names.items():
        tissue = INDEX[_PART_TISSUE.get(value) or tissue_of(name)]
        mean[value], texture[value] = contrast.mean[tissue], contrast.texture[tissue]
    labels = torso.labels
    signal = mean[labels]
    x, y, z = (np.float32(torso.ijk_to_ras[axis, 3]) + np.arange(n, dtype=np.float32) * np.float32(torso.ijk_to_ras[axis, axis])
               for axis, n in enumerate(labels.shape[::-1]))  # fmt: skip
    # Where fluid or stool is in the gut, and the collecting system in the sinus, changes every few centimeters.
    patches = Wobble(rng, wavelength=45, amplitude=1.0)(x[None, None, :], y[None, :, None], z[:, None, None])
    for value, content in _HOLLOW.items():
        inner = ndimage.binary_erosion(labels == value, iterations=max(1, round(3 / torso.ijk_to_ras[0, 0])))
        signal[inner & (patches > -0.3)] = contrast.mean[INDEX[content]]
    signal[(labels == SINUS) & (patches > 0.4)] = contrast.mean[INDEX["collecting"]]
    coarse = rng.standard_normal([n // 2 + 1 for n in labels.shape], dtype=np.float32)
    grain = coarse.repeat(2, 0)[: labels.shape[0]].repeat(2, 1)[:, : labels.shape[1]].repeat(2, 2)[:, :, : labels.shape[2]]
    signal += texture[labels] * grain
    return signal if modality == "CT" else np.maximum(signal, 0) * _MR_FULL_SCALE


def _point_spread(signal: NDArray, own: tuple[float, float, float], wanted: NDArray) -> NDArray:
    """Blur whose width at half maximum is the voxel of the image that is wanted; slice thickness is its longest axis."""
    sigma = 0.42 * np.sqrt(np.clip(wanted**2 - np.array(own) ** 2, 0.25, None)) / own
    return ndimage.gaussian_filter(signal, sigma[::-1], truncate=2.5, mode="nearest")


def _reach(image: Image) -> NDArray:
    """Length in mm of one voxel along each RAS axis."""
    return np.linalg.norm(image.ijk_to_ras[:3, :3], axis=1)


def _world(image: Image, axis: int) -> NDArray:
    """R, A or S of every voxel."""
    i, j, k = (np.arange(n, dtype=np.float32) for n in image.size)
    row = image.ijk_to_ras[axis].astype(np.float32)
    return row[0] * i + row[1] * j[:, None] + row[2] * k[:, None, None] + row[3]


def _table(like: Image, torso: Abdomen) -> NDArray:
    """HU of a curved carbon shell filled with foam below the back, air elsewhere."""
    skin = np.argwhere(torso.labels.any(axis=(0, 2)))[0, 0] * torso.ijk_to_ras[1, 1] + torso.ijk_to_ras[1, 3]
    x, y = _world(like, 0), _world(like, 1)
    depth = (skin - 3 + (x / 420) ** 2 * 90) - y
    inside = (np.abs(x) < 215) & (depth > 0) & (depth < 30)
    shell = inside & ((depth < 3.5) | (depth > 26.5) | (np.abs(x) > 211))
    return np.select([shell, inside], [np.float32(30), np.float32(-930)], np.float32(-1000))


def _grainy(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
    """Noise of SD 1 that is correlated over about a voxel in the slice, as reconstructed CT is."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0, 0.55, 0.55))
    return noise / noise.std()


def _bias(like: Image, rng: np.random.Generator) -> NDArray:
    """Receive field of a surface coil array: smooth, up to about a third either way."""
    field = Wobble(rng, wavelength=450, amplitude=0.16)
    return np.exp(np.clip(field(*(_world(like, axis) for axis in range(3))), -0.4, 0.4))


def _rician(signal: NDArray, noise: float, rng: np.random.Generator) -> NDArray:
    real, imaginary = (noise * rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    return np.hypot(signal + real, imaginary)
