"""Step 2: parenchyma, tumor, cyst and sinus inside one kidney's box, at 1.75 mm, with test-time members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.engine.tiles import TilePredictor
from DeepVolumetryLib.image import Image

from .grids import box_grid, sample
from .intensity import normalized
from .labels import BACKGROUND, CYST, PARENCHYMA, SINUS, TUMOR, most_likely
from .networks import REFINER_MM, STRIDE

if TYPE_CHECKING:
    from torch.nn import Module

MARGIN_MM = 15.0
_CLASSES = 5


@dataclass(frozen=True)
class Member:
    """One way to look at the same kidney. Mirroring is allowed: no class of the refiner knows its side.

    Attributes:
        mirrored: left to right.
        gain: factor on the normalized intensities.
        bend: exponent of a monotone curve on them; never inverts.
        zoom: factor on the size that the network sees.
    """

    mirrored: bool = False
    gain: float = 1.0
    bend: float = 1.0
    zoom: float = 1.0


def members(count: int, seed: int) -> list[Member]:
    """The first is the image as it is, the second its mirror image, the others are drawn; the same for the same seed."""
    rng = np.random.default_rng(seed)
    fixed = [Member(), Member(mirrored=True)]
    while len(fixed) < count:
        number = len(fixed)
        fixed.append(
            Member(
                bool(number % 2),
                float(np.exp(rng.uniform(-0.2, 0.2))),
                float(np.exp(rng.uniform(-0.25, 0.25))),
                float(rng.choice((0.92, 1.0, 1.08))),
            )
        )
    return fixed[:count]


@dataclass(frozen=True)
class Refined:
    """One kidney at 1.75 mm.

    Attributes:
        grid: where it lies.
        probability: mean over the members, (5, k, j, i), classes of ``labels.py``.
        member_ml: volumes per member, (members, 4): organ, parenchyma, tumor, cyst.
        warnings: what had to be done for want of memory.
    """

    grid: Image
    probability: torch.Tensor
    member_ml: NDArray[np.float64]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Refiner:
    """Labels what a kidney is made of.

    Attributes:
        network: trained, in evaluation mode, on the device.
        device: where it runs.
    """

    network: Module
    device: Device

    def segment(
        self,
        image: Image,
        low_ras: NDArray,
        high_ras: NDArray,
        owned: Callable[[Image], NDArray[np.bool_]],
        ways: list[Member],
        step: Callable[[], None],
    ) -> Refined:
        """Segment one kidney.

        Args:
            image: the whole scan.
            low_ras, high_ras: box of the kidney in mm, without margin.
            owned: for a grid, which voxels belong to this kidney rather than to something else, bool.
            ways: the members.
            step: called after each member; may raise ``Cancelled``.
        """
        grid = box_grid(low_ras - MARGIN_MM, high_ras + MARGIN_MM, REFINER_MM)
        seen = sample(image, grid)
        volume = torch.from_numpy(normalized(seen.image.voxels, image.modality, seen.covered))
        own = torch.from_numpy(owned(grid) & seen.covered)
        mean = torch.zeros((_CLASSES, *volume.shape))
        volumes = []
        predictor = TilePredictor(self.network, self.device, multiple=STRIDE)
        for way in ways:
            probability = _kept(_predict(predictor, volume, way), own)
            mean += probability / len(ways)
            volumes.append(_volumes(probability, grid.voxel_ml))
            step()
        return Refined(grid, _connected(mean), np.array(volumes), predictor.warnings)


def _predict(predictor: TilePredictor, volume: torch.Tensor, way: Member) -> torch.Tensor:
    """Probabilities (5, K, J, I) of one member, seen its way and brought back."""
    shape = volume.shape
    if way.mirrored:
        volume = volume.flip(-1)
    if way.bend != 1.0 or way.gain != 1.0:
        low, high = float(volume.min()), float(volume.max())
        scaled = ((volume - low) / max(high - low, 1e-6)).pow(way.bend) * (high - low) + low
        volume = scaled * way.gain
    if way.zoom != 1.0:
        size = [max(STRIDE, round(n * way.zoom)) for n in shape]
        volume = functional.interpolate(volume[None, None], size=size, mode="trilinear", align_corners=False)[0, 0]
    logits = predictor(volume[None])
    if way.zoom != 1.0:
        logits = functional.interpolate(logits[None], size=shape, mode="trilinear", align_corners=False)[0]
    probability = torch.softmax(logits, 0)
    return probability.flip(-1) if way.mirrored else probability


def _kept(probability: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """What lies in another organ's territory or outside the scan is background."""
    probability = probability * own
    probability[BACKGROUND] += 1 - probability.sum(0)
    return probability


def _volumes(probability: torch.Tensor, voxel_ml: float) -> list[float]:
    counts = np.bincount(most_likely(probability.numpy()).ravel(), minlength=_CLASSES)
    organ = counts[[PARENCHYMA, TUMOR, CYST, SINUS]].sum()
    return [float(n) * voxel_ml for n in (organ, counts[PARENCHYMA], counts[TUMOR], counts[CYST])]


def _connected(probability: torch.Tensor) -> torch.Tensor:
    """Turn pieces that do not hang together with the kidney into background; faint glows around it stay, as uncertainty."""
    labels, count = ndimage.label(most_likely(probability.numpy()) != BACKGROUND)
    if count < 2:
        return probability
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    stray = ndimage.binary_dilation((labels > 0) & (labels != sizes.argmax()), iterations=2)
    stray &= labels != sizes.argmax()
    return _kept(probability, torch.from_numpy(~stray))
