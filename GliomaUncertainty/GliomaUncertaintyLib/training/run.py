"""Train the network: ``deepvolumetry train glioma --config FILE --out DIR``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
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

from ..networks import STRIDE, architecture, build
from .loss import nested_dice_cross_entropy
from .pack import load_pack
from .samples import VIEWS, Anatomy, Samples, SampleSettings

CONFIG = "config.json"
SNAPSHOTS = (0.7, 0.85)
"""Shares of the training after which weights are kept for the ensemble of checkpoints, beside the last ones."""


@dataclass(frozen=True)
class TrainingConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        pack: file written by ``python -m GliomaUncertaintyLib.training pack``.
        folds: heads trained on. Fold 3 calibrates the intervals and fold 4 is reported on: neither belongs here.
        real: share of the samples that come from the real cases of the pack; 0 for synthesized ones only.
        shapes: share of the synthesized tumors that have the warped shape of a real one; 0 for grown ones only.
        without: patients whose image and tumor shape are left out, so that they can be reported on.
        views: how often each kind of projection is drawn.
        shape: of what the network gets, pixels (rows, columns) of 1.5 mm, multiples of 16.
        slices: a step.
        slabs: of how many studies they come; each gives as many.
        total_minutes: over all slices; the learning rate falls over it.
        total_steps: in place of minutes, for comparisons that must not depend on the machine's speed; 0 for minutes.
        learning_rate: the highest one.
        workers: processes that make samples; 0 makes them in the training process, right for a single CPU core.
        threads: of the CPU, for training; samples are made beside it where there are workers.
        seed: of the first weights and the samples.
        start_from: folder of a bundle whose weights are the first ones; empty for random ones.
        device: "auto", "cpu" or "cuda".
    """

    pack: str
    folds: tuple[int, ...] = (0, 1, 2)
    real: float = 0.0
    shapes: float = 0.0
    without: tuple[str, ...] = ()
    views: dict[str, float] = field(default_factory=lambda: dict(VIEWS))
    shape: tuple[int, int] = (128, 112)
    slices: int = 8
    slabs: int = 2
    total_minutes: float = 90.0
    total_steps: int = 0
    learning_rate: float = 2e-3
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
        if "pack" not in values:
            raise InputError("The training configuration must say which pack to use; see docs/training.md.")
        config = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        for name, (allowed, words) in _RULES.items():
            if not allowed(getattr(config, name)):
                raise InputError(f"{name} must be {words}, not {values[name]!r}.")
        if config.slices % config.slabs:
            raise InputError(f"slices must be a multiple of slabs: {config.slices} slices cannot come evenly from {config.slabs} studies.")
        return config


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _views(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= set(VIEWS):
        return False
    return all(_number(share) and share >= 0 for share in value.values()) and any(value.values())


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "pack": (lambda value: isinstance(value, str) and value != "", "the path of a file"),
    "folds": (lambda value: isinstance(value, tuple) and bool(value) and all(map(_whole(0), value)), "a list of whole numbers"),
    "real": (_share, "a share from 0 to 1"),
    "shapes": (_share, "a share from 0 to 1"),
    "without": (lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value), "a list of patients"),
    "views": (_views, f"shares of {', '.join(VIEWS)}"),
    "shape": (
        lambda value: isinstance(value, tuple) and len(value) == 2 and all(_whole(2 * STRIDE)(n) and n % STRIDE == 0 for n in value),
        f"two multiples of {STRIDE} from {2 * STRIDE}",
    ),
    "slices": (_whole(1), "a whole number from 1"),
    "slabs": (_whole(1), "a whole number from 1"),
    "total_minutes": (_positive, "a positive number"),
    "total_steps": (_whole(0), "a whole number, 0 for minutes"),
    "learning_rate": (_positive, "a positive number"),
    "workers": (_whole(0), "a whole number from 0"),
    "threads": (_whole(1), "a whole number from 1"),
    "seed": (_whole(0), "a whole number from 0"),
    "start_from": (lambda value: isinstance(value, str), "the folder of a bundle"),
    "device": (lambda value: isinstance(value, str), "auto, cpu or cuda"),
}


