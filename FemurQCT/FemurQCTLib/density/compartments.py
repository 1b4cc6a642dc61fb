"""Cortical and trabecular bone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

CORTICAL_THRESHOLD = 350.0
EROSION_MM = 3.0


@dataclass(frozen=True)
class Compartments:
    """Masks (K, J, I)."""

    cortical: NDArray[np.bool_]
    trabecular: NDArray[np.bool_]


def compartments(
    density: NDArray[Any], mask: NDArray[Any], image: Image, threshold: float = CORTICAL_THRESHOLD, erosion_mm: float = EROSION_MM
) -> Compartments:
    """Cortical and trabecular bone of a femur."""
    raise NotImplementedError
