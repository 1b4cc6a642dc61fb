"""Train one of the two networks: ``deepvolumetry train femur --config FILE --out DIR``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch.utils.data import DataLoader

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings
from DeepVolumetryLib.training.loop import train as train_loop

from ..networks import architecture, build
from .loss import dice_of_shares
from .pack import load_pack
from .samples import Anatomy, Samples

_CONFIG = "config.json"
_MAKE = "Make one: python -m FemurQCTLib.training pack (docs/training-femur.md)."


@dataclass(frozen=True)
class TrainingConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        network: "finder" or "vnet".
        pack: file written by ``python -m FemurQCTLib.training pack``.
        folds: shapes trained on. Fold 3 calibrates the intervals and fold 4 is reported on: neither belongs here.
        subjects: names of the shapes to train on, e.g. of one part of a cross-validation; all of the folds if empty.
        total_minutes: over all slices; the learning rate falls over it.
        learning_rate: the highest one.
        weight_decay: the L2 term of the loss (AdamW's, apart from the gradient's scale).
        batch: samples a step. In use each image is normalized by its own statistics, which a batch of 1 trains for.
        workers: processes that make samples; 0 makes them in the training process, right for a single CPU core.
        threads: of the CPU.
        seed: of the first weights and the samples.
        start_from: folder of a bundle whose weights are the first ones; empty for random ones.
        device: "auto", "cpu" or "cuda".
    """

    network: str
    pack: str
    folds: tuple[int, ...] = (0, 1, 2)
    subjects: tuple[str, ...] = ()
    total_minutes: float = 40.0
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    batch: int = 1
    workers: int = 0
    threads: int = 1
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
            raise InputError(f"The training configuration must say which {missing[0]} to use; see docs/training-femur.md.")
        config = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        for name, (allowed, words) in _RULES.items():
            if not allowed(getattr(config, name)):
                raise InputError(f"{name} must be {words}, not {values[name]!r}.")
        return config


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "network": (lambda value: value in ("finder", "vnet"), "finder or vnet"),
    "pack": (lambda value: isinstance(value, str) and value != "", "the path of a file"),
    "folds": (lambda value: isinstance(value, tuple) and bool(value) and all(map(_whole(0), value)), "a list of whole numbers"),
    "subjects": (lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value), "a list of names"),
    "total_minutes": (_positive, "a positive number"),
    "learning_rate": (_positive, "a positive number"),
    "weight_decay": (lambda value: value == 0 or _positive(value), "a number from 0"),
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

    def batches(slice_number: int) -> Iterable[Batch]:
        samples = Samples(anatomy, settings.network, settings.seed * 1000 + slice_number)
        return DataLoader(samples, batch_size=settings.batch, num_workers=settings.workers, persistent_workers=False)

    network = _first_network(settings, fresh=not (out / "checkpoint.pt").exists())
    loop = LoopSettings(settings.total_minutes, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    return train_loop(network, batches, dice_of_shares, loop, out, minutes, resume, device)


def _first_network(settings: TrainingConfig, fresh: bool) -> torch.nn.Module:
    """An untrained network, or with the weights of ``start_from``; a checkpoint that is there replaces both."""
    network = build(architecture(settings.network))
    if settings.start_from and fresh:
        bundle = Bundle.open(Path(settings.start_from))
        if bundle.inference["networks"][settings.network] != json.loads(json.dumps(architecture(settings.network))):
            raise InputError(f"The {settings.network} in {settings.start_from} is built differently; train from the beginning.")
        network.load_state_dict(bundle.state_dict(settings.network))
    return network


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
        raise InputError(f"There is no training pack at {path}. {_MAKE}")
    try:
        shapes, contexts = load_pack(path, settings.folds)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} is not a training pack. {_MAKE}") from error
    if settings.subjects:
        shapes = [shape for shape in shapes if shape.name in settings.subjects]
    if not shapes or not contexts:
        lack = "femora of these folds" if not shapes else "pelves"
        raise InputError(f"The training pack {path} has no {lack}. Choose other folds, or make another pack.")
    return Anatomy(shapes, contexts)
