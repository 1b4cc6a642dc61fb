"""Train one of the two networks: ``deepvolumetry train renal --config FILE --out DIR``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch.utils.data import DataLoader

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings, dice_cross_entropy
from DeepVolumetryLib.training.loop import train as train_loop

from ..networks import STRIDE, architecture, build
from .compose import Anatomy
from .pack import load_pack
from .samples import Samples, SampleSettings

_CONFIG = "config.json"
MODALITIES = {"CT": 0.35, "T2": 0.4, "T1": 0.1, "random": 0.15}


@dataclass(frozen=True)
class TrainingConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        network: "localizer" or "refiner".
        pack: file written by ``python -m RenalParenchymaLib.training pack``.
        folds: patients trained on. Fold 3 calibrates the intervals and fold 4 is reported on: neither belongs here.
        cases: at most so many patients of these folds, in the order of their names; all if 0.
        modalities: how often each contrast is drawn.
        shape: patch (K, J, I) in voxels, multiples of 16.
        total_minutes: over all slices; the learning rate falls over it.
        learning_rate: the highest one.
        batch: samples a step. In use each image is normalized by its own statistics, which a batch of 1 trains for.
        workers: processes that make samples; 0 makes them in the training process, right for a single CPU core.
        threads: of the CPU, for training; samples are made beside it where there are workers.
        seed: of the first weights and the samples.
        start_from: folder of a bundle whose weights are the first ones; empty for random ones.
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
    start_from: str = ""
    device: str = "auto"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingConfig:
        """Raises InputError for a name that is not known, one that is missing, or an impossible value."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"The training configuration has no setting {unknown[0]!r}; it knows {', '.join(sorted(known))}.")
        missing = sorted({"network", "pack"} - set(values))
        if missing:
            raise InputError(f"The training configuration must say which {missing[0]} to use; see docs/training.md.")
        config = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        for name, (allowed, words) in _RULES.items():
            if not allowed(getattr(config, name)):
                raise InputError(f"{name} must be {words}, not {values[name]!r}.")
        return config


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


def _shares(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= set(MODALITIES):
        return False
    return all(share == 0 or _positive(share) for share in value.values()) and any(value.values())


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "network": (lambda value: value in ("localizer", "refiner"), "localizer or refiner"),
    "pack": (lambda value: isinstance(value, str) and value != "", "the path of a file"),
    "folds": (lambda value: isinstance(value, tuple) and bool(value) and all(map(_whole(0), value)), "a list of whole numbers"),
    "cases": (_whole(0), "a whole number, 0 for all"),
    "modalities": (_shares, f"shares of {', '.join(MODALITIES)}"),
    "shape": (
        lambda value: (
            isinstance(value, tuple)
            and len(value) == 3
            and all(_whole(STRIDE)(n) and n % STRIDE == 0 for n in value)
            and max(value) > STRIDE
        ),
        f"three multiples of {STRIDE}, not all {STRIDE}",
    ),
    "total_minutes": (_positive, "a positive number"),
    "learning_rate": (_positive, "a positive number"),
    "batch": (_whole(1), "a whole number from 1"),
    "workers": (_whole(0), "a whole number from 0"),
    "threads": (_whole(1), "a whole number from 1"),
    "seed": (_whole(0), "a whole number from 0"),
    "start_from": (lambda value: isinstance(value, str), "the folder of a bundle"),
    "device": (lambda value: isinstance(value, str), "auto, cpu or cuda"),
}


def train(config: dict[str, Any], out: Path, resume: bool = True, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes; checkpoint, log and the configuration go to ``out``.

    Args:
        config: as `TrainingConfig` describes it.
        out: made if missing.
        resume: go on from the checkpoint in ``out`` if there is one; a checkpoint is never overwritten by a new training.
        minutes: length of this slice.

    Returns:
        The state of ``training.loop.train``.

    Raises:
        InputError: for a wrong setting, a missing pack, or a checkpoint that would be overwritten or is another network's.
    """
    settings = TrainingConfig.from_dict(config)
    _check_folder(settings, out, resume)
    anatomy = _anatomy(settings)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else choose_device(settings.device).name
    out.mkdir(parents=True, exist_ok=True)
    (out / _CONFIG).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    samples = SampleSettings(settings.network, settings.shape, settings.modalities)

    def batches(slice_number: int) -> Iterable[Batch]:
        return DataLoader(
            Samples(anatomy, samples, settings.seed * 1000 + slice_number),
            batch_size=settings.batch,
            num_workers=settings.workers,
            persistent_workers=False,
        )

    network = _first_network(settings, fresh=not (out / "checkpoint.pt").exists())
    loop = LoopSettings(total_minutes=settings.total_minutes, learning_rate=settings.learning_rate)
    return train_loop(network, batches, dice_cross_entropy, loop, out, minutes, resume, device)


def _first_network(settings: TrainingConfig, fresh: bool) -> torch.nn.Module:
    """An untrained network, or with the weights of ``start_from``; a checkpoint that is there replaces both."""
    network = build(architecture(settings.network))
    if settings.start_from and fresh:
        bundle = Bundle.open(Path(settings.start_from))
        if bundle.inference["networks"][settings.network] != _as_json(architecture(settings.network)):
            raise InputError(f"The {settings.network} in {settings.start_from} is built differently; train from the beginning.")
        network.load_state_dict(bundle.state_dict(settings.network))
    return network


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _check_folder(settings: TrainingConfig, out: Path, resume: bool) -> None:
    if not (out / "checkpoint.pt").exists():
        return
    if not resume:
        raise InputError(f"There is a checkpoint in {out} already. Add --resume to go on from it, or choose another folder.")
    path = out / _CONFIG
    before = json.loads(path.read_text(encoding="utf-8"))["network"] if path.exists() else settings.network
    if before != settings.network:
        raise InputError(f"The checkpoint in {out} is a {before}, not a {settings.network}. Choose another folder.")


def _anatomy(settings: TrainingConfig) -> Anatomy:
    path = Path(settings.pack)
    if not path.exists():
        raise InputError(f"There is no training pack at {path}. Make one: python -m RenalParenchymaLib.training pack (docs/training.md).")
    try:
        kidneys, torsos = load_pack(path, settings.folds)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(
            f"{path} is not a training pack. Make one: python -m RenalParenchymaLib.training pack (docs/training.md)."
        ) from error
    if settings.cases:
        kept = sorted({kidney.case for kidney in kidneys})[: settings.cases]
        kidneys = [kidney for kidney in kidneys if kidney.case in kept]
    if not kidneys or not torsos:
        lack = "kidneys of these folds" if not kidneys else "torsos"
        raise InputError(f"The training pack {path} has no {lack}. Choose other folds, or make another pack.")
    return Anatomy(kidneys, torsos)
