"""From a B-mode picture to the spleen's outline, how sure it is, and whether the fan cuts it off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.device import Device, choose_device, inference
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.uncertainty.accumulate import MemberAccumulator
from DeepVolumetryLib.uncertainty.maps import entropy_map

from .fan import find_fan
from .segmentation_network import OUTSIDE, PIXEL_MM, STRIDE
from .working_grid import WorkingGrid

if TYPE_CHECKING:
    from torch.nn import Module

_EXTENT_MM = (25.0, 600.0)  # of a fan
_EDGE_MM, _EDGE_LENGTH_MM = 2.5, 10.0
_HALF = 0.5


@dataclass(frozen=True)
class Way:
    """One way to look at the picture; the first is as it is.

    Attributes:
        mirrored: left and right changed over.
        degrees: turned about the middle, anticlockwise.
        scale: magnified.
        gain: added to the normalized picture, in its standard deviations.
        contrast: factor on the normalized picture.
    """

    mirrored: bool = False
    degrees: float = 0.0
    scale: float = 1.0
    gain: float = 0.0
    contrast: float = 1.0


_WAYS = (
    Way(), Way(mirrored=True), Way(degrees=8, gain=0.3), Way(mirrored=True, degrees=-8, gain=-0.3), Way(scale=1.06, contrast=0.8),
    Way(scale=0.9, contrast=1.2), Way(mirrored=True, degrees=15), Way(degrees=-15), Way(mirrored=True, scale=0.95),
    Way(degrees=6, scale=0.87),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Segmented:
    """What was found, all on the grid of the picture (J, I).

    Attributes:
        mask: the spleen: one piece without holes; nothing where none was found.
        probability: mean over the members, float32.
        uncertainty: 0-100, 100 × the binary entropy of the probability.
        member_masks: what each member alone would outline, (members, J, I).
        fan: where the picture shows the patient.
        touches_edge: the outline runs along the edge of the fan, so part of the spleen lies outside of the picture.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    member_masks: NDArray[np.bool_]
    fan: NDArray[np.bool_]
    touches_edge: bool


class Segmenter:
    """Outlines spleens.

    Args:
        network: of ``segmentation_network``, trained; put into evaluation mode and onto the device.
        device: where it runs; the CPU if None.
    """

    def __init__(self, network: Module, device: Device | None = None) -> None:
        self.device = device or choose_device("cpu")
        self.network = network.eval().to(self.device.name)

    def segment(
        self,
        gray: NDArray[np.uint8],
        pixel_mm: tuple[float, float],
        members: int = 5,
        update: Callable[[float], None] = lambda fraction: None,
        fan: NDArray[np.bool_] | None = None,
    ) -> Segmented:
        """Find the spleen.

        Args:
            gray: B-mode picture, uint8 (J, I). Text and scales may be in it: the fan is cut out first.
            pixel_mm: height and width of a pixel in mm.
            members: in how many ways to look, 1 to 10.
            update: called with the fraction done; what it raises ends the work.
            fan: where the picture shows the patient, if that is known; it is looked for if None.

        Raises:
            InputError: if there is no fan, or its size in mm cannot be one.
        """
        fan = find_fan(gray) if fan is None else fan
        _check(fan, pixel_mm)
        grid = WorkingGrid.of(fan, pixel_mm, PIXEL_MM, STRIDE, 2 * STRIDE)
        seen = normalized(grid.sample(np.where(fan, gray, 0)), grid.sample(fan))
        total = MemberAccumulator(gray.shape, voxel_ml=pixel_mm[0] * pixel_mm[1] / 1000)
        masks = []
        ways = _WAYS[: max(1, min(members, len(_WAYS)))]
        for number, way in enumerate(ways):
            probability = np.clip(grid.back(self._one(seen, way)), 0, 1) * fan
            total.add(probability)
            masks.append(one_piece(probability > _HALF))
            update((number + 1) / len(ways))
        mean = total.mean
        mask = one_piece(mean > _HALF)
        return Segmented(mask, mean, entropy_map(mean), np.stack(masks), fan, touches_edge(mask, fan, pixel_mm))

    def _one(self, seen: NDArray[np.float32], way: Way) -> NDArray[np.float32]:
        """Probability on the working grid, seen in one way and brought back."""
        image = torch.from_numpy(seen)[None]
        turned = _turned(image, way)
        picture = turned[:, :1]
        inside = turned[:, 1:] > _HALF
        picture = torch.where(inside, picture * way.contrast + way.gain, torch.full_like(picture, OUTSIDE))
        turned = torch.cat([picture, inside.float()], 1).to(self.device.name)
        with inference(self.device):
            probability = torch.sigmoid(self.network(turned).float()).cpu()
        return _turned(probability, way, back=True)[0, 0].clamp(0, 1).numpy()


