"""Find the rods of a phantom in a scan, and measure them."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .calibration import Rod
from .presets import PhantomPreset


def find_rods(image: Image, preset: PhantomPreset, masks_to_avoid: NDArray | None = None) -> list[Rod]:
    """Rods of the phantom in the order of its densities."""
    raise NotImplementedError


def measure_marked(image: Image, points_ras: Sequence[Sequence[float]], preset: PhantomPreset) -> list[Rod]:
    """Rods around points that the user has set, in the order of the points."""
    raise NotImplementedError
