"""From a calibrated scan to a model."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from ..calibration import Calibration
from ..regions.frame import Frame
from .model import Model

FALL, STANCE = "fall", "stance"


def build(
    density: NDArray[Any],
    mask: NDArray[Any],
    image: Image,
    calibration: Calibration,
    frame: Frame,
    edge_mm: float = 3.0,
    load: str = FALL,
) -> Model:
    """Voxel model of one femur."""
    raise NotImplementedError
