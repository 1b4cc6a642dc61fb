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
from .pictures import Pictures


@dataclass(frozen=True)
class SegmentationConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        pictures: folder written by ``python -m SpleenVolumeLib.training pictures``.
        network: "unet".
        more_pictures: other folders, such as USDM's samples.
        batch: pictures a step.
        total_minutes: over all slices; the learning rate falls over it.
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

    loop = LoopSettings(total_minutes=settings.total_minutes, learning_rate=settings.learning_rate, average=0.995)
    return train_loop(build(), batches, dice_and_entropy, loop, out, minutes, resume, device)


def _batches(packs: list[Pictures], size: int, seed: int) -> Iterator[Batch]:
    """Endless batches; each pack comes as often as it has pictures."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    counts = [len(pack) for pack in packs]
    while True:
        rows = rng.integers(0, sum(counts), size)
        arrays: list[list[np.ndarray]] = [[], [], []]
        for row in rows:
            for pack, count in zip(packs, counts, strict=True):
                if row < count:
                    for found, values in zip(arrays, (pack.gray, pack.fan, pack.spleen), strict=True):
                        found.append(values[row])
                    break
                row -= count
        gray, fan, spleen = (torch.from_numpy(np.stack(found)).float() for found in arrays)
        yield varied(gray / 255, fan, spleen / 255, generator)


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
