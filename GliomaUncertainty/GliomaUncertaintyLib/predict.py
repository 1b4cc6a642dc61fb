"""From slices to probabilities: each member sees all slices its way, and only probabilities are projected back and averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from DeepVolumetryLib.engine.device import Device, free_memory, inference, is_out_of_memory
from DeepVolumetryLib.errors import ResourceError
from DeepVolumetryLib.uncertainty.accumulate import MemberAccumulator

from .labels import SEQUENCES, TARGETS
from .methods import Member
from .networks import NEIGHBOR_MM, NEIGHBORS, nested
from .sampling import covered, plane_matrix, sphere_matrix, sphere_raster
from .stack import Stack

if TYPE_CHECKING:
    from torch.nn import Module

_BATCH = {"cpu": 8, "cuda": 64, "mps": 16}
"""Slices at once: on the CPU so few that a layer stays in the cache, on other devices many enough to keep them busy."""


@dataclass(frozen=True)
class Prediction:
    """What the members say together.

    Attributes:
        statistics: mean, variance, entropy and mutual information over the members, (3, n) for the brain's voxels, see ``Stack.voxels``.
        member_ml: volumes per member, (members, 3): WT, TC, ET.
        warnings: what had to be done for want of memory.
    """

    statistics: MemberAccumulator
    member_ml: NDArray[np.float64]
    warnings: list[str] = field(default_factory=list)


class Predictor:
    """Runs members over slices.

    Args:
        networks: name -> trained network in evaluation mode, on the device.
        device: where they run. Sampling and statistics are the CPU's.
    """

    def __init__(self, networks: Mapping[str, Module], device: Device) -> None:
        self.networks, self.device = dict(networks), device

    def predict(self, stack: Stack, members: Sequence[Member], update: Callable[[float], None] = lambda fraction: None) -> Prediction:
        """Probabilities of WT, TC and ET for every voxel of the brain.

        Args:
            stack: the slices.
            members: ways to look at them. Those that see a part only (linear ones) count where they have seen something.
            update: called with the fraction done after every batch; what it raises (``Cancelled``) ends the work.

        Raises:
            ResourceError: if the memory does not suffice.
        """
        batches = _Batches(self.networks, self.device)
        statistics = MemberAccumulator((len(TARGETS), len(stack.voxels)), stack.grid.voxel_ml)
        partly: dict[int, NDArray[np.bool_]] = {}
        for number, member in enumerate(members):
            probability, seen = self._one(stack, member, batches, partial(_tell, update, number, len(members)))
            if seen is not None:
                partly[number] = seen
            statistics.add(probability, weight=None if seen is None else _per_voxel(stack, seen))
        volumes = statistics.member_volumes_ml
        for number, seen in partly.items():
            # Where a member saw nothing its volume is that of all together: else it would spread by what it could not know.
            volumes[number] += ((statistics.mean > 0.5) & ~_per_voxel(stack, seen)).sum(axis=1) * stack.grid.voxel_ml
        return Prediction(statistics, volumes, batches.warnings)

    def _one(
        self, stack: Stack, member: Member, batches: _Batches, update: Callable[[float], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """Probabilities (3, n) of one member, and which of the silhouette's pixels it saw (None for all)."""
        view = member.projection
        sphere = sphere_raster(view, stack.points)
        count = len(stack.brain)
        seen = sphere_matrix(view, stack.plane, sphere) @ stack.values.reshape(len(stack.values), -1)
        seen = _contrasted(seen, member).reshape(*sphere.shape, count, len(SEQUENCES))
        found = np.empty((len(TARGETS), math.prod(sphere.shape), count), np.float32)
        for first, probability in batches.run(seen, stack.step_mm, member):
            size = len(probability)
            found[:, :, first : first + size] = probability.reshape(size, len(TARGETS), -1).permute(1, 2, 0).numpy()
            update((first + size) / count)
        back = plane_matrix(view, stack.points, sphere)
        result = np.stack([(back @ target).reshape(-1)[stack.voxels] for target in found])
        np.clip(result, 0, 1, out=result)
        inside = covered(view, stack.points, sphere) if view.kind == "linear" else None
        return result, inside


