"""The networks, small enough for a CPU: the residual VAE of the paper and the CNNs that it is compared with.

All see normalized pictures (three planes as channels, those that are absent are zero) and predict the volume at unit scale; see
``descriptors``. One network serves one and two views: in training the transverse plane is absent in part of the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .descriptors import CLIP, SIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LATENT = 32
PLANES_SEEN = 2
"""The paper's methods see the coronal and the transverse plane."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, half the side where ``stride`` is 2."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs or stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResidualVAE(nn.Module):
    """Encoder and decoder of residual blocks around N(mu, sigma²), and a regressor of mean and variance on the latent vector.

    The paper's loss is reconstruction + beta · KL (+ lambda · regression for RVAE); sizes, and the variance of RVAE-CI, are ours.
    """

    def __init__(self, channels: tuple[int, int, int] = (12, 24, 48)) -> None:
        super().__init__()
        a, b, c = channels
        self.encoder = nn.Sequential(
            ResidualBlock(PLANES_SEEN, a, 2), ResidualBlock(a, b, 2), ResidualBlock(b, c, 2), nn.Flatten(), nn.Linear(c * 16, 2 * LATENT)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, c * 16), nn.Unflatten(1, (c, 4, 4)), nn.Upsample(scale_factor=2), ResidualBlock(c, b),
            nn.Upsample(scale_factor=2), ResidualBlock(b, a), nn.Upsample(scale_factor=2), nn.Conv2d(a, PLANES_SEEN, 3, 1, 1),
        )  # fmt: skip
        self.regressor = nn.Sequential(nn.Linear(LATENT + 2, 64), nn.ReLU(), nn.Linear(64, 2))

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent vector, (N, 32) each."""
        mean, log_variance = self.encoder(pictures).chunk(2, 1)
        return mean, log_variance.clamp(-10, 4)

    def decode(self, latent: Tensor) -> Tensor:
        """Logits of the outlines, (N, 2, 32, 32)."""
        return self.decoder(latent)

    def regress(self, latent: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the prediction, (N,) each."""
        mean, log_variance = self.regressor(torch.cat([latent, extra], 1)).unbind(1)
        return mean, log_variance.clamp(-8, 1)


class Regressor(nn.Module):
    """Any body that turns pictures into numbers, then a line on these and the extra numbers."""

    def __init__(self, body: nn.Module, width: int, extra: int = 2) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Sequential(nn.Linear(width + extra, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, pictures: Tensor, extra: Tensor) -> Tensor:
        """Prediction, (N,)."""
        return self.head(torch.cat([self.body(pictures), extra], 1))[:, 0]


def resnet18() -> Regressor:
    """MONAI's ResNet-18 with an eighth of the usual channels, for pictures of 32 pixels."""
    from monai.networks.nets import ResNet

    body = ResNet(
        "basic", [2, 2, 2, 2], [8, 16, 32, 64], spatial_dims=2, n_input_channels=PLANES_SEEN, conv1_t_size=3, conv1_t_stride=1,
        no_max_pool=True, num_classes=64, bias_downsample=False,
    )  # fmt: skip
    return Regressor(body, 64)


def densenet121() -> Regressor:
    """MONAI's DenseNet-121 (blocks of 6, 12, 24, 16 layers) with a quarter of the usual growth."""
    from monai.networks.nets import DenseNet

    return Regressor(DenseNet(2, PLANES_SEEN, 64, init_features=16, growth_rate=8, block_config=(6, 12, 24, 16)), 64)


def vgg16() -> Regressor:
    """VGG-16 (Simonyan and Zisserman 2015): thirteen convolutions in five groups, with an eighth of the usual channels and batch norm."""
    layers: list[nn.Module] = []
    channels = PLANES_SEEN
    for count, width in ((2, 8), (2, 16), (3, 32), (3, 64), (3, 64)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return Regressor(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 64), nn.ReLU()), 64)


class Pix2Vox(nn.Module):
    """A small reconstruction in the manner of Pix2Vox++ (Xie et al. 2020): each view is encoded by itself and decoded to voxels, and a
    context network weighs the coarse solids of the views against each other, voxel by voxel. The volume is the sum of its voxels.
    """

    side = 24
    reach = 1.6
    """The solid shows this many common scales to each side of the centroid."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(ResidualBlock(PLANES_SEEN, 12, 2), ResidualBlock(12, 24, 2), ResidualBlock(24, 32, 2), nn.Flatten())
        self.spread = nn.Linear(32 * 16 + 2, 32 * 27)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (32, 3, 3, 3)), nn.ConvTranspose3d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose3d(16, 8, 4, 2, 1), nn.ReLU(),
        )  # fmt: skip
        self.solid = nn.ConvTranspose3d(8, 1, 4, 2, 1)
        self.context = nn.ConvTranspose3d(8, 1, 4, 2, 1)

    def forward(self, pictures: Tensor, extra: Tensor) -> Tensor:
        """Logits of the solid, (N, 24, 24, 24)."""
        solids, weights = [], []
        for plane in range(PLANES_SEEN):
            alone = torch.zeros_like(pictures)
            alone[:, plane] = pictures[:, plane]
            seen = self.decoder(self.spread(torch.cat([self.encoder(alone), extra], 1)))
            absent = (pictures[:, plane].abs().amax((1, 2)) == 0)[:, None, None, None]
            solids.append(self.solid(seen)[:, 0])
            weights.append(self.context(seen)[:, 0].masked_fill(absent, -1e4))
        weight = torch.softmax(torch.stack(weights), 0)
        return (torch.stack(solids) * weight).sum(0)

    @classmethod
    def log_volume(cls, logits: Tensor) -> Tensor:
        """Logarithm of the volume at unit scale, (N,)."""
        voxel = (2 * cls.reach / cls.side) ** 3
        return torch.log(torch.sigmoid(logits).sum((1, 2, 3)) * voxel + 1e-6)


BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "vae": ResidualVAE, "rvae": ResidualVAE, "resnet18": resnet18, "vgg16": vgg16, "densenet121": densenet121, "pix2vox": Pix2Vox,
}  # fmt: skip


def inputs(pictures: NDArray[np.float32], log_scale: NDArray[np.float64], both: bool | NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """What the networks take.

    Args:
        pictures: (N, 3, 32, 32) as in ``Descriptors``.
        log_scale: (N, 3).
        both: whether the transverse plane is seen, for all or each.

    Returns:
        pictures (N, 2, 32, 32) in about [-1, 1], and two numbers: whether the transverse plane is there, and by how much its scale
        differs from the coronal one's.
    """
    import numpy as np

    seen = np.broadcast_to(np.asarray(both, bool), (len(pictures),))
    image = torch.from_numpy(np.ascontiguousarray(np.nan_to_num(pictures[:, :PLANES_SEEN]) / CLIP))
    present = torch.from_numpy(seen.astype(np.float32))
    image[:, 1] *= present[:, None, None]
    ratio = torch.from_numpy(np.nan_to_num(log_scale[:, 1] - log_scale[:, 0]).astype(np.float32)) * present
    return image, torch.stack([present, 2 * ratio], 1)


def outlines(pictures: Tensor) -> Tensor:
    """What the decoder has to draw: inside or not, 0 to 1, softened by a pixel."""
    return torch.sigmoid(pictures * CLIP * SIDE / 2 * 2)
