"""From the refined kidneys to masks and probabilities in the geometry of the scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import bounding_box
from DeepVolumetryLib.zeros import lazy_zeros

from .grids import carry, corners_ras, index_box
from .labels import BACKGROUND, CYST, PARENCHYMA, SINUS, TUMOR, most_likely
from .refiner import Refined
from .segments import TARGETS, key

_TISSUES = {"parenchyma": PARENCHYMA, "tumor": TUMOR, "cyst": CYST}
_THINKABLE = 1e-4
_SLAB = 16
_PIECE_ML = {"tumor": 0.15, "cyst": 0.1}

Box = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Assembled:
    """Masks and probabilities on the grid of the scan, (K, J, I).

    Attributes:
        masks: segment key -> bool; a kidney's mask holds its parts and its sinus.
        probability: target -> float32, the larger of the two sides.
        boxes: side -> (low, high) in voxels, half open: everything of that side lies inside.
        parts: slices (K, J, I) around what is more than nothing, slab by slab; those of two sides may overlap.
    """

    masks: dict[str, NDArray[np.bool_]]
    probability: dict[str, NDArray[np.float32]]
    boxes: dict[str, Box]
    parts: list[tuple[slice, slice, slice]]

    def places(self) -> list[Box]:
        """Boxes that do not meet and, together, hold everything: one for each side, or one for both."""
        if len(self.boxes) < 2:
            return list(self.boxes.values())
        (low, high), (other_low, other_high) = self.boxes.values()
        if (low <= other_high).all() and (other_low <= high).all():
            return [(np.minimum(low, other_low), np.maximum(high, other_high))]
        return list(self.boxes.values())

    def segments(self) -> dict[str, NDArray[np.bool_]]:
        """The masks that are not empty; only their boxes are looked at."""
        inside = {key(side, target): tuple(map(slice, *box)) for side, box in self.boxes.items() for target in TARGETS}
        return {name: mask for name, mask in self.masks.items() if mask[inside[name]].any()}


def assemble(image: Image, refined: dict[str, Refined]) -> Assembled:
    """Carry each kidney to the scan's grid and let the classes compete there."""
    masks = {key(side, target): lazy_zeros(image.shape, bool) for side in refined for target in TARGETS}
    probability = {target: lazy_zeros(image.shape, np.float32) for target in TARGETS}
    boxes: dict[str, Box] = {}
    parts: list[tuple[slice, slice, slice]] = []
    for side, kidney in refined.items():
        grid, tissues = _trimmed(kidney)
        low, high = index_box(image, corners_ras(grid), margin=1)
        overlapping = any((low < other[1]).all() and (other[0] < high).all() for other in boxes.values())
        boxes[side] = low, high
        labels = np.empty(high - low, np.uint8)
        for k in range(low[0], high[0], _SLAB):  # slab by slab stays in the cache
            slab_low, slab_high = (k, *low[1:]), (min(k + _SLAB, high[0]), *high[1:])
            carried = carry(tissues, grid, image.cropped(slab_low, slab_high)).clamp_(max=1).numpy()
            organ = np.minimum(carried.sum(axis=0), 1)
            labels[k - low[0] : k - low[0] + _SLAB] = most_likely(np.stack([1 - organ, *carried]))
            something = bounding_box(organ)
            if something is None:
                continue
            inside = _shifted(something, slab_low)
            parts.append(inside)
            for target, found in (("kidney", organ), *((target, carried[tissue - 1]) for target, tissue in _TISSUES.items())):
                there = probability[target][inside]
                there[...] = np.maximum(there, found[something]) if overlapping else found[something]
        filled = bounding_box(labels)
        if filled is not None:
            _draw(masks, side, _cleaned(labels[filled], image.voxel_ml), _shifted(filled, low))
    return Assembled(masks, probability, boxes, parts)


def _shifted(box: tuple[slice, slice, slice], start: Iterable[int]) -> tuple[slice, slice, slice]:
    k, j, i = (slice(axis.start + int(first), axis.stop + int(first)) for axis, first in zip(box, start, strict=True))
    return k, j, i


def _draw(masks: dict[str, NDArray[np.bool_]], side: str, labels: NDArray[np.uint8], inside: tuple[slice, ...]) -> None:
    """Enter a kidney's labels into the masks of its side; boxes may overlap, but a voxel belongs to one kidney."""
    free = labels != BACKGROUND
    for name in [name for name in masks if name.endswith("_kidney") and name != key(side, "kidney")]:
        free &= ~masks[name][inside]
    masks[key(side, "kidney")][inside] = free
    for target, tissue in _TISSUES.items():
        part = labels == tissue
        if part.any():
            masks[key(side, target)][inside] = part & free


def _trimmed(kidney: Refined) -> tuple[Image, torch.Tensor]:
    """The part of a refined kidney's box where anything but background is thinkable and a voxel around it; its tissues, (4, k, j, i)."""
    thinkable = bounding_box((kidney.probability[BACKGROUND] < 1 - _THINKABLE).numpy(), margin=1)
    if thinkable is None:
        return kidney.grid, kidney.probability[1:]
    grid = kidney.grid.cropped([axis.start for axis in thinkable], [axis.stop for axis in thinkable])
    return grid, kidney.probability[(slice(1, None), *thinkable)]


def _cleaned(labels: NDArray[np.uint8], voxel_ml: float) -> NDArray[np.uint8]:
    """Specks of lesion become parenchyma; holes enclosed by the organ become sinus. The open sinus is never filled."""
    for target, least in _PIECE_ML.items():
        pieces, count = ndimage.label(labels == _TISSUES[target])
        if count:
            small = np.bincount(pieces.ravel()) * voxel_ml < least
            small[0] = False
            labels[small[pieces]] = PARENCHYMA
    organ = labels != BACKGROUND
    labels[ndimage.binary_fill_holes(organ) & ~organ] = SINUS
    return labels
