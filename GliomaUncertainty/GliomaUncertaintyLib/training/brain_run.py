"""Train the network for the brain mask: ``python -m GliomaUncertaintyLib.training brain-train``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.training.loop import Batch, LoopSettings, dice_cross_entropy
from DeepVolumetryLib.training.loop import train as train_loop

from ..brain_network import architecture
from ..networks import build
from .brain_pack import TRAINED, load_pack
from .brain_samples import SHAPE, Samples


@dataclass(frozen=True)
class BrainTraining:
    """How to train.

    Attributes:
        pack: file written by ``brain-pack``.
        steps: over all slices; the learning rate falls over them.
        learning_rate: the highest one.
        seed: of the first weights and the samples.
        threads: of the CPU.
        shape: patch (K, J, I) in voxels, multiples of 16.
        device: "auto", "cpu" or "cuda".
    """

    pack: Path
    steps: int = 1500
    learning_rate: float = 4e-3
    seed: int = 0
    threads: int = 1
    shape: tuple[int, int, int] = SHAPE
    device: str = "auto"


def train_brain(settings: BrainTraining, out: Path, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes, or go on with it; checkpoint and log go to ``out``.

    Returns:
        The state of ``training.loop.train``.

    Raises:
        InputError: if the pack is missing or has too few heads.
    """
    heads = load_pack(settings.pack, TRAINED)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)

    def batches(slice_number: int) -> Iterable[Batch]:
        # One head a batch: batch normalization is then that of each image, as in use (docs/decisions/0004).
        return DataLoader(Samples(heads, settings.seed * 1000 + slice_number, settings.shape), batch_size=1)

    loop = LoopSettings(total_minutes=0, total_steps=settings.steps, learning_rate=settings.learning_rate, average=0.995)
    device = choose_device(settings.device).name
    return train_loop(build(architecture()), batches, dice_cross_entropy, loop, out, minutes, resume=True, device=device)
