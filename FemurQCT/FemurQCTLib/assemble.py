"""From the drawn femora to masks and probabilities in the geometry of the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.grids import carry, corners_ras, index_box
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.zeros import lazy_zeros

from .segmenter import Drawn
from .segments import FEMUR, key

Box = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Side:
    """One femur in its box of the scan.

    Attributes:
        side: "left" or "right".
        low, high: of the box in voxels (k, j, i), half open.
        image: the scan in that box.
        mask: of the proximal femur, bool (k, j, i).
        whole: of all of the femur that the crop shows, the part below the cut too.
        probability: of the proximal femur, float32.
        drawn: what it comes from.
    """

    side: str
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    image: Image
    mask: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    probability: NDArray[np.float32]
    drawn: Drawn

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices (K, J, I) of the box in the scan."""
        k, j, i = (slice(int(a), int(b)) for a, b in zip(self.low, self.high, strict=True))
        return k, j, i

    @property
    def reaches_edge(self) -> bool:
        """True if the proximal femur touches the first or last slice, row or column of the scan, or what lies under it is not shown."""
        return self.drawn.cut is None


def place(image: Image, drawn: Drawn) -> Side:
    """Carry one femur to the grid of the scan; what is made there is limited to its box."""
    found = np.argwhere(drawn.femur > 1e-3)
    grid = drawn.grid
    if len(found):
        first, last = np.maximum(found.min(0) - 1, 0), np.minimum(found.max(0) + 2, grid.shape)
    else:
        first, last = np.zeros(3, int), np.array(grid.shape)
    inside = tuple(map(slice, first, last))
    low, high = index_box(image, corners_ras(grid, first, last), margin=2)
    part = image.cropped(low, high)
    channels = torch.from_numpy(np.stack([drawn.proximal[inside], drawn.femur[inside]]))
    proximal, femur = carry(channels, grid.cropped(first, last), part).clamp_(0, 1).numpy()
    whole = _cleaned(femur > 0.5)
    mask = _cleaned(proximal > 0.5) & whole
    return Side(drawn.side, low, high, part, mask, whole, proximal, drawn)


def masks_of(image: Image, sides: list[Side]) -> dict[str, NDArray[np.bool_]]:
    """Segment key -> mask of the scan's size; a voxel that both sides claim (it happens to none) stays with the first."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for side in sides:
        mask = lazy_zeros(image.shape, bool)
        mask[side.box] = side.mask
        for other in masks.values():
            mask[side.box] &= ~other[side.box]
        masks[key(side.side, FEMUR)] = mask
    return masks


def probability_of(image: Image, sides: list[Side]) -> NDArray[np.float32]:
    """Probability of either proximal femur, (K, J, I)."""
    probability = lazy_zeros(image.shape, np.float32)
    for side in sides:
        there = probability[side.box]
        np.maximum(there, side.probability, out=there)
    return probability


def _cleaned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without specks; marrow that the border encloses belongs to the bone."""
    labels, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        mask = sizes[labels] >= max(0.02 * sizes.max(), 1)
    return np.asarray(ndimage.binary_fill_holes(mask))
