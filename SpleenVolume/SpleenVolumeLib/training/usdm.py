"""Train USDM: ``deepvolumetry train spleen`` with ``"network": "usdm"``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings
from DeepVolumetryLib.training.loop import train as train_loop

from ..diffusion.framing import Frame, one_hot
from ..diffusion.network import STEPS, Denoiser, pack, training_scheduler
from .pictures import Pictures

_AROUND, _BRIGHTER, _MEAN = 8, 5.0, 80.0
"""Pixels around the spleen that it is compared with, by how many gray values it is brighter, and the mean of a fan."""


@dataclass(frozen=True)
class DiffusionConfig:
    """What a configuration file (JSON) may say; see ``SegmentationConfig`` for what is not explained.

    Attributes:
        pictures: folder written by ``python -m SpleenVolumeLib.training pictures``.
    """

    pictures: str
    network: str = "usdm"
    batch: int = 8
    total_minutes: float = 20.0
    total_steps: int = 0
    learning_rate: float = 1e-3
    threads: int = 1
    seed: int = 0
    device: str = "auto"


def train(config: dict[str, Any], out: Path, resume: bool = True, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes; checkpoint, log and the configuration go to ``out``.

    Raises:
        InputError: for a setting that is not known, missing pictures, or a checkpoint that would be overwritten.
    """
    known = [item.name for item in fields(DiffusionConfig)]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise InputError(f"The training configuration has no setting {unknown[0]!r}; it knows {', '.join(known)}.")
    if not isinstance(config.get("pictures"), str):
        raise InputError("The training configuration must say in which folder the pictures are; see docs/training-spleen.md.")
    settings = DiffusionConfig(**config)
    if (out / "checkpoint.pt").exists() and not resume:
        raise InputError(f"There is a checkpoint in {out} already. Add --resume to go on from it, or choose another folder.")
    pictures, layouts = squares(Pictures.load(Path(settings.pictures)))
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else choose_device(settings.device).name

    def batches(slice_number: int) -> Iterator[Batch]:
        return _batches(pictures, layouts, settings.batch, settings.seed * 1000 + slice_number)

    loop = LoopSettings(
        total_minutes=settings.total_minutes, total_steps=settings.total_steps, learning_rate=settings.learning_rate, average=0.995
    )
    return train_loop(Denoiser(), batches, _squared, loop, out, minutes, resume, device)


def squares(packed: Pictures) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, 64, 64) from -1 to 1 and their layouts (N, 3, 64, 64).

    In the packed pictures the spleen is as often darker as it is brighter than what is around it: a layout then says nothing about where it
    is bright, which a short training cannot sort out. Those are kept in which the spleen is brighter, scaled to the same mean.
    """
    pictures, layouts = [], []
    for gray, fan, spleen in zip(packed.gray, packed.fan, packed.spleen, strict=True):
        inside = spleen > 127
        if not inside.any():
            continue
        around = ndimage.binary_dilation(inside, iterations=_AROUND) & ~inside & fan
        if not around.any() or gray[inside].mean() < gray[around].mean() + _BRIGHTER:
            continue
        frame = Frame.of(fan)
        scaled = np.clip(gray * (_MEAN / max(float(gray[fan].mean()), 1.0)), 0, 255)
        pictures.append(frame.cut(scaled) / 127.5 - 1)
        layouts.append(one_hot(frame.cut(fan), frame.cut(spleen) / 255))
    if not pictures:
        raise InputError("No packed picture shows a spleen that is brighter than what is around it. Make more of them.")
    return torch.from_numpy(np.stack(pictures)[:, None]).float(), torch.from_numpy(np.stack(layouts))


def _batches(pictures: Tensor, layouts: Tensor, size: int, seed: int) -> Iterator[Batch]:
    """Noisy pictures, the velocity that the network is to tell, and the part that counts: the fan, and a little what is around it."""
    generator = torch.Generator().manual_seed(seed)
    scheduler = training_scheduler()
    while True:
        rows = torch.randint(0, len(pictures), (size,), generator=generator)
        picture, layout = pictures[rows], layouts[rows]
        steps = torch.randint(0, STEPS, (size,), generator=generator)
        noise = torch.randn(picture.shape, generator=generator)
        noisy = scheduler.add_noise(original_samples=picture, noise=noise, timesteps=steps)
        velocity = scheduler.get_velocity(sample=picture, noise=noise, timesteps=steps)
        yield pack(noisy, layout, steps), velocity, (1 - 0.9 * layout[:, :1])


def _squared(made: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    return ((made - wanted) ** 2 * weight).sum() / weight.sum()