def train(config: dict[str, Any], out: Path, resume: bool = True, minutes: float = 10.0) -> dict[str, Any]:
    """Train for some minutes; checkpoint, snapshots, log and the configuration go to ``out``.

    Args:
        config: as `TrainingConfig` describes it.
        out: made if missing.
        resume: go on from the checkpoint in ``out`` if there is one; a checkpoint is never overwritten by a new training.
        minutes: length of this slice.

    Returns:
        The state of ``training.loop.train``.

    Raises:
        InputError: for a wrong setting, a missing pack, or a checkpoint that would be overwritten.
    """
    settings = TrainingConfig.from_dict(config)
    if (out / "checkpoint.pt").exists() and not resume:
        raise InputError(f"There is a checkpoint in {out} already. Add --resume to go on from it, or choose another folder.")
    anatomy = _anatomy(settings)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else choose_device(settings.device).name
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)

    def batches(slice_number: int) -> Iterable[Batch]:
        return _batches(settings, anatomy, settings.seed * 1000 + slice_number)

    network = _first_network(settings, fresh=not (out / "checkpoint.pt").exists())
    loop = LoopSettings(
        total_minutes=settings.total_minutes,
        total_steps=settings.total_steps,
        learning_rate=settings.learning_rate,
        snapshots=SNAPSHOTS,
    )
    return train_loop(network, batches, nested_dice_cross_entropy, loop, out, minutes, resume, device)


def samples_of(training: Path, count: int) -> list[torch.Tensor]:
    """Images (N, C, J, I) as a training saw them, drawn anew.

    Args:
        training: folder of the training.
        count: of batches.

    Raises:
        InputError: if the settings or the pack of the training are not there any more.
    """
    path = training / CONFIG
    if not path.exists():
        raise InputError(f"There is no {CONFIG} in {training}. Give the folder of a training.")
    settings = TrainingConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    anatomy = _anatomy(settings)
    return [image for image, _, _ in islice(_batches(settings, anatomy, settings.seed * 1000 + 999), count)]


def _batches(settings: TrainingConfig, anatomy: Anatomy, seed: int) -> Iterable[Batch]:
    samples = SampleSettings(settings.shape, settings.slices, settings.slabs, settings.views, settings.real, settings.shapes)
    return DataLoader(Samples(anatomy, samples, seed), batch_size=None, num_workers=settings.workers)


def _first_network(settings: TrainingConfig, fresh: bool) -> torch.nn.Module:
    """An untrained network, or with the weights of ``start_from``; a checkpoint that is there replaces both."""
    network = build(architecture("unet"))
    if settings.start_from and fresh:
        bundle = Bundle.open(Path(settings.start_from))
        if bundle.inference["networks"].get("unet") != json.loads(json.dumps(architecture("unet"))):
            raise InputError(f"The network in {settings.start_from} is built differently; train from the beginning.")
        network.load_state_dict(bundle.state_dict("unet"))
    return network


def _anatomy(settings: TrainingConfig) -> Anatomy:
    path = Path(settings.pack)
    advice = "Make one: python -m GliomaUncertaintyLib.training pack (docs/training.md)."
    if not path.exists():
        raise InputError(f"There is no training pack at {path}. {advice}")
    try:
        heads, cases = load_pack(path, settings.folds, settings.without)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} is not a training pack. {advice}") from error
    if not heads:
        raise InputError(f"The training pack {path} has no heads of these folds. Choose other folds, or make another pack.")
    if (settings.real or settings.shapes) and not cases:
        raise InputError(f"The training pack {path} has no real cases to train on. Set real and shapes to 0, or make another pack.")
    return Anatomy(heads, cases)
