"""Ten-fold cross-validation of the V-Net, as the paper has it: for the whole cohort, women or men."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from DeepVolumetryLib.engine.statistics import normalize_by_instance
from DeepVolumetryLib.errors import InputError

from ..networks import architecture, build
from .pack import Shape, load_pack
from .run import train
from .samples import Anatomy, vnet_sample

COHORTS = {"all": ("female", "male"), "women": ("female",), "men": ("male",)}
_SCORES = "scores.json"


def parts_of(shapes: list[Shape], folds: int, cohort: str) -> list[list[str]]:
    """Names of the subjects that each part leaves out; subjects of one sex are spread evenly over the parts.

    Raises:
        InputError: for another cohort, or fewer subjects than parts.
    """
    if cohort not in COHORTS:
        raise InputError(f"There is no cohort “{cohort}”. Choose {', '.join(COHORTS)}.")
    parts: list[list[str]] = [[] for _ in range(folds)]
    number = 0
    for sex in COHORTS[cohort]:
        for shape in shapes:
            if shape.sex == sex:
                parts[number % folds].append(shape.name)
                number += 1
    if folds < 2 or number < folds:
        raise InputError(f"{number} femora cannot be divided into {folds} parts. Choose 2 to {number}.")
    return parts


def cross_validate(
    pack: Path,
    out: Path,
    folds: int = 10,
    cohort: str = "all",
    minutes: float = 40.0,
    only: int | None = None,
    resume: bool = False,
    scans: int = 4,
) -> dict[str, Any]:
    """Train a V-Net for each part on the others and score it on the part that was left out.

    Args:
        pack: as the training reads it. Its folds 3 and 4 stay out altogether.
        out: gets a folder for each part, with checkpoint and ``scores.json``.
        folds: number of parts.
        cohort: "all", "women" or "men".
        minutes: of training for each part.
        only: the one part to run, for slices and for several computers; all if None.
        resume: go on with parts that were begun.
        scans: composed of each subject that is scored.

    Returns:
        {"parts": {number: {"dice", "sensitivity", "specificity", "r_squared", "cases"}}, "mean": …, "sd": …} of the parts that are there.
    """
    shapes, contexts = load_pack(pack, (0, 1, 2))
    parts = parts_of(shapes, folds, cohort)
    everybody = [name for part in parts for name in part]
    for number, left_out in enumerate(parts):
        folder = out / f"part_{number}"
        if only not in (None, number) or (folder / _SCORES).exists():
            continue
        config = {"network": "vnet", "pack": str(pack), "subjects": [name for name in everybody if name not in left_out],
                  "total_minutes": minutes, "seed": 60 + number}  # fmt: skip
        state = train(config, folder, resume, minutes)
        if not state["done"]:
            continue
        held_out = Anatomy([shape for shape in shapes if shape.name in left_out], contexts)
        scores = _score(folder / "checkpoint.pt", held_out, scans, number)
        (folder / _SCORES).write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    found = {n: json.loads((out / f"part_{n}" / _SCORES).read_text()) for n in range(folds) if (out / f"part_{n}" / _SCORES).exists()}
    names = ("dice", "sensitivity", "specificity", "r_squared")
    values = {name: [part[name] for part in found.values()] for name in names}
    return {
        "cohort": cohort,
        "parts": found,
        "mean": {name: float(np.mean(each)) for name, each in values.items() if each},
        "sd": {name: float(np.std(each, ddof=1)) for name, each in values.items() if len(each) > 1},
    }


def _score(checkpoint: Path, held_out: Anatomy, scans: int, seed: int) -> dict[str, float]:
    """Mean scores over crops of the subjects that were left out, at the voxels of the network."""
    network = build(architecture("vnet"))
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["average"])
    normalize_by_instance(network)
    network.eval()
    rng = np.random.default_rng([71, seed])
    rows, volumes = [], []
    for shape in held_out.shapes:
        for _ in range(scans):
            image, target, covered = vnet_sample(Anatomy([shape], held_out.contexts), rng)
            with torch.inference_mode():
                found = (torch.softmax(network(image[None]), 1)[0, 1] > 0.5) & covered
            truth = (target[1] > 0.5) & covered
            hit = float((found & truth).sum())
            rows.append((2 * hit / max(float(found.sum() + truth.sum()), 1), hit / max(float(truth.sum()), 1),
                         float((~found & ~truth & covered).sum() / (~truth & covered).sum())))  # fmt: skip
            volumes.append((float(found.sum()), float(truth.sum())))
    dice, sensitivity, specificity = np.mean(rows, axis=0)
    measured, true = np.array(volumes).T
    correlation = float(np.corrcoef(measured, true)[0, 1]) if len(volumes) > 2 else float("nan")
    return {
        "dice": float(dice),
        "sensitivity": float(sensitivity),
        "specificity": float(specificity),
        "r_squared": correlation**2,
        "cases": len(rows),
    }
