"""The latent map: where a spleen lies among those that the network learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .descriptors import REACH, SIDE, describe, key

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
        path_masks: decoded outlines at these points: plane -> probability (5, 32, 32), pixels of ``path_pixel_mm``.
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
    """Data of the plot for these views; None where the model has no network for them.

    The axes are the first two principal axes of the latent means of the training cases. The five shapes lie on the first axis at -2, -1,
    0, 1 and 2 standard deviations; their volumes are what such a shape would hold at the size of this patient's views.
    """
    import torch  # takes seconds, which whoever only wants to cut or measure outlines need not wait for

    from .latent_methods import VariationalRegression, encode, seen

    rvae = model.estimators.get("rvae")
    if not isinstance(rvae, VariationalRegression) or model.cases is None:
        return None
    planes = seen(views.planes)
    means = model.cases.means[key(planes)].astype(np.float64)
    center = means.mean(0)
    values, vectors = np.linalg.eigh(np.cov((means - center).T))
    axes = vectors[:, ::-1][:, :2] * np.sign(vectors[0, ::-1][:2])
    found = describe(views)
    latent, extra = encode(rvae.network, found, "transverse" in planes)
    steps = np.arange(-2, 3) * np.sqrt(values[-1])
    path = center + steps[:, None] * axes[:, 0]
    with torch.inference_mode():
        points = torch.from_numpy(path.astype(np.float32))
        drawn = torch.sigmoid(rvae.network.decode(points)).numpy()
        predicted = rvae.network.regress(points, torch.from_numpy(np.repeat(extra, len(path), 0).astype(np.float32)))[0].numpy()
        own = rvae.network.regress(torch.from_numpy(latent.astype(np.float32)), torch.from_numpy(extra.astype(np.float32)))[0].numpy()
    base = float(found.base(planes)[0])
    return LatentMap(
        training_xy=np.asarray((means - center) @ axes, np.float32),
        training_ml=np.asarray(np.exp(model.cases.log_volume), np.float32),
        training_real=model.cases.real,
        patient_xy=np.asarray((latent[0] - center) @ axes, np.float32),
        patient_ml=float(np.exp(base + own[0])),
        path_xy=np.asarray((path - center) @ axes, np.float32),
        path_masks={plane: np.asarray(drawn[:, index], np.float32) for index, plane in enumerate(planes)},
        path_ml=np.asarray(np.exp(base + predicted), np.float32),
        path_pixel_mm=2 * REACH * float(np.exp(found.scale(planes)[0])) / SIDE,
        nearest=model.nearest(found, views),
    )
