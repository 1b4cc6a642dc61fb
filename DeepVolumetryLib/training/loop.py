"""A training loop that stops and goes on: slices of some minutes, on a GPU when there is one, on two CPU cores when not."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from ..errors import DeepVolumetryError

Batch = tuple[Tensor, Tensor, Tensor]
_MOST_BROKEN = 50


@dataclass(frozen=True)
class LoopSettings:
    """How to train.

    Attributes:
        total_minutes: training time over all slices; the learning rate falls to zero over it (cosine).
        total_steps: steps over all slices in place of minutes, for comparisons that must not depend on the machine's speed; 0 for minutes.
        learning_rate: highest rate, reached after two percent of the time.
        weight_decay: of AdamW.
        average: decay of the running average of the weights, which is what is kept in the end.
        save_minutes: how often a checkpoint is written.
        snapshots: shares of the training after which the averaged weights are kept apart, as ``snapshot_70.pt`` for 0.7.
    """

    total_minutes: float
    total_steps: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    average: float = 0.998
    save_minutes: float = 2.0
    snapshots: tuple[float, ...] = ()

    def progress(self, step: int, seconds: float) -> float:
        """Share of the training that is done, 1 at its end."""
        return step / self.total_steps if self.total_steps else seconds / (self.total_minutes * 60)


def train(
    network: Module,
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    settings: LoopSettings,
    out: Path,
    minutes: float,
    resume: bool = True,
    device: str = "cpu",
) -> dict[str, Any]:
    """Train for some minutes and leave ``checkpoint.pt`` and ``log.csv`` in ``out``.

    Args:
        network: takes (N, C, K, J, I), or (N, C, J, I) for slices; changed in place.
        batches: called with the number of the slice, so that a resumed run draws other samples.
        loss: of (logits float32, target, where it counts).
        out: made if missing.
        minutes: length of this slice; it also ends when ``settings`` say that all is done.
        resume: go on from ``checkpoint.pt`` if there is one.

    Returns:
        {"step", "seconds", "loss", "done"}.

    Raises:
        DeepVolumetryError: if there are only gradients that are not finite any more.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    layout = _layout({weight.ndim for weight in network.parameters()})
    network.to(device=device, memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    state: dict[str, Any] = {"step": 0, "seconds": 0.0, "slice": 0}
    average = {key: value.detach().clone() for key, value in network.state_dict().items()}
    if resume and path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        average, state = saved["average"], saved["state"]
    start, spent_before, last_save = time.monotonic(), state["seconds"], time.monotonic()
    recent: float | None = None
    broken = 0
    network.train()
    for image, target, covered in batches(state["slice"]):
        elapsed = time.monotonic() - start
        state["seconds"] = spent_before + elapsed
        done = settings.progress(state["step"], state["seconds"])
        if elapsed > minutes * 60 or done >= 1:
            break
        rate = settings.learning_rate * schedule(done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        image = image.to(device, memory_format=layout)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            logits = network(image)
        value = loss(logits.float(), target.to(device), covered.to(device))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        # bfloat16 now and then gives a gradient that is not finite: one such step would leave nothing but nan in the weights.
        if torch.isfinite(norm):
            optimizer.step()
            broken = 0
        elif (broken := broken + 1) >= _MOST_BROKEN:
            raise DeepVolumetryError(
                f"The training in {out} came apart: {broken} gradients in a row are not finite. Lower the learning rate."
            )
        state["step"] += 1
        _average(average, network, min(settings.average, (1 + state["step"]) / (20 + state["step"])))
        number = float(value.detach())
        if math.isfinite(number):
            recent = number if recent is None else 0.98 * recent + 0.02 * number
        if state["step"] % 25 == 0:
            _log(out / "log.csv", state, math.nan if recent is None else recent, rate)
        _keep_snapshots(out, settings, state, average)
        if time.monotonic() - last_save > settings.save_minutes * 60:
            _save(path, network, optimizer, average, state)
            last_save = time.monotonic()
    state["slice"] += 1
    _save(path, network, optimizer, average, state)
    return {**state, "loss": recent, "done": settings.progress(state["step"], state["seconds"]) >= 1}


def schedule(progress: float) -> float:
    """Share of the highest learning rate: linear over the first two percent, then a cosine to a hundredth."""
    if progress < 0.02:
        return 0.05 + 0.95 * progress / 0.02
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.02) / 0.98)))


def dice_cross_entropy(logits: Tensor, target: Tensor, covered: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of soft Dice over the foreground classes present plus cross-entropy, where the scan has data.

    Args:
        logits: (N, C, K, J, I) float32.
        target: (N, K, J, I) integer.
        covered: (N, K, J, I) bool.
        weights: of the classes in the cross-entropy, (C,).
    """
    classes = logits.shape[1]
    inside = covered[:, None].float()
    entropy = torch.nn.functional.cross_entropy(logits, target.long(), weight=weights, reduction="none")
    entropy = (entropy * inside[:, 0]).sum() / inside.sum().clamp_min(1)
    probability = torch.softmax(logits, 1) * inside
    truth = torch.nn.functional.one_hot(target.long(), classes).movedim(-1, 1).float() * inside
    axes = (0, 2, 3, 4)
    overlap, total, present = (probability * truth).sum(axes), (probability + truth).sum(axes), truth.sum(axes)
    dice = (2 * overlap + 1) / (total + 1)
    counts = (present > 0).float()
    counts[0] = 0
    return entropy + 1 - (dice * counts).sum() / counts.sum().clamp_min(1)


def _layout(axes: set[int]) -> torch.memory_format:
    """Channels last, as convolutions on a CPU and on recent GPUs are fastest; by the numbers of axes of the weights. A network with
    convolutions of slices and of volumes keeps its layout."""
    if {4, 5} <= axes:
        return torch.preserve_format
    return torch.channels_last_3d if 5 in axes else torch.channels_last if 4 in axes else torch.preserve_format


def _keep_snapshots(out: Path, settings: LoopSettings, state: dict[str, Any], average: dict[str, Tensor]) -> None:
    done = settings.progress(state["step"], state["seconds"])
    for share in settings.snapshots:
        path = out / f"snapshot_{round(share * 100)}.pt"
        if done >= share and not path.exists():
            _write(path, {"average": average, "state": state})


def _average(average: dict[str, Tensor], network: Module, decay: float) -> None:
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                average[key].lerp_(value, 1 - decay)
            else:
                average[key].copy_(value)


def _log(path: Path, state: dict[str, Any], loss: float, rate: float) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(["step", "seconds", "loss", "learning_rate"])
        writer.writerow([state["step"], f"{state['seconds']:.0f}", f"{loss:.4f}", f"{rate:.2e}"])


def _save(path: Path, network: Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor], state: dict[str, Any]) -> None:
    _write(path, {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "state": state})


def _write(path: Path, content: dict[str, Any]) -> None:
    beside = path.with_suffix(".tmp")
    torch.save(content, beside)
    beside.replace(path)
