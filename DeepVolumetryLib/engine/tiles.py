"""Run a network over a volume: in one go where it fits, in overlapping tiles where it does not.

MONAI's SlidingWindowInferer does the tiling alike, but its import takes twice as long as torch's, and it can neither
halve its tiles when memory runs out nor be asked how far it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from ..errors import ResourceError
from .device import Device, free_memory, inference, is_out_of_memory

if TYPE_CHECKING:
    from torch.nn import Module

Size = tuple[int, int, int]
Blend = Literal["gaussian", "plain"]

_SIGMA = 0.125
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class TilePlan:
    """Where tiles of one size begin so that they cover a volume.

    Attributes:
        size: of every tile along (K, J, I); multiples of what the network needs, so it may exceed the volume.
        starts: first voxel of each tile; a tile never begins outside and ends inside or at the padded border.
    """

    size: Size
    starts: tuple[Size, ...]


def plan_tiles(shape: Size, tile: Size | None, overlap: float = 0.25, multiple: int = 1) -> TilePlan:
    """Evenly spaced tiles that cover a volume.

    Args:
        shape: of the volume, (K, J, I).
        tile: largest tile; None for the whole volume.
        overlap: least share of a tile that it has in common with the next one, in [0, 1).
        multiple: what the sides of a tile must be multiples of.

    Raises:
        ValueError: if a size is not positive or the overlap is outside [0, 1).
    """
    if min(shape) < 1 or multiple < 1 or (tile is not None and min(tile) < 1) or not 0 <= overlap < 1:
        raise ValueError(f"cannot tile {shape} by {tile} with overlap {overlap} and multiples of {multiple}")
    sides, axes = [], []
    for length, limit in zip(shape, tile or shape, strict=True):
        side = -(-min(length, limit) // multiple) * multiple
        if side > limit and limit < length:
            side = max(limit // multiple, 1) * multiple
        step = max(int(side * (1 - overlap)), 1)
        last = max(length - side, 0)
        count = -(-last // step) + 1
        axes.append([round(index * last / max(count - 1, 1)) for index in range(count)])
        sides.append(side)
    return TilePlan((sides[0], sides[1], sides[2]), tuple(itertools.product(axes[0], axes[1], axes[2])))


def blend_weights(size: Size, blend: Blend = "gaussian") -> torch.Tensor:
    """Weight of each voxel of a tile where tiles overlap, float32, shape ``size``, in (0, 1].

    "gaussian" trusts the middle of a tile, where the network sees all around, most (Isensee 2021); "plain" is the mean.
    """
    weights = torch.ones(size)
    if blend == "gaussian":
        for axis, length in enumerate(size):
            position = torch.linspace(-1, 1, length) if length > 1 else torch.zeros(1)
            line = torch.exp(-0.5 * (position / (2 * _SIGMA)) ** 2)
            weights *= line.reshape([-1 if other == axis else 1 for other in range(3)])
    return weights.clamp_(min=_LEAST_WEIGHT)


class TilePredictor:
    """Runs one network over volumes, and copes when the memory of the device does not suffice.

    Out of memory, it halves the tile; at the smallest tile it goes on on the CPU. Make one for each run: what it had to
    do is in ``warnings`` and belongs to that run; the network stays where it was moved.

    Args:
        network: maps (1, C, K, J, I) to (1, classes, K, J, I); in evaluation mode.
        device: where to run.
        tile: largest tile along (K, J, I); None tries the whole volume first.
        overlap: least share that neighboring tiles have in common.
        blend: how overlapping tiles are averaged.
        multiple: what the sides of the network's input must be multiples of.
        least: no side of a tile is made smaller than this.
        activation: applied to each tile's output before averaging, e.g. ``lambda x: x.softmax(1)``.
        fill: value around the volume where it must be padded; the smallest of the volume if None.

    Attributes:
        device: where it runs now.
        warnings: sentences for the user about what was done for want of memory.
    """

    def __init__(
        self,
        network: Module,
        device: Device,
        tile: Size | None = None,
        overlap: float = 0.25,
        blend: Blend = "gaussian",
        multiple: int = 16,
        least: int = 32,
        activation: Callable[[torch.Tensor], torch.Tensor] | None = None,
        fill: float | None = None,
    ) -> None:
        self.device = device
        self.warnings: list[str] = []
        self._network = network
        self._tile = tile
        self._overlap = overlap
        self._blend = blend
        self._multiple = multiple
        self._least = max(least, multiple)
        self._activation = activation
        self._fill = fill

    def __call__(self, volume: torch.Tensor, update: Callable[[float], None] | None = None) -> torch.Tensor:
        """Output of the network for a volume.

        Args:
            volume: (C, K, J, I), on the CPU.
            update: called with the fraction done after each tile; what it raises (`Cancelled`) ends the work.

        Returns:
            (classes, K, J, I), float32, on the CPU.

        Raises:
            ResourceError: if the memory of the computer does not suffice either.
        """
        while True:
            try:
                return self._predict(volume.float(), update)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except clause, which would keep the tensors of the failed attempt alive.
            free_memory(self.device)
            self._make_do_with_less(volume)

    def _make_do_with_less(self, volume: torch.Tensor) -> None:
        sides = list(plan_tiles(_shape(volume), self._tile, self._overlap, self._multiple).size)
        longest = max(range(3), key=lambda axis: sides[axis])
        half = -(-sides[longest] // (2 * self._multiple)) * self._multiple
        if self._least <= half < sides[longest]:
            sides[longest] = half
            self._tile = (sides[0], sides[1], sides[2])
            message = f"The memory of {self.device.name} was short, so the image was segmented in smaller pieces."
        elif self.device.kind != "cpu":
            self.device = Device("cpu")
            self._network.to("cpu", torch.float32)
            message = "The graphics memory did not suffice, so the segmentation ran on the CPU."
        else:
            raise ResourceError("The memory was not enough to segment this image. Close other programs, or crop the image.")
        if message not in self.warnings:
            self.warnings.append(message)

    def _predict(self, volume: torch.Tensor, update: Callable[[float], None] | None) -> torch.Tensor:
        shape = _shape(volume)
        plan = plan_tiles(shape, self._tile, self._overlap, self._multiple)
        volume = _padded(volume, plan.size, float(volume.min()) if self._fill is None else self._fill)
        if len(plan.starts) > 1:
            return self._blended(volume, plan, update)[:, : shape[0], : shape[1], : shape[2]]
        tile = self._forward(volume)[:, : shape[0], : shape[1], : shape[2]]
        _tell(update, 1.0)
        # What is made in inference mode cannot be changed outside of it; the caller may want to.
        return torch.empty(tile.shape).copy_(tile)

    def _blended(self, volume: torch.Tensor, plan: TilePlan, update: Callable[[float], None] | None) -> torch.Tensor:
        """Weighted mean of the tiles; summed on the CPU, where a result of any size has room."""
        weights = blend_weights(plan.size, self._blend)
        total = torch.zeros(_shape(volume))
        output = torch.empty(0)
        for number, start in enumerate(plan.starts, 1):
            place = (slice(None), *(slice(begin, begin + side) for begin, side in zip(start, plan.size, strict=True)))
            tile = self._forward(volume[place])
            if number == 1:
                output = torch.zeros((tile.shape[0], *_shape(volume)))
            output[place] += tile * weights
            total[place[1:]] += weights
            _tell(update, number / len(plan.starts))
        return output.div_(total)

    def _forward(self, tile: torch.Tensor) -> torch.Tensor:
        with inference(self.device):
            batch = tile[None].to(self.device.name).to(memory_format=torch.channels_last_3d)
            output = self._network(batch).float()
            return (output if self._activation is None else self._activation(output))[0].cpu()


def _shape(volume: torch.Tensor) -> Size:
    k, j, i = volume.shape[-3:]
    return k, j, i


def _padded(volume: torch.Tensor, size: Size, fill: float) -> torch.Tensor:
    """Grown at the far ends so that a tile fits."""
    missing = [max(side - length, 0) for side, length in zip(size, _shape(volume), strict=True)]
    return functional.pad(volume, [0, missing[2], 0, missing[1], 0, missing[0]], value=fill) if any(missing) else volume


def _tell(update: Callable[[float], None] | None, fraction: float) -> None:
    if update is not None:
        update(fraction)
