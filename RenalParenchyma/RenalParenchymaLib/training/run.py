"""Train one of the two networks: ``deepvolumetry train renal --config FILE --out DIR``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings, dice_cross_entropy
from DeepVolumetryLib.training.loop import train as train_loop

from ..networks import architecture, build
from .compose import Anatomy
from .pack import load_pack
from .samples import Samples, SampleSettings

MODALITIES = {"CT": 0.35, "T2": 0.4, "T1": 0.1, "random": 0.15}


@dataclass(frozen=True)
class TrainingConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        network: "localizer" or "refiner".
        pack: file written by ``training.pack``.
        folds: patients trained on. Fold 3 calibrates the intervals and fold 4 is reported on: neither belongs here.
        cases: at most so many patients of these folds, in the order of their names; all if 0.
        modalities: how often each contrast is drawn.
        shape: patch (K, J, I) in voxels, multiples of 16.
        total_minutes: over all slices.
        workers: processes that make samples; 0 makes them in the training process, right for a single CPU core.
        device: "auto", "cpu" or "cuda".
    """

    network: str
    pack: str
    folds: tuple[int, ...] = (0, 1, 2)
    cases: int = 0
    modalities: dict[str, float] = field(default_factory=lambda: dict(MODALITIES))
    shape: tuple[int, int, int] = (64, 64, 64)
    total_minutes: float = 90.0
    learning_rate: float = 2e-3
    batch: int = 1
    workers: int = 0
    threads: int = 2
    seed: int = 0
    device: str = "auto"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingConfig:
        """Raises InputError for a name that is not known or an impossible value."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"The training configuration has no setting {unknown[0]!r}; it knows {', '.join(sorted(known))}.")
        config = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        if config.network not in ("localizer", "refiner"):
            raise InputError(f"network must be localizer or refiner, not {config.network!r}.")
        if any(side % 16 for side in config.shape):
            raise InputError(f"shape must be multiples of 16, not {list(config.shape)}.")
        return config


def train(config: dict[str, Any], out: Path, resume: bool = True, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes; checkpoint and log go to ``out``. Returns the state of ``training.loop.train``."""
    settings = TrainingConfig.from_dict(config)
    if not Path(settings.pack).exists():
        raise InputError(f"There is no training pack at {settings.pack}; make one with RenalParenchymaLib.training.pack.")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else settings.device
    kidneys, torsos = load_pack(Path(settings.pack), settings.folds)
    if settings.cases:
        kept = sorted({kidney.case for kidney in kidneys})[: settings.cases]
        kidneys = [kidney for kidney in kidneys if kidney.case in kept]
    anatomy = Anatomy(kidneys, torsos)
    samples = SampleSettings(settings.network, settings.shape, settings.modalities)

    def batches(slice_number: int) -> Iterable[Batch]:
        return DataLoader(
            Samples(anatomy, samples, settings.seed * 1000 + slice_number),
            batch_size=settings.batch,
            num_workers=settings.workers,
            persistent_workers=False,
        )

    network = build(architecture(settings.network))
    loop = LoopSettings(total_minutes=settings.total_minutes, learning_rate=settings.learning_rate)
    return train_loop(network, batches, dice_cross_entropy, loop, out, minutes, resume, device)
