"""Pictures of a bright ellipse in a fan, and a network that outlines what is bright: the truth is known, nothing is trained."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.image import Image
from SpleenVolumeLib.demo import picture_image
from SpleenVolumeLib.pipeline import SpleenPipeline
from SpleenVolumeLib.segmenter import Segmenter
from SpleenVolumeLib.volume import VolumeModel

PIXEL_MM = (0.5, 0.5)
SHAPE = (400, 480)
AXES_MM = {"coronal": (30.0, 55.0), "transverse": (35.0, 48.0), "sagittal": (50.0, 40.0)}
"""Half axes of the ellipses along rows and columns of the picture."""


def ellipse(view: str, pixel_mm: tuple[float, float] = PIXEL_MM, center_mm: tuple[float, float] = (110.0, 120.0)) -> np.ndarray:
    """Mask of the spleen of a view."""
    rows, columns = (np.arange(count) * step for count, step in zip(SHAPE, pixel_mm, strict=True))
    a, b = AXES_MM[view]
    return ((rows[:, None] - center_mm[0]) / a) ** 2 + ((columns[None] - center_mm[1]) / b) ** 2 < 1


def gray_picture(view: str, pixel_mm: tuple[float, float] = PIXEL_MM) -> np.ndarray:
    """A fan of gray tissue with a bright ellipse in it, uint8 (rows, columns)."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    angle = np.degrees(np.arctan2(columns - SHAPE[1] / 2, rows + 40))
    depth = np.hypot(rows + 40, columns - SHAPE[1] / 2)
    fan = (np.abs(angle) < 36) & (depth > 70) & (depth < 430)
    picture = np.where(fan, 60 + np.random.default_rng(1).integers(-8, 8, SHAPE), 0)
    picture[ellipse(view, pixel_mm) & fan] = 190
    return picture.astype(np.uint8)


def picture(view: str = "coronal", source: str = "the test", pixel_mm: tuple[float, float] = PIXEL_MM) -> Image:
    """Image of a view."""
    return picture_image(gray_picture(view, pixel_mm), pixel_mm, view, source)


def area_mm2(view: str) -> float:
    """Area of the ellipse."""
    return math.pi * math.prod(AXES_MM[view])


class Bright(torch.nn.Module):
    """Outlines what is brighter than the mean of the picture by more than its deviation."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return (seen[:, :1] - 0.9) * 8


def write_bundle(folder: Path) -> Path:
    """A bundle with everything but sensible weights."""
    from safetensors.torch import save_file

    formats = {"inputs": {"image": {"num_channels": 2}}, "outputs": {"pred": {"num_channels": 1, "channel_def": {"0": "spleen"}}}}
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    metadata = {"version": "0.0.1", "license": "Apache-2.0", "network_data_format": formats}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (folder / "LICENSE").write_text("Apache-2.0", encoding="utf-8")
    save_file({"nothing": torch.zeros(1)}, str(folder / "models" / "unet.safetensors"))
    return folder


def pipeline(folder: Path) -> SpleenPipeline:
    """The pipeline with the network that outlines what is bright, and formulas for the volume."""
    device = choose_device("cpu")
    return SpleenPipeline(Bundle.open(write_bundle(folder)), Segmenter(Bright(), device), VolumeModel.simple(), device)
