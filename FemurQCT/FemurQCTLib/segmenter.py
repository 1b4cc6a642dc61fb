"""Step 2: the V-Net draws one femur, from one crop that shows all of it, several times over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.engine.grids import Sampled, sample
from DeepVolumetryLib.engine.tiles import TilePredictor
from DeepVolumetryLib.image import Image

from .cut import Cut, fit_cut, trimmed
from .grids import crop_grid
from .hips import Hip
from .intensity import normalized
from .networks import CROP, VNET_MM

if TYPE_CHECKING:
    from torch.nn import Module

_PIECE_ML = 2.0
_OFF_MM = 6.0


@dataclass(frozen=True)
class Member:
    """One way to look at a femur. Mirroring is none: the V-Net knows left femora only.

    Attributes:
        shift_mm: of the crop, along R, A, S.
        zoom: factor on the size that the network sees.
        gain: factor on the normalized intensities.
    """

    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    zoom: float = 1.0
    gain: float = 1.0


def members(count: int, seed: int) -> list[Member]:
    """The first is the scan as it is, the others are drawn; the same for the same seed."""
    rng = np.random.default_rng(seed)
    ways = [Member()]
    while len(ways) < count:
        r, a, s = (float(x) for x in rng.uniform(-1, 1, 3) * (4.0, 4.0, 5.0))
        ways.append(Member((r, a, s), float(np.exp(rng.uniform(-0.04, 0.04))), float(np.exp(rng.uniform(-0.06, 0.06)))))
    return ways


@dataclass(frozen=True)
class Drawn:
    """One femur on its working grid, left or right as it lies in the patient.

    Attributes:
        side: "left" or "right".
        grid: along R, A, S.
        femur: mean probability of femur, whatever its level, float32 (k, j, i).
        proximal: mean probability of the proximal femur, with a plane lower end.
        cut: the plane; None if the scan ends above it.
        covered: where the scan has data.
        member_ml: volume of the proximal femur that each member would measure.
        pieces: number of separate pieces of at least 2 mL.
        warnings: what had to be done for want of memory.
    """

    side: str
    grid: Image
    femur: NDArray[np.float32]
    proximal: NDArray[np.float32]
    cut: Cut | None
    covered: NDArray[np.bool_]
    member_ml: list[float]
    pieces: int
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Segmenter:
    """Draws femora.

    Attributes:
        network: trained, in evaluation mode, on the device.
        device: where it runs.
        temperature: the log odds are divided by it, see docs/uncertainty.md.
    """

    network: Module
    device: Device
    temperature: float = 1.0

    def draw(self, image: Image, hip: Hip, ways: list[Member], step: Callable[[], None]) -> Drawn:
        """One femur of a scan.

        Args:
            ways: the members.
            step: called after each member; may raise ``Cancelled``.
        """
        scan = image if hip.side == "left" else _mirrored(image)
        low, high = (hip.low_ras, hip.high_ras) if hip.side == "left" else _mirrored_box(hip)
        grid = crop_grid(low, high, VNET_MM)
        predictor = TilePredictor(self.network, self.device, multiple=8)
        mean = np.zeros((2, *CROP), np.float32)
        volumes, covered = [], np.ones(CROP, bool)
        for number, way in enumerate(ways):
            probability, seen = self._look(predictor, scan, low, high, way)
            if number == 0:
                # The finder sees 6 mm; the first look says better where the femur is.
                better = _box(probability.sum(0), grid, low, high)
                if np.abs(np.subtract(better, (low, high))[:, :2].mean(0)).max() > _OFF_MM or abs(better[1][2] - high[2]) > _OFF_MM:
                    low, high = better
                    grid = crop_grid(low, high, VNET_MM)
                    probability, seen = self._look(predictor, scan, low, high, way)
                covered = seen.covered
            else:
                probability = np.stack([seen.image.with_voxels(p).resampled(grid, order=1, fill=0.0).voxels for p in probability])
            cut = fit_cut(probability[0], probability[1], grid)
            volumes.append(_volume(trimmed(probability.sum(0), cut, grid), grid))
            mean += probability / np.float32(len(ways))
            step()
        femur = mean.sum(0)
        femur, pieces = _connected(femur, grid)
        cut = fit_cut(mean[0] * (femur > 0), mean[1] * (femur > 0), grid)
        proximal = trimmed(femur, cut, grid)
        if hip.side == "right":
            grid, femur, proximal, covered = _mirrored_back(grid, femur, proximal, covered)
            cut = None if cut is None else Cut(cut.normal * (-1, 1, 1), cut.offset, cut.below_ml)
        return Drawn(hip.side, grid, femur, proximal, cut, covered, volumes, pieces, predictor.warnings)

    def _look(self, predictor: TilePredictor, scan: Image, low: NDArray, high: NDArray, way: Member) -> tuple[NDArray[np.float32], Sampled]:
        """Probabilities of proximal femur and of femur below, (2, k, j, i), and the crop that they are of."""
        seen = sample(scan, crop_grid(low + way.shift_mm, high + way.shift_mm, VNET_MM * way.zoom))
        volume = torch.from_numpy(normalized(seen.image.voxels, seen.covered) * np.float32(way.gain))
        probability = torch.softmax(predictor(volume[None]) / self.temperature, 0)[1:].numpy()
        return np.asarray(probability * seen.covered, np.float32), seen


def _mirrored(image: Image) -> Image:
    """The patient in a mirror: R becomes -R; no voxel is moved."""
    return Image(image.voxels, np.diag([-1.0, 1.0, 1.0, 1.0]) @ image.ijk_to_ras, modality=image.modality)


def _mirrored_box(hip: Hip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = hip.low_ras.copy(), hip.high_ras.copy()
    low[0], high[0] = -hip.high_ras[0], -hip.low_ras[0]
    return low, high


def _mirrored_back(grid: Image, *arrays: NDArray) -> tuple[Image, NDArray, NDArray, NDArray]:
    """Grid along R, A, S again, with the columns in reverse."""
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0]) @ grid.ijk_to_ras
    matrix[:3, 3] += matrix[:3, 0] * (grid.size[0] - 1)
    matrix[:3, 0] *= -1
    femur, proximal, covered = (np.ascontiguousarray(array[..., ::-1]) for array in arrays)
    return Image(grid.voxels, matrix), femur, proximal, covered


def _box(femur: NDArray[np.float32], grid: Image, low: NDArray, high: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Box of what the first member saw, as far down as the box that the finder gave."""
    at = np.argwhere(femur > 0.5 * femur.max()) if femur.max() > 0 else np.zeros((0, 3))
    if len(at) < 100:
        return low, high
    points = at[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    top = points[:, 2].max()
    upper = points[points[:, 2] > top - 105.0]
    return upper.min(0), upper.max(0)


def _connected(femur: NDArray[np.float32], grid: Image) -> tuple[NDArray[np.float32], int]:
    """Only the largest piece and the faint glow around it; and how many pieces there are."""
    labels, count = ndimage.label(femur > 0.5)
    if count < 2:
        return femur, count
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = sizes.argmax()
    pieces = int((sizes * grid.voxel_ml >= _PIECE_ML).sum())
    # A piece of some size may be bone beyond a fracture: it stays, and is spoken of.
    stray = (labels > 0) & (labels != largest) & (sizes[labels] * grid.voxel_ml < _PIECE_ML)
    stray = ndimage.binary_dilation(stray, iterations=2) & (labels != largest)
    return np.where(stray, np.float32(0), femur), pieces


def _volume(proximal: NDArray[np.float32], grid: Image) -> float:
    """Volume above a probability of 0.5 to a fraction of a voxel: the border's voxels count by how far they pass it."""
    return float(np.clip((proximal - 0.5) * 2 + 0.5, 0, 1).sum(dtype=np.float64)) * grid.voxel_ml
