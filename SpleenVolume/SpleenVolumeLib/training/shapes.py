"""Packs of generated shapes: many outlines with their volumes, made once and read by every training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError

from ..shapes import Cut, Shape, ShapeGenerator, cut_views
from ..volume.views import PLANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_MM = 2.0
SIZE = 192
SOLID_SIDE, SOLID_REACH = 32, 2.2
"""Solids have so many voxels a side and show so many cube roots of the volume to each side of the centroid."""


@dataclass(frozen=True)
class ShapePack:
    """Outlines of many shapes.

    Attributes:
        masks: (N, 3, 192, 192) bool, pixels of 2 mm; planes in the order of ``PLANES``.
        volume_ml: (N,).
        extents_mm: true craniocaudal length and anteroposterior depth, (N, 2).
        shape: number of the shape that each row shows, (N,); a shape has several rows, its first is the largest slices.
        kind: 0 for the largest slices, 1 for a sonographer's view, (N,).
        sources: which templates each row comes from, bool (N, T).
        names: of the templates, (T,).
        real: rows of real spleens, (N,).
        solids: the shapes themselves, for reconstruction, bool (number of shapes, 32, 32, 32); empty where they were not kept.
    """

    masks: NDArray[np.bool_]
    volume_ml: NDArray[np.float64]
    extents_mm: NDArray[np.float64]
    shape: NDArray[np.int64]
    kind: NDArray[np.int64]
    sources: NDArray[np.bool_]
    names: tuple[str, ...]
    real: NDArray[np.bool_]
    solids: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> ShapePack:
        picked = {key: getattr(self, key)[rows] for key in ("masks", "volume_ml", "extents_mm", "shape", "kind", "sources", "real")}
        return ShapePack(names=self.names, solids=self.solids, **picked)

    def __len__(self) -> int:
        return len(self.volume_ml)

    def save(self, path: Path) -> None:
        """One compressed file."""
        rest = {key: getattr(self, key) for key in ("volume_ml", "extents_mm", "shape", "kind", "sources", "real")}
        solids = np.packbits(self.solids, axis=-1)
        np.savez_compressed(path, masks=np.packbits(self.masks, axis=-1), names=np.array(self.names), solids=solids, **rest)

    @classmethod
    def load(cls, path: Path, outlines: bool = True) -> ShapePack:
        """Reads what ``save`` wrote; without the outlines, which are large, if they are not needed.

        Raises:
            InputError: if there is no such file.
        """
        if not path.is_file():
            raise InputError(f"There are no shapes at {path}. Make them with: python -m SpleenVolumeLib.training shapes --out {path}")
        with np.load(path, allow_pickle=False) as pack:
            count = len(pack["volume_ml"])
            masks = np.unpackbits(pack["masks"], axis=-1).astype(bool) if outlines else np.zeros((count, 0), bool)
            rest = {key: pack[key] for key in ("volume_ml", "extents_mm", "shape", "kind", "sources", "real")}
            solids = np.unpackbits(pack["solids"], axis=-1).astype(bool) if "solids" in pack else _no_solids()
            return cls(masks=masks, names=tuple(str(name) for name in pack["names"]), solids=solids, **rest)


def make_pack(
    count: int, seed: int, views: int = 2, generator: ShapeGenerator | None = None, minutes: float = 10.0, solids: bool = False
) -> ShapePack:
    """Draw shapes and cut them: once through the largest slices, and ``views`` times as a sonographer would.

    Args:
        minutes: stops earlier with fewer shapes when this time is over.
        solids: keep the shapes themselves too.
    """
    generator = generator or ShapeGenerator()
    rng = np.random.default_rng(seed)
    rows: list[tuple[Shape, int, int, dict[str, NDArray[np.bool_]]]] = []
    kept: list[NDArray[np.bool_]] = []
    start = time.monotonic()
    for number in range(count):
        if time.monotonic() - start > 60 * minutes:
            break
        shape = generator.draw(rng)
        rows += [(shape, number, kind, masks) for kind, masks in _views(shape, rng, views)]
        if solids:
            kept.append(solid(shape))
    return _pack(rows, tuple(template.name for template in generator.templates), np.stack(kept) if kept else _no_solids())


def solid(shape: Shape) -> NDArray[np.bool_]:
    """A shape on a grid of its own size around its centroid, (32, 32, 32)."""
    center = np.argwhere(shape.distance < 0).mean(0)
    step = 2 * SOLID_REACH * (shape.volume_ml * 1000) ** (1 / 3) / SOLID_SIDE / shape.step_mm
    offset = center - step * (SOLID_SIDE - 1) / 2
    field = ndimage.affine_transform(shape.distance, [step] * 3, offset, (SOLID_SIDE,) * 3, order=1, cval=1.0)
    return np.asarray(field < 0)


def real_pack(views: int, seed: int, generator: ShapeGenerator | None = None) -> ShapePack:
    """The templates as they are: their largest slices without any change, and ``views`` sonographer's views of each."""
    generator = generator or ShapeGenerator()
    rng = np.random.default_rng(seed)
    rows: list[tuple[Shape, int, int, dict[str, NDArray[np.bool_]]]] = []
    for number, template in enumerate(generator.templates):
        shape = Shape.of_template(template)
        exact = _cut(shape, dict.fromkeys(PLANES, Cut()), None)
        rows.append((shape, number, 0, exact))
        rows += [(shape, number, kind, masks) for kind, masks in _views(shape, rng, views)[1:]]
    return _pack(rows, tuple(template.name for template in generator.templates), _no_solids())