def normalized(picture: NDArray[np.float32], fan: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network gets, (2, J, I): gray values with mean 0 and SD 1 inside the fan, and the fan."""
    inside = fan > _HALF
    values = picture[inside]
    mean, deviation = (float(values.mean()), float(values.std())) if values.size else (0.0, 1.0)
    scaled = np.where(inside, (picture - mean) / max(deviation, 1.0), OUTSIDE)
    return np.stack([np.clip(scaled, OUTSIDE, 5), inside]).astype(np.float32)


def one_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part, holes filled."""
    whole = np.zeros(mask.shape, bool)
    if not mask.any():
        return whole
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    labels, _ = ndimage.label(mask[box])
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    whole[box] = ndimage.binary_fill_holes(labels == sizes.argmax())
    return whole


def touches_edge(mask: NDArray[np.bool_], fan: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> bool:
    """True if at least 10 mm of the outline run along the edge of the fan."""
    if not mask.any():
        return False
    padded = np.pad(fan, 1)  # the border of the picture is an edge too
    inward = ndimage.distance_transform_edt(padded, sampling=pixel_mm)[1:-1, 1:-1]
    outline = mask & ~ndimage.binary_erosion(mask)
    along = outline & (inward <= _EDGE_MM)
    return bool(along.sum() * float(np.sqrt(pixel_mm[0] * pixel_mm[1])) >= _EDGE_LENGTH_MM)


def _check(fan: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> None:
    if not fan.any():
        raise InputError("No ultrasound fan was found in this picture. Choose a B-mode picture of the spleen.")
    size = [float(np.ptp(where) + 1) * step for where, step in zip(np.nonzero(fan), pixel_mm, strict=True)]
    if not all(_EXTENT_MM[0] <= length <= _EXTENT_MM[1] for length in size):
        raise InputError(
            f"With pixels of {pixel_mm[0]:.4g}×{pixel_mm[1]:.4g} mm the picture would be {size[0]:.0f} mm deep and {size[1]:.0f} mm wide, "
            "which cannot be right. Check the pixel size, or draw a calibration line."
        )


def _turned(image: torch.Tensor, way: Way, back: bool = False) -> torch.Tensor:
    """(N, C, J, I) turned, magnified and mirrored, or the way back."""
    if back and way.mirrored:
        image = image.flip(-1)
    if way.degrees or way.scale != 1:
        angle, scale = np.deg2rad(way.degrees), way.scale
        if back:
            angle, scale = -angle, 1 / scale
        rows, columns = image.shape[-2:]
        cos, sin = float(np.cos(angle)) / scale, float(np.sin(angle)) / scale
        theta = torch.tensor([[cos, -sin * rows / columns, 0], [sin * columns / rows, cos, 0]])
        grid = torch.nn.functional.affine_grid(theta[None].expand(len(image), -1, -1), list(image.shape), align_corners=False)
        image = torch.nn.functional.grid_sample(image, grid, align_corners=False)
    if not back and way.mirrored:
        image = image.flip(-1)
    return image
