"""Training samples of the two networks: image, target and where the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from DeepVolumetryLib.phantom.tissues import draw
from DeepVolumetryLib.training.acquisition import acquire, field_of_view

from ..intensity import normalized
from ..labels import KIDNEY, LIVER, SPINE, SPLEEN
from ..networks import LOCALIZER_MM, REFINER_MM
from .compose import Anatomy, Composition, compose

_STRUCTURES = {LIVER: (44,), SPLEEN: (84,), SPINE: (*range(93, 118), 78, 83)}


@dataclass(frozen=True)
class SampleSettings:
    """What is drawn. ``modalities`` maps "CT", "T2", "T1", "random" to how often; the rest follows the network."""

    network: str
    shape: tuple[int, int, int]
    modalities: dict[str, float]

    @property
    def spacing(self) -> float:
        """mm."""
        return LOCALIZER_MM if self.network == "localizer" else REFINER_MM


def draw_sample(anatomy: Anatomy, settings: SampleSettings, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """One sample: image (1, K, J, I) float32, target (K, J, I) uint8, covered (K, J, I) bool."""
    localizer = settings.network == "localizer"
    place = "kidney" if not localizer or rng.random() < 0.8 else "anywhere"
    spacing = settings.spacing * float(np.exp(rng.uniform(-0.12, 0.12)))
    names = list(settings.modalities)
    weights = np.array([settings.modalities[name] for name in names], float)
    modality = names[rng.choice(len(names), p=weights / weights.sum())]
    jitter = 60.0 if localizer else 14.0
    composition = compose(anatomy, settings.shape, spacing, rng, place, jitter_mm=jitter, small_lesions=modality != "CT")
    image = acquire(composition.tissue, draw(modality, rng), spacing, rng)
    covered = field_of_view(settings.shape, spacing, rng, thinnest_mm=80.0)
    array = image.numpy()
    if modality != "CT":
        array = np.power(np.maximum(array, 0) / max(float(np.percentile(array, 99.5)), 1e-6), np.exp(rng.uniform(-0.35, 0.35)))
    array = normalized(array, modality, covered.numpy())
    array = array * np.float32(np.exp(rng.uniform(-0.2, 0.2))) + np.float32(rng.uniform(-0.2, 0.2))
    target = localizer_target(composition) if localizer else composition.kidney
    image = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None]
    target = torch.where(covered, target, torch.zeros((), dtype=target.dtype))
    if not localizer and rng.random() < 0.5:
        # Mirrored anatomy doubles what the refiner sees. The localizer keeps sides: liver and spleen tell it where it is.
        image, target, covered = image.flip(-1), target.flip(-1), covered.flip(-1)
    return image, target.contiguous(), covered.contiguous()


def localizer_target(composition: Composition) -> Tensor:
    """Kidney with its lesions, liver, spleen and spine."""
    target = torch.zeros_like(composition.structure)
    for label, values in _STRUCTURES.items():
        for value in values:
            target[composition.structure == value] = label
    target[composition.kidney > 0] = KIDNEY
    return target


class Samples(IterableDataset):
    """Endless samples; every worker and every resumed slice draws its own."""

    def __init__(self, anatomy: Anatomy, settings: SampleSettings, seed: int) -> None:
        self.anatomy, self.settings, self.seed = anatomy, settings, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield draw_sample(self.anatomy, self.settings, rng)