def _no_solids() -> NDArray[np.bool_]:
    return np.zeros((0, SOLID_SIDE, SOLID_SIDE, SOLID_SIDE), bool)


def _views(shape: Shape, rng: np.random.Generator, views: int) -> list[tuple[int, dict[str, NDArray[np.bool_]]]]:
    found = [(0, _cut(shape, {plane: Cut.scan(rng) for plane in PLANES}, rng))]
    for _ in range(views):
        severity = rng.uniform(0.3, 1)
        cuts = {plane: Cut.sonographer(rng, severity) for plane in PLANES}
        found.append((1, _cut(shape, cuts, rng)))
    return found


def _cut(shape: Shape, cuts: dict[str, Cut], rng: np.random.Generator | None) -> dict[str, NDArray[np.bool_]]:
    """Most spleens fit into 256 mm; looking no farther is twice as fast."""
    small = shape.extents_mm.max() < 240
    masks = cut_views(shape, cuts, rng, PIXEL_MM, 128 if small else SIZE)
    return {plane: np.pad(mask, (SIZE - 128) // 2) for plane, mask in masks.items()} if small else masks


def _pack(rows: list[tuple[Shape, int, int, dict[str, NDArray[np.bool_]]]], names: tuple[str, ...], solids: NDArray[np.bool_]) -> ShapePack:
    return ShapePack(
        masks=np.stack([np.stack([masks[plane] for plane in PLANES]) for _, _, _, masks in rows]),
        volume_ml=np.array([shape.volume_ml for shape, _, _, _ in rows]),
        extents_mm=np.stack([shape.extents_mm[:2] for shape, _, _, _ in rows]),
        shape=np.array([number for _, number, _, _ in rows]),
        kind=np.array([kind for _, _, kind, _ in rows]),
        sources=np.array([[name in shape.sources for name in names] for shape, _, _, _ in rows]),
        names=names,
        real=np.array([shape.real for shape, _, _, _ in rows]),
        solids=solids,
    )


def joined_packs(packs: Sequence[ShapePack]) -> ShapePack:
    """Several packs of the same templates as one; solids are kept only where every pack has them."""
    shifts = np.cumsum([0, *(int(pack.shape.max()) + 1 for pack in packs[:-1])])
    parts = {
        key: np.concatenate([getattr(pack, key) for pack in packs])
        for key in ("masks", "volume_ml", "extents_mm", "kind", "sources", "real")
    }
    shape = np.concatenate([pack.shape + shift for pack, shift in zip(packs, shifts, strict=True)])
    solids = np.concatenate([pack.solids for pack in packs]) if all(len(pack.solids) for pack in packs) else _no_solids()
    return ShapePack(shape=shape, names=packs[0].names, solids=solids, **parts)
