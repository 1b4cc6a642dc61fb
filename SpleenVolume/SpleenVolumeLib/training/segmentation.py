"""Train the U-Net: ``deepvolumetry train spleen`` with ``"network": "unet"``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings
from DeepVolumetryLib.training.loop import train as train_loop

from ..segmentation_network import build
from .augment import varied
from .pictures import SIZE, Pictures

_WINDOW = 128
_JITTER = 16.0


@dataclass(frozen=True)
class SegmentationConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        pictures: folder written by ``python -m SpleenVolumeLib.training pictures``.
        network: "unet".
        more_pictures: other folders, such as USDM's samples.
        batch: pictures a step.
        total_minutes: over all slices; the learning rate falls over it.
        total_steps: in place of minutes, where the machine is shared; 0 for minutes.
        learning_rate: the highest one.
        threads: of the CPU.
        seed: of the first weights and the draws.
        device: "auto", "cpu" or "cuda".
    """

    pictures: str
    network: str = "unet"
    more_pictures: tuple[str, ...] = ()
    batch: int = 8
    total_minutes: float = 30.0
    total_steps: int = 0
    learning_rate: float = 2e-3
    threads: int = 1
    seed: int = 0
    device: str = "auto"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SegmentationConfig:
        """Raises InputError for a name that is not known, one that is missing, or an impossible value."""
        known = [item.name for item in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"The training configuration has no setting {unknown[0]!r}; it knows {', '.join(known)}.")
        if not isinstance(values.get("pictures"), str):
            raise InputError("The training configuration must say in which folder the pictures are; see docs/training-spleen.md.")
        config = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        for name in ("batch", "total_minutes", "learning_rate", "threads"):
            value = getattr(config, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
                raise InputError(f"{name} must be a positive number, not {value!r}.")
        return config


def train(config: dict[str, Any], out: Path, resume: bool = True, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes; checkpoint, log and the configuration go to ``out``.

    Raises:
        InputError: for a wrong setting, missing pictures, or a checkpoint that would be overwritten.
    """
    settings = SegmentationConfig.from_dict(config)
    if (out / "checkpoint.pt").exists() and not resume:
        raise InputError(f"There is a checkpoint in {out} already. Add --resume to go on from it, or choose another folder.")
    packs = [Pictures.load(Path(folder)) for folder in (settings.pictures, *settings.more_pictures)]
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(int(settings.threads))
    device = ("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else choose_device(settings.device).name

    def batches(slice_number: int) -> Iterator[Batch]:
        return _batches(packs, int(settings.batch), settings.seed * 1000 + slice_number)

    loop = LoopSettings(
        total_minutes=settings.total_minutes, total_steps=settings.total_steps, learning_rate=settings.learning_rate, average=0.995
    )
    return train_loop(build(), batches, dice_and_entropy, loop, out, minutes, resume, device)


def _batches(packs: list[Pictures], size: int, seed: int) -> Iterator[Batch]:
    """Endless batches; each pack comes as often as it has pictures."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    owner = np.concatenate([np.full(len(pack), number) for number, pack in enumerate(packs)])
    row_of = np.concatenate([np.arange(len(pack)) for pack in packs])
    while True:
        parts = [_window(packs[owner[pick]], int(row_of[pick]), rng) for pick in rng.integers(0, len(owner), size)]
        gray, fan, spleen = (torch.from_numpy(np.stack(each)).float() for each in zip(*parts, strict=True))
        yield varied(gray / 255, fan, spleen / 255, generator)


def _window(pack: Pictures, row: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A part of a picture near its spleen: much of a stored picture is black, and a fan may be wider than what is needed."""
    room = SIZE - _WINDOW
    corner = []
    for axis in (1, 0):
        found = np.flatnonzero(pack.spleen[row].max(axis=axis) > 127)
        middle = float(found.mean()) if found.size else SIZE / 2
        corner.append(int(np.clip(middle - _WINDOW / 2 + rng.normal(0, _JITTER), 0, room)))
    part = slice(corner[0], corner[0] + _WINDOW), slice(corner[1], corner[1] + _WINDOW)
    return [values[row][part] for values in (pack.gray, pack.fan, pack.spleen)]


def dice_and_entropy(logits: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    """Binary cross-entropy where it counts, and 1 - soft Dice of each picture.

    Args:
        logits: (N, 1, J, I) float32.
        target: (N, J, I), 0 to 1.
        covered: (N, J, I) bool.
    """
    counted = covered.float()
    values = logits[:, 0]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(values, target, reduction="none") * counted
    probability = torch.sigmoid(values) * counted
    overlap = (probability * target).sum((1, 2))
    dice = (2 * overlap + 20) / (probability.sum((1, 2)) + target.sum((1, 2)) + 20)
    return entropy.sum() / counted.sum().clamp_min(1) + (1 - dice).mean()
