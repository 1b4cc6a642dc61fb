"""The two networks: 3D U-Nets (Ronneberger 2015; Çiçek 2016), as MONAI builds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .labels import LOCALIZER_CLASSES, REFINER_CLASSES

if TYPE_CHECKING:
    from torch.nn import Module

LOCALIZER_MM = 5.0
REFINER_MM = 1.75
STRIDE = 16  # sides of what goes in must be multiples: four times halved

_FEATURES = (16, 24, 48, 96, 128, 16)


def architecture(name: str) -> dict[str, Any]:
    """Arguments of MONAI's BasicUNet for "localizer" or "refiner"; written into the bundle, so that it can be rebuilt."""
    classes = {"localizer": LOCALIZER_CLASSES, "refiner": REFINER_CLASSES}[name]
    return {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": len(classes),
        "features": _FEATURES,
        "norm": ("batch", {"affine": True, "momentum": 0.02}),
        "act": ("LeakyReLU", {"negative_slope": 0.1, "inplace": True}),
        "upsample": "nontrainable",
    }


def build(arguments: dict[str, Any]) -> Module:
    """An untrained network from ``architecture``."""
    from monai.networks.nets import BasicUNet

    return BasicUNet(**arguments)
