"""Step 1: where the hips are, on the whole scan at 6 mm."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.engine.grids import Sampled, box_grid, corners_ras, sample
from DeepVolumetryLib.engine.tiles import TilePredictor
from DeepVolumetryLib.image import Image

from .intensity import normalized
from .networks import FINDER_MM, FINDER_STRIDE
from .segments import SIDES

if TYPE_CHECKING:
    from torch.nn import Module

TILE = (48, 48, 64)  # as in training: the network normalizes by what it sees
_OVERLAP = 0.5
_LEAST_ML, _THRESHOLD = 12.0, 0.5
_AIR = -500.0


@dataclass(frozen=True)
class Hip:
    """A femur as it was found.

    Attributes:
        side: "left" or "right".
        low_ras, high_ras: corners of its box in mm.
        confidence: mean probability over what was found.
        volume_ml: at 6 mm, rough.
    """

    side: str
    low_ras: NDArray[np.float64]
    high_ras: NDArray[np.float64]
    confidence: float
    volume_ml: float


@dataclass(frozen=True)
class Found:
    """What step 1 found: side -> hip, and sentences for the user."""

    hips: dict[str, Hip] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HipFinder:
    """Finds the proximal femora of a scan and tells left from right.

    Attributes:
        network: trained, in evaluation mode, on the device.
        device: where it runs.
    """

    network: Module
    device: Device

    def find(self, image: Image) -> Found:
        """Hips of a CT; it may show any part of the body."""
        outline = corners_ras(image)
        seen = _body(sample(image, box_grid(outline.min(0), outline.max(0), FINDER_MM)))
        volume = torch.from_numpy(normalized(seen.image.voxels, seen.covered))
        predictor = TilePredictor(
            self.network, self.device, TILE, _OVERLAP, multiple=FINDER_STRIDE, activation=partial(torch.softmax, dim=1)
        )
        probability = _on_least_tile(volume, predictor)
        return Found(_hips(probability, seen.image), predictor.warnings)


def _on_least_tile(volume: torch.Tensor, predictor: TilePredictor) -> NDArray[np.float32]:
    """Probabilities (3, k, j, i). A small scan is set into as much emptiness as the network saw around such scans in training."""
    missing = [max(0, tile - n) for tile, n in zip(TILE, volume.shape, strict=True)]
    before = [n // 2 for n in missing]
    padding = [n for b, m in zip(reversed(before), reversed(missing), strict=True) for n in (b, m - b)]
    padded = torch.nn.functional.pad(volume, padding, value=float(volume.min()))
    inside = tuple(slice(b, b + n) for b, n in zip(before, volume.shape, strict=True))
    return np.asarray(predictor(padded[None]).numpy()[(slice(None), *inside)])


def _body(whole: Sampled) -> Sampled:
    """Cut the air around the body away: it costs time and tells nothing."""
    inside = ndimage.binary_opening((whole.image.voxels > _AIR) & whole.covered)
    if not inside.any():
        return whole
    low, high = [], []
    for axis in range(3):
        at = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(max(0, int(at[0]) - 2))
        high.append(min(inside.shape[axis], int(at[-1]) + 3))
    return Sampled(whole.image.cropped(low, high), whole.covered[tuple(map(slice, low, high))])


def _hips(probability: NDArray[np.float32], grid: Image) -> dict[str, Hip]:
    """The largest piece of each side; a piece that is believed to be of both goes to the side that has more of it."""
    femur = probability[1] + probability[2]
    labels, count = ndimage.label(femur > _THRESHOLD)
    found: dict[str, Hip] = {}
    for number in range(1, count + 1):
        mask = labels == number
        volume = float(femur[mask].sum() * grid.voxel_ml)
        if volume < _LEAST_ML:
            continue
        side = SIDES[int(probability[2][mask].sum() > probability[1][mask].sum())]
        if side in found and found[side].volume_ml >= volume:
            continue
        at = np.argwhere(mask)
        outline = corners_ras(grid, tuple(at.min(0)), at.max(0) + 1)
        found[side] = Hip(side, outline.min(0), outline.max(0), float(femur[mask].mean()), volume)
    return found
