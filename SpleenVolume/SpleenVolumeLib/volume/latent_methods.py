"""The methods of the paper on the latent vectors of the VAE (NN, PLR, RVAE, RVAE-CI), and the networks that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .descriptors import Descriptors, key
from .networks import Pix2Vox, inputs
from .regression import Ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BATCH = 512
SAMPLES = 64
"""Latent vectors that RVAE-CI draws."""


def seen(planes: Sequence[str]) -> tuple[str, ...]:
    """The planes among these that the networks can see."""
    return tuple(plane for plane in planes if plane != "sagittal")


@torch.inference_mode()
def encode(network: nn.Module, found: Descriptors, both: bool) -> tuple[Floats, Floats]:
    """Latent means (N, 32) and the extra numbers (N, 2)."""
    means, extras = [], []
    for start in range(0, len(found), _BATCH):
        part = found[slice(start, start + _BATCH)]
        pictures, extra = inputs(part.pictures, part.log_scale, both)
        means.append(network.encode(pictures)[0].double().numpy())
        extras.append(extra.double().numpy())
    return np.concatenate(means), np.concatenate(extras)


@dataclass(frozen=True)
class LatentNeighbors:
    """NN: the volume, at unit scale, of the training case whose latent mean is nearest."""

    network: nn.Module
    cases: Mapping[str, tuple[NDArray[np.float32], Floats]]

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        planes = seen(planes)
        means, y = self.cases[key(planes)]
        latent, _ = encode(self.network, found, "transverse" in planes)
        squared = (latent**2).sum(1)[:, None] + (means.astype(np.float64) ** 2).sum(1) - 2 * latent @ means.T
        return found.base(planes) + y[squared.argmin(1)]


@dataclass(frozen=True)
class LatentRegression:
    """PLR: linear regression on the latent mean, fitted after the VAE."""

    network: nn.Module
    lines: Mapping[str, Ridge]

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        planes = seen(planes)
        latent, extra = encode(self.network, found, "transverse" in planes)
        return found.base(planes) + self.lines[key(planes)].predict(np.concatenate([latent, extra], 1))


@dataclass(frozen=True)
class VariationalRegression:
    """RVAE: the regressor that was trained with the VAE, on the latent mean; RVAE-CI: its mean over latent samples."""

    network: nn.Module
    samples: int = SAMPLES

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        return self.distribution(found, planes)[0]

    @torch.inference_mode()
    def distribution(self, found: Descriptors, planes: Sequence[str]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of log V, (N,) each: the spread of the latent samples and the regressor's own variance together.

        The same samples are drawn every time.
        """
        planes = seen(planes)
        pictures, extra = inputs(found.pictures, found.log_scale, "transverse" in planes)
        mean, log_variance = self.network.encode(pictures)
        if not self.samples:
            value, noise = self.network.regress(mean, extra)
            return found.base(planes) + value.double().numpy(), torch.exp(noise / 2).double().numpy()
        generator = torch.Generator().manual_seed(0)
        drawn, noises = [], []
        for _ in range(self.samples):
            latent = mean + torch.randn(mean.shape[1], generator=generator) * torch.exp(log_variance / 2)
            value, noise = self.network.regress(latent, extra)
            drawn.append(value.double().numpy())
            noises.append(torch.exp(noise).double().numpy())
        spread = np.sqrt(np.var(drawn, axis=0) + np.mean(noises, axis=0))
        return found.base(planes) + np.mean(drawn, axis=0), spread


@dataclass(frozen=True)
class NetworkRegression:
    """A CNN that predicts the volume directly, or by way of voxels."""

    network: nn.Module

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    @torch.inference_mode()
    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        planes = seen(planes)
        values = []
        for start in range(0, len(found), _BATCH):
            part = found[slice(start, start + _BATCH)]
            pictures, extra = inputs(part.pictures, part.log_scale, "transverse" in planes)
            value = self.network(pictures, extra)
            values.append((Pix2Vox.log_volume(value) if isinstance(self.network, Pix2Vox) else value).double().numpy())
        return found.base(planes) + np.concatenate(values)
