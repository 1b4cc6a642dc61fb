"""The projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement

from ..calibration import Calibration
from ..regions.frame import Frame


@dataclass(frozen=True)
class Areal:
    """A projected femur."""

    picture: NDArray[np.float32]
    pixel_mm: float
    measurements: list[Measurement]
    warnings: tuple[str, ...] = ()


def areal(
    density: NDArray[Any], mask: NDArray[Any], regions: Mapping[str, NDArray[Any]], image: Image, calibration: Calibration, frame: Frame
) -> Areal:
    """aBMD, projected area, and the T-score where it is allowed."""
    raise NotImplementedError
