"""From the refined kidneys to masks and probabilities in the geometry of the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image

from .grids import carry, corners_ras, index_box
from .labels import BACKGROUND, CYST, PARENCHYMA, SINUS, TUMOR
from .refiner import Refined
from .segments import TARGETS, key

_CHANNELS = {"parenchyma": PARENCHYMA, "tumor": TUMOR, "cyst": CYST}
_THINKABLE = 1e-4
_PIECE_ML = {"tumor": 0.15, "cyst": 0.1}


@dataclass(frozen=True)
class Assembled:
    """Masks and probabilities on the grid of the scan, (K, J, I).

    Attributes:
        masks: segment key -> bool; a kidney's mask holds its parts and its sinus.
        probability: target -> float32, the larger of the two sides.
        boxes: side -> (low, high) in voxels, half open: everything of that side lies inside.
    """

    masks: dict[str, NDArray[np.bool_]]
    probability: dict[str, NDArray[np.float32]]
    boxes: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]

    def segments(self) -> dict[str, NDArray[np.bool_]]:
        """The masks that are not empty; only their boxes are looked at."""
        inside = {key(side, target): tuple(map(slice, *box)) for side, box in self.boxes.items() for target in TARGETS}
        return {name: mask for name, mask in self.masks.items() if mask[inside[name]].any()}


def assemble(image: Image, refined: dict[str, Refined]) -> Assembled:
    """Carry each kidney to the scan's grid and let the classes compete there.

    Untouched parts of the large arrays are never written to, so they take no memory.
    """
    masks = {key(side, target): np.zeros(image.shape, bool) for side in refined for target in TARGETS}
    probability = {target: np.zeros(image.shape, np.float32) for target in TARGETS}
    boxes = {}
    for side, kidney in refined.items():
        grid, probability_there = _trimmed(kidney)
        low, high = index_box(image, corners_ras(grid), margin=1)
        boxes[side] = low, high
        inside = tuple(map(slice, low, high))
        carried = carry(probability_there, grid, image.cropped(low, high), (1.0, 0.0, 0.0, 0.0, 0.0)).clamp_(0, 1)
        labels = _cleaned(carried.argmax(0).to(torch.uint8).numpy(), image.voxel_ml)
        classes = carried.numpy()
        organ = labels != BACKGROUND
        for other in refined:  # boxes may overlap; a voxel belongs to one kidney
            if other != side:
                organ &= ~masks[key(other, "kidney")][inside]
        masks[key(side, "kidney")][inside] = organ
        probability["kidney"][inside] = np.maximum(probability["kidney"][inside], 1 - classes[BACKGROUND])
        for target, channel in _CHANNELS.items():
            masks[key(side, target)][inside] = (labels == channel) & organ
            probability[target][inside] = np.maximum(probability[target][inside], classes[channel])
    return Assembled(masks, probability, boxes)


def _trimmed(kidney: Refined) -> tuple[Image, torch.Tensor]:
    """The part of a refined kidney's box where anything but background is thinkable, and a voxel around it."""
    thinkable = (kidney.probability[BACKGROUND] < 1 - _THINKABLE).numpy()
    if not thinkable.any():
        return kidney.grid, kidney.probability
    low, high = [], []
    for axis in range(3):
        at = np.flatnonzero(thinkable.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(max(0, int(at[0]) - 1))
        high.append(min(thinkable.shape[axis], int(at[-1]) + 2))
    box = tuple(map(slice, low, high))
    return kidney.grid.cropped(low, high), kidney.probability[(slice(None), *box)]


def _cleaned(labels: NDArray[np.uint8], voxel_ml: float) -> NDArray[np.uint8]:
    """Specks of lesion become parenchyma; holes enclosed by the organ become sinus. The open sinus is never filled."""
    for target, least in _PIECE_ML.items():
        pieces, count = ndimage.label(labels == _CHANNELS[target])
        if count:
            small = np.bincount(pieces.ravel()) * voxel_ml < least
            small[0] = False
            labels[small[pieces]] = PARENCHYMA
    organ = labels != BACKGROUND
    labels[ndimage.binary_fill_holes(organ) & ~organ] = SINUS
    return labels
