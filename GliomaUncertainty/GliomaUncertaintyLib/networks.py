"""The network: a 2D U-Net (Ronneberger 2015) on a slice and its neighbors 2 mm away, as MONAI builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .labels import SEQUENCES, TARGETS

if TYPE_CHECKING:
    from torch.nn import Module

PIXEL_MM = 1.5
"""Pixels that the network sees."""
NEIGHBOR_MM = 2.0
"""Distance of the two slices that are seen along."""
NEIGHBORS = (-1, 0, 1)
STRIDE = 16  # sides of what goes in must be multiples: four times halved

_FEATURES = (24, 32, 64, 96, 128, 24)
_DROPOUT = 0.1


def architecture(name: str = "unet") -> dict[str, Any]:
    """Arguments of MONAI's BasicUNet for "unet" and its snapshots; written into the bundle, so that it can be rebuilt.

    Input channels: [slice below, slice, slice above] x [t1, t1ce, t2, flair]. Outputs: see ``nested``.
    """
    if not name.startswith("unet"):
        raise ValueError(f"there is no network “{name}”")
    return {
        "spatial_dims": 2,
        "in_channels": len(NEIGHBORS) * len(SEQUENCES),
        "out_channels": len(TARGETS),
        "features": _FEATURES,
        "norm": ("batch", {"affine": True, "momentum": 0.02}),
        "act": ("LeakyReLU", {"negative_slope": 0.1, "inplace": True}),
        "dropout": _DROPOUT,
        "upsample": "nontrainable",
    }


def build(arguments: dict[str, Any]) -> Module:
    """An untrained network from ``architecture``."""
    from monai.networks.nets import BasicUNet

    return BasicUNet(**arguments)


def nested(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of WT, TC and ET from the network's three outputs (N, 3, …): each target can only lie in the one before.

    p(WT) = σ(a), p(TC) = p(WT)·σ(b), p(ET) = p(TC)·σ(c), so ET ⊆ TC ⊆ WT at any threshold.
    """
    return torch.cumprod(torch.sigmoid(logits), dim=1)


def fused(network: Module) -> Module:
    """The same network made ready for inference, in place: batch normalization folded into the convolutions before it.

    MONAI pads skipped features of odd size on the way up; sides are multiples of 16 here, so none is odd, and leaving that out keeps
    the channels last in memory. The result differs by rounding only; it takes about a third less time.
    """
    from torch.nn import BatchNorm2d, Conv2d, Identity
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network.eval()
    for layer in network.modules():
        convolution, normalization = getattr(layer, "conv", None), getattr(getattr(layer, "adn", None), "N", None)
        if isinstance(convolution, Conv2d) and isinstance(normalization, BatchNorm2d):
            layer.conv = fuse_conv_bn_eval(convolution, normalization)
            layer.adn.N = Identity()
        if hasattr(layer, "is_pad"):
            layer.is_pad = False
    return network
