"""The table of one femur."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement

from ..calibration import Calibration


def measure(
    density: NDArray[Any] | None,
    mask: NDArray[Any],
    regions: Mapping[str, NDArray[Any]],
    image: Image,
    calibration: Calibration | None,
    probability: NDArray[Any] | None = None,
    *,
    side: str = "left",
    scale: float | None = None,
    level: float = 0.95,
    threshold: float = 350.0,
    erosion_mm: float = 3.0,
) -> list[Measurement]:
    """Volume, vBMD (integral, trabecular, cortical), BMC, HU of the femur and of each region."""
    raise NotImplementedError
