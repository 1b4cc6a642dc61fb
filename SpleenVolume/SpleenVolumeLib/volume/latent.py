"""The latent map: where a spleen lies among those that the network learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .model import VolumeModel
    from .views import Views


@dataclass(frozen=True)
class LatentMap:
    """Data of the plot.

    Attributes:
        training_xy: training cases on the first two principal axes of the latent space, (N, 2).
        training_ml: their volumes, (N,).
        training_real: which of them are real spleens, bool (N,).
        patient_xy: this spleen, (2,).
        patient_ml: its volume as the network sees it.
        path_xy: five points along the first principal axis, (5, 2).
        path_masks: decoded outlines at these points: plane -> probability (5, 64, 64), pixels of ``path_pixel_mm``.
        path_ml: their volumes, (5,).
        path_pixel_mm: pixel size of the decoded outlines.
        nearest: the most similar training cases, see ``VolumeEstimate.nearest``.
    """

    training_xy: NDArray[np.float32]
    training_ml: NDArray[np.float32]
    training_real: NDArray[np.bool_]
    patient_xy: NDArray[np.float32]
    patient_ml: float
    path_xy: NDArray[np.float32]
    path_masks: dict[str, NDArray[np.float32]]
    path_ml: NDArray[np.float32]
    path_pixel_mm: float
    nearest: list[dict[str, Any]]


def latent_map(model: VolumeModel, views: Views) -> LatentMap | None:
    """Data of the plot for these views; None where the model has no network for them."""
    return None
