"""Train the networks that estimate volumes: ``deepvolumetry train spleen`` with ``"network": "volume"``.

Each method is trained once on all shapes, and once for each fold of real spleens without the shapes that came from these; what such a
network says of a spleen that it has never seen is what errors and intervals are measured on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.loop import Batch, LoopSettings
from DeepVolumetryLib.training.loop import train as train_loop

from ..volume.descriptors import Descriptors
from ..volume.networks import BUILDERS, PLANES_SEEN, Pix2Vox, ResidualVAE, inputs, outlines
from .described import load_described
from .shapes import SOLID_REACH, ShapePack

ALL = "all"
TOGETHER = 2
"""So many neighboring real spleens are left out together."""
_BETA, _RECONSTRUCTION = 0.01, 10.0


@dataclass(frozen=True)
class VolumeConfig:
    """What a configuration file (JSON) may say.

    Attributes:
        packs: files written by ``python -m SpleenVolumeLib.training shapes``.
        network: "volume".
        methods: which networks.
        folds: also train for each fold, leaving real spleens out.
        steps: optimization steps of each network; ``steps_of`` for some of them.
        batch, learning_rate, seed, threads: as usual.
    """

    packs: tuple[str, ...]
    network: str = "volume"
    methods: tuple[str, ...] = ("rvae", "vae", "resnet18", "vgg16", "densenet121", "pix2vox")
    folds: bool = True
    steps: int = 700
    steps_of: tuple[tuple[str, int], ...] = ()
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 0
    threads: int = 1

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VolumeConfig:
        """Checked settings.

        Raises:
            InputError: naming what is wrong.
        """
        known = {entry.name for entry in fields(cls)}
        unknown = [name for name in values if name not in known]
        if unknown:
            raise InputError(f"The configuration has an unknown entry “{unknown[0]}”. Use {', '.join(sorted(known))}.")
        if not values.get("packs"):
            raise InputError("The configuration must give “packs”, the files with shapes.")
        chosen = {**values, "packs": tuple(values["packs"]), "methods": tuple(values.get("methods", cls.methods))}
        chosen["steps_of"] = tuple(sorted(dict(values.get("steps_of", {})).items()))
        wrong = [name for name in chosen["methods"] if name not in BUILDERS]
        if wrong:
            raise InputError(f"There is no network “{wrong[0]}” for volumes. Use {', '.join(BUILDERS)}.")
        return cls(**chosen)


def train(config: dict[str, Any], out: Path, resume: bool, minutes: float) -> dict[str, Any]:
    """Train for some minutes; goes on with what is not finished. Writes ``<method>_<fold>/checkpoint.pt``.

    Raises:
        InputError: if the configuration is wrong, or ``out`` holds checkpoints and ``resume`` is not asked for.
    """
    settings = VolumeConfig.from_dict(config)
    if not resume and any(out.glob("*/checkpoint.pt")):
        raise InputError(f"{out} already holds checkpoints. Go on with --resume, or choose another folder.")
    torch.set_num_threads(settings.threads)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    pack, found = load_described([Path(path) for path in settings.packs])
    folds = (ALL, *(fold_names(pack) if settings.folds else ()))
    jobs = [(method, fold) for method in settings.methods for fold in folds]
    start, finished = time.monotonic(), 0
    for method, fold in jobs:
        left = minutes - (time.monotonic() - start) / 60
        if left <= 0:
            break
        finished += bool(_train_one(method, fold, settings, pack, found, out / f"{method}_{fold}", left)["done"])
    return {"networks": finished, "of": len(jobs), "done": finished == len(jobs)}


def fold_names(pack: ShapePack) -> list[str]:
    """Names of the folds: the templates that are left out together, as numbers."""
    return [str(first // TOGETHER) for first in range(0, len(pack.names), TOGETHER)]


def left_out(pack: ShapePack, fold: str) -> np.ndarray:
    """Rows that a fold must not see, (N,) bool."""
    if fold == ALL:
        return np.zeros(len(pack), bool)
    first = int(fold) * TOGETHER
    return np.asarray(pack.sources[:, first : first + TOGETHER].any(1))


def _train_one(
    method: str, fold: str, settings: VolumeConfig, pack: ShapePack, found: Descriptors, out: Path, minutes: float
) -> dict[str, Any]:
    torch.manual_seed(settings.seed)
    steps = dict(settings.steps_of).get(method, settings.steps)
    rows = np.flatnonzero(~left_out(pack, fold) & ~pack.real)
    if method == "pix2vox" and not len(pack.solids):
        raise InputError("The reconstruction needs shapes in 3D. Make the packs with --solids, or leave “pix2vox” out.")
    samples = Samples(pack, found, rows, settings.batch, method == "pix2vox", settings.seed)
    loop = LoopSettings(total_minutes=1e6, total_steps=steps, learning_rate=settings.learning_rate, average=0.99, save_minutes=5)
    return train_loop(Trained(BUILDERS[method](), method), samples, _LOSSES.get(method, _regression), loop, out, minutes)


class Trained(nn.Module):
    """A network as the training loop wants it: one tensor in, one out.

    In: pictures, then two planes that are constant: the extra numbers of ``inputs``; (N, 4, 32, 32).
    """

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network = network
        self.method = method

    def forward(self, packed: Tensor) -> Tensor:
        pictures, extra = packed[:, :PLANES_SEEN], packed[:, PLANES_SEEN:, 0, 0]
        network = self.network
        if not isinstance(network, ResidualVAE):
            result: Tensor = network(pictures, extra)
            return result
        mean, log_variance = network.encode(pictures)
        latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        drawn = network.decode(latent)
        volume = torch.stack(network.regress(latent, extra), 1)
        present = torch.stack([torch.ones_like(extra[:, 0]), extra[:, 0]], 1)
        wrong = nn.functional.binary_cross_entropy_with_logits(drawn.float(), outlines(pictures.float()), reduction="none").mean((2, 3))
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
        return torch.cat([(wrong * present).sum(1, keepdim=True), divergence[:, None], volume], 1)


class Samples:
    """Batches for the loop; called with the number of the slice."""

    def __init__(self, pack: ShapePack, found: Descriptors, rows: np.ndarray, batch: int, solids: bool, seed: int) -> None:
        self._pack, self._found, self._rows, self._batch, self._solids, self._seed = pack, found, rows, batch, solids, seed

    def __call__(self, number: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self._seed, number])
        while True:
            rows = rng.choice(self._rows, self._batch)
            both = rng.random(self._batch) < 0.55
            pictures, extra = inputs(self._found.pictures[rows], self._found.log_scale[rows], both)
            packed = torch.cat([pictures, extra[:, :, None, None].expand(-1, -1, *pictures.shape[2:])], 1)
            scale = np.where(both, self._found.log_scale[rows, :PLANES_SEEN].mean(1), self._found.log_scale[rows, 0])
            y = np.log(self._pack.volume_ml[rows] * 1000) - 3 * scale
            target = torch.from_numpy(y.astype(np.float32))
            if self._solids:
                target = _solids(self._pack, rows, y)
            yield packed, target, torch.ones(1)


def _solids(pack: ShapePack, rows: np.ndarray, y: np.ndarray) -> Tensor:
    """Occupancy on the grid of ``Pix2Vox``, (N, 24, 24, 24), from solids that were stored at the size of their own volume."""
    stored = torch.from_numpy(pack.solids[pack.shape[rows]].astype(np.float32))[:, None]
    zoom = torch.from_numpy((Pix2Vox.reach / SOLID_REACH / np.exp(y / 3)).astype(np.float32))
    matrix = torch.zeros(len(rows), 3, 4)
    for axis in range(3):
        matrix[:, axis, axis] = zoom
    grid = nn.functional.affine_grid(matrix, [len(rows), 1, *[Pix2Vox.side] * 3], align_corners=False)
    return nn.functional.grid_sample(stored, grid, align_corners=False)[:, 0]


def _regression(predicted: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    return nn.functional.smooth_l1_loss(predicted, target, beta=0.1) * 10


def _plain_vae(terms: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    return _RECONSTRUCTION * terms[:, 0].mean() + _BETA * terms[:, 1].mean()


def _regressing_vae(terms: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    """Reconstruction + beta · KL + the Gaussian negative log likelihood of the volume."""
    miss = 0.5 * (terms[:, 3] + (target - terms[:, 2]) ** 2 * torch.exp(-terms[:, 3])).mean()
    return _plain_vae(terms, target, covered) + miss + 5 * nn.functional.smooth_l1_loss(terms[:, 2], target, beta=0.1)


def _reconstruction(logits: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    wrong = nn.functional.binary_cross_entropy_with_logits(logits, target)
    volume = torch.log(target.sum((1, 2, 3)) * (2 * Pix2Vox.reach / Pix2Vox.side) ** 3 + 1e-6)
    return 5 * wrong + nn.functional.smooth_l1_loss(Pix2Vox.log_volume(logits), volume, beta=0.1)


_LOSSES = {"vae": _plain_vae, "rvae": _regressing_vae, "pix2vox": _reconstruction}


def load_network(folder: Path, method: str) -> nn.Module:
    """The averaged weights of a checkpoint.

    Raises:
        InputError: if it is missing.
    """
    path = folder / "checkpoint.pt"
    if not path.is_file():
        raise InputError(f"There is no checkpoint at {path}. Train first.")
    trained = Trained(BUILDERS[method](), method)
    trained.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return trained.network.eval()
