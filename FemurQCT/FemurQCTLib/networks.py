"""The two networks: a small 3D U-Net that finds the hips, and the V-Net that draws the femur (Milletari 2016; Zhao et al. 2020).

As the paper's successor describes it, the V-Net has three steps down and three up, with skips; residual blocks and PReLU are V-Net's.
Channels, kernel size, voxel size and crop are not known of the paper and are ours.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

FINDER_MM = 6.0
FINDER_CLASSES = ("background", "left femur", "right femur")
FINDER_STRIDE = 8
VNET_MM = 1.6
VNET_CLASSES = ("background", "proximal femur", "femur below")
CROP = (96, 72, 80)
"""Voxels of a crop (K, J, I): 154 x 115 x 128 mm."""

_VNET_FEATURES = (8, 20, 48, 96)
_VNET_BLOCKS = (1, 2, 2, 2)
_FINDER_FEATURES = (8, 16, 32, 48, 64, 8)


class Residual(nn.Module):
    """Convolutions of 3³ with normalization and PReLU, and what came in added at the end."""

    def __init__(self, features: int, count: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(count):
            layers += [nn.Conv3d(features, features, 3, padding=1, bias=False), nn.BatchNorm3d(features, momentum=0.02)]
            if number < count - 1:
                layers.append(nn.PReLU(features))
        self.layers, self.act = nn.Sequential(*layers), nn.PReLU(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.layers(x) + x)


class VNet(nn.Module):
    """(N, in, K, J, I) -> logits (N, classes, K, J, I); sides must be multiples of 2 to the number of steps down.

    Args:
        features: channels of each level, the finest first.
        blocks: convolutions in the residual block of each level.
    """

    def __init__(
        self, in_channels: int = 1, classes: int = 3, features: tuple[int, ...] = _VNET_FEATURES, blocks: tuple[int, ...] = _VNET_BLOCKS
    ) -> None:
        super().__init__()
        self.first = _scaled(nn.Conv3d(in_channels, features[0], 3, padding=1, bias=False), features[0])
        self.encoder = nn.ModuleList(Residual(n, count) for n, count in zip(features, blocks, strict=True))
        self.down = nn.ModuleList(_scaled(nn.Conv3d(fine, coarse, 2, stride=2, bias=False), coarse) for fine, coarse in pairwise(features))
        self.up = nn.ModuleList(
            _scaled(nn.ConvTranspose3d(coarse, fine, 2, stride=2, bias=False), fine) for fine, coarse in pairwise(features)
        )
        self.merge = nn.ModuleList(_scaled(nn.Conv3d(2 * n, n, 1, bias=False), n) for n in features[:-1])
        self.decoder = nn.ModuleList(Residual(n, count) for n, count in zip(features[:-1], blocks, strict=False))
        self.last = nn.Conv3d(features[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        x = self.encoder[0](self.first(x))
        for down, block in zip(self.down, list(self.encoder)[1:], strict=True):
            skips.append(x)
            x = block(down(x))
        for level in reversed(range(len(self.up))):
            x = self.merge[level](torch.cat([skips[level], self.up[level](x)], 1))
            x = self.decoder[level](x)
        return self.last(x)


def _scaled(convolution: nn.Module, features: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(features, momentum=0.02), nn.PReLU(features))


def architecture(name: str) -> dict[str, Any]:
    """What "vnet" or "finder" is built from; written into the bundle, so that it can be rebuilt."""
    if name == "vnet":
        return {
            "kind": "vnet",
            "in_channels": 1,
            "classes": len(VNET_CLASSES),
            "features": list(_VNET_FEATURES),
            "blocks": list(_VNET_BLOCKS),
        }
    return {
        "kind": "unet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": len(FINDER_CLASSES),
        "features": list(_FINDER_FEATURES),
        "norm": ["batch", {"affine": True, "momentum": 0.02}],
        "act": ["LeakyReLU", {"negative_slope": 0.1, "inplace": True}],
        "upsample": "nontrainable",
    }


def build(arguments: dict[str, Any]) -> nn.Module:
    """An untrained network from ``architecture``."""
    known = {key: value for key, value in arguments.items() if key != "kind"}
    if arguments["kind"] == "vnet":
        return VNet(known["in_channels"], known["classes"], tuple(known["features"]), tuple(known["blocks"]))
    from monai.networks.nets import BasicUNet

    return BasicUNet(**known)
