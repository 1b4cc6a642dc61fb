"""Thickness of the cortex."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image


def thickness_map(density: NDArray[Any], mask: NDArray[Any], image: Image, threshold: float = 350.0) -> NDArray[np.float32]:
    """Thickness in mm at each voxel of the cortex (K, J, I), 0 elsewhere."""
    raise NotImplementedError
