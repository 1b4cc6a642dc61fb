"""Whether a pixel size can be right: an abdominal ultrasound picture shows some 8 to 30 cm of the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_MM, MOST_MM = 60.0, 320.0
"""Depths of the fan outside of which the pixel size is doubted; what abdominal presets allow (ours). Infants are scanned from 6 cm."""


def depth_mm(fan: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> float:
    """Extent of the fan along the rows, 0 without a fan."""
    rows = np.flatnonzero(fan.any(axis=1))
    return float(rows[-1] - rows[0] + 1) * pixel_mm[0] if rows.size else 0.0


def implausible_depth(view: str, fan: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> str:
    """A sentence if the pixel size makes the picture too shallow or too deep, else ""."""
    depth = depth_mm(fan, pixel_mm)
    if not depth or LEAST_MM <= depth <= MOST_MM:
        return ""
    size = f"{pixel_mm[1]:.3g}×{pixel_mm[0]:.3g} mm"
    return (
        f"With pixels of {size} the {view} picture is {depth / 10:.1f} cm deep, which is unusual: check the pixel size. "
        "The volume goes with its third power."
    )
