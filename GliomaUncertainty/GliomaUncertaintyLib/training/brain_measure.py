"""How well the brain mask works on heads that it was not trained on, at 1 mm and through all that happens in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.measure.overlap import overlap

from .. import brain
from .brain_pack import CALIBRATED, REPORTED, TISSUES, brain_of
from .brain_samples import draw_contrast, image_of

SEQUENCES = ("t1ce", "flair", "t1", "t2")
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


def best_threshold(folder: Path, bundle: Path) -> float:
    """The threshold with the highest mean Dice over T1ce and FLAIR of the calibration heads."""
    network, _ = brain.load(bundle)
    scores = np.zeros(len(_THRESHOLDS))
    for number in CALIBRATED:
        for image, truth in _studies(folder, number, ("t1ce", "flair")):
            for position, threshold in enumerate(_THRESHOLDS):
                scores[position] += overlap(brain.find(image, network, threshold), truth, image).dice
    return _THRESHOLDS[int(np.argmax(scores))]


def measured(folder: Path, bundle: Path, threshold: float) -> dict[str, Any]:
    """Sequence -> mean and worst Dice, mean and largest HD95 (mm), on the heads that are only reported on."""
    network, _ = brain.load(bundle)
    found: dict[str, list[tuple[float, float]]] = {sequence: [] for sequence in SEQUENCES}
    for number in REPORTED:
        for sequence, (image, truth) in zip(SEQUENCES, _studies(folder, number, SEQUENCES), strict=True):
            numbers = overlap(brain.find(image, network, threshold), truth, image)
            found[sequence].append((numbers.dice, numbers.hd95_mm))
    figures = {}
    for sequence, values in found.items():
        dice, distance = np.array(values).T
        figures[sequence] = {
            "heads": len(values),
            "dice": round(float(dice.mean()), 4),
            "worst_dice": round(float(dice.min()), 4),
            "hd95_mm": round(float(distance.mean()), 2),
            "worst_hd95_mm": round(float(distance.max()), 2),
        }
    return figures


def _studies(folder: Path, number: int, sequences: tuple[str, ...]) -> list[tuple[Image, np.ndarray]]:
    """A head as each sequence would show it, on the grid of its label map, with the true brain."""
    files = sorted(folder.glob("*.nii.gz"))
    if number >= len(files):
        raise InputError(f"{folder} has {len(files)} label maps; {REPORTED.stop} are needed to measure.")
    labels = read_image(files[number]).canonical()
    filled = np.argwhere(labels.voxels > 0)
    low = np.maximum(filled.min(0) - 6, 0)
    labels = labels.cropped(low, np.minimum(filled.max(0) + 7, labels.shape))
    truth = brain_of(labels)
    shares = torch.from_numpy(np.stack([np.isin(labels.voxels, values) for values in TISSUES.values()]).astype(np.float32))
    studies = []
    for position, sequence in enumerate(sequences):
        rng = np.random.default_rng([number, position])
        image = image_of(shares, torch.from_numpy(truth.astype(np.float32)), draw_contrast(rng, sequence), min(labels.spacing), rng)
        studies.append((labels.with_voxels(image.numpy()), truth))
    return studies
