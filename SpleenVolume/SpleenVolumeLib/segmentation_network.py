"""The network that outlines the spleen: a 2D U-Net with four levels (Ronneberger 2015; DeepSPV has four as well), as MONAI builds it.

It sees pixels of a fixed size in millimeters, so that an organ's size keeps its meaning, and beside the picture where the fan is. Blocks of
2 × 2 pixels go in and come out as channels: the layers work at 3 mm, what a beam resolves at depth, and take a quarter of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

PIXEL_MM = 1.5
"""Pixels that the network sees."""
STRIDE = 32  # sides of what goes in must be multiples: five times halved
CHANNELS = ("picture, normalized inside the fan", "fan")
OUTSIDE = -3.0
"""Value of the picture outside of the fan; the darkest that it has inside."""

_BLOCK = 2
_FEATURES = (16, 32, 64, 128, 192, 16)


def architecture() -> dict[str, Any]:
    """Arguments of MONAI's BasicUNet between the blocks; written into the bundle, so that it can be rebuilt."""
    return {
        "spatial_dims": 2,
        "in_channels": len(CHANNELS) * _BLOCK**2,
        "out_channels": _BLOCK**2,
        "features": _FEATURES,
        "norm": ("batch", {"affine": True, "momentum": 0.02}),
        "act": ("LeakyReLU", {"negative_slope": 0.1, "inplace": True}),
        "dropout": 0.1,
        "upsample": "nontrainable",
    }


def build(arguments: dict[str, Any] | None = None) -> Module:
    """An untrained network from ``architecture``: (N, 2, J, I) to logits (N, 1, J, I)."""
    from monai.networks.nets import BasicUNet
    from torch.nn import PixelShuffle, PixelUnshuffle, Sequential

    return Sequential(PixelUnshuffle(_BLOCK), BasicUNet(**(arguments or architecture())), PixelShuffle(_BLOCK))