class _Batches:
    """Slices through a network, many at once; fewer, and at last on the CPU, when memory runs out."""

    def __init__(self, networks: Mapping[str, Module], device: Device) -> None:
        self.networks, self.device = networks, device
        self.size = _BATCH[device.kind]
        self.warnings: list[str] = []

    def run(self, seen: NDArray[np.float32], step_mm: float, member: Member) -> Iterator[tuple[int, torch.Tensor]]:
        """Number of the first slice and nested probabilities (slices, 3, rows, columns), float32 on the CPU, batch by batch.

        Args:
            seen: sphere images, (rows, columns, slices, 4).
            step_mm: distance between slices.
            member: its network, and whether it drops out.
        """
        slices = torch.from_numpy(seen)
        first, count = 0, slices.shape[2]
        with _dropout(self.networks[member.network], member.dropout_seed, self.device):
            while first < count:
                try:
                    probability = self._forward(_with_neighbors(slices, first, min(first + self.size, count), step_mm), member.network)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    probability = None
                if probability is None:  # outside of the except clause, which would keep the failed attempt's tensors alive
                    self._make_do_with_less()
                    continue
                yield first, probability
                first += len(probability)

    def _forward(self, batch: torch.Tensor, name: str) -> torch.Tensor:
        with inference(self.device):
            return nested(self.networks[name](batch.to(self.device.name)).float()).cpu()

    def _make_do_with_less(self) -> None:
        free_memory(self.device)
        if self.size > 1:
            self.size //= 2
            message = f"The memory of {self.device.name} was short, so fewer slices were segmented at once."
        elif self.device.kind != "cpu":
            self.device, self.size = Device("cpu"), _BATCH["cpu"]
            for network in self.networks.values():
                network.to("cpu", torch.float32)
            message = "The graphics memory did not suffice, so the segmentation ran on the CPU."
        else:
            raise ResourceError("The memory was not enough to segment these images. Close other programs, or crop the images.")
        if message not in self.warnings:
            self.warnings.append(message)


def _with_neighbors(slices: torch.Tensor, first: int, last: int, step_mm: float) -> torch.Tensor:
    """Slices first..last with those 2 mm below and above, (n, 12, rows, columns), channels last; 0 beyond the brain.

    Neighbors that fall between slices are interpolated. Nothing is sampled again: all slices of the member are at hand.
    """
    rows, columns, count, channels = slices.shape
    batch = torch.zeros((last - first, rows, columns, len(NEIGHBORS) * channels))
    for place, side in enumerate(NEIGHBORS):
        into = batch[..., place * channels : (place + 1) * channels]
        offset = side * NEIGHBOR_MM / step_mm
        below = math.floor(offset + 1e-6)
        part = max(offset - below, 0.0)
        for shift, weight in ((below, 1 - part), (below + 1, part)):
            if weight > 1e-6:
                low, high = max(first + shift, 0), min(last + shift, count)
                if low < high:
                    target = into[low - first - shift : high - first - shift]
                    target.add_(slices[:, :, low:high].permute(2, 0, 1, 3), alpha=weight)
    return batch.permute(0, 3, 1, 2)


def _tell(update: Callable[[float], None], number: int, count: int, done: float) -> None:
    update((number + done) / count)


def _contrasted(values: NDArray[np.float32], member: Member) -> NDArray[np.float32]:
    if member.bend != 1.0:
        values = np.sign(values) * np.abs(values) ** np.float32(member.bend)
    return values * np.float32(member.gain) if member.gain != 1.0 else values


def _per_voxel(stack: Stack, pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Flags of the silhouette's pixels for each of the brain's voxels."""
    return pixels[stack.voxels // len(stack.brain)]


@contextmanager
def _dropout(network: Module, seed: int | None, device: Device) -> Iterator[None]:
    """Dropout at work inside, the same for the same seed; nothing if the seed is None."""
    if seed is None:
        yield
        return
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Dropout)]
    with torch.random.fork_rng(devices=[device.name] if device.kind == "cuda" else []):
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        try:
            yield
        finally:
            for layer in layers:
                layer.eval()
