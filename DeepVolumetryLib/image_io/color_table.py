"""The extension's color tables, as Slicer reads them from the same files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .terminology import RESOURCES

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNCERTAINTY = RESOURCES / "ColorTables" / "DeepVolumetryUncertainty.ctbl"
DENSITY = RESOURCES / "ColorTables" / "DeepVolumetryDensity.ctbl"


@cache
def uncertainty_colors() -> NDArray[np.uint8]:
    """Colors of uncertainty from 0 to 100, RGB, shape (256, 3)."""
    return np.loadtxt(UNCERTAINTY, comments="#", usecols=(2, 3, 4), dtype=np.uint8)
