"""The grid that is worked on: the reference's own, its axes along the patient's, and not much finer than a millimeter.

The network sees 1.5 mm pixels; what a scan has beyond a millimeter would only take memory and time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

_FINEST_MM = 0.75


def working_images(images: Mapping[str, Image]) -> dict[str, Image]:
    """Images of one grid, with I, J, K along R, A, S; axes with steps below 0.75 mm are averaged to about 1 mm."""
    canonical = {name: image.canonical() for name, image in images.items()}
    first = next(iter(canonical.values()))
    steps = np.array([max(1, round(1 / step)) if step < _FINEST_MM else 1 for step in first.spacing])
    if (steps == 1).all():
        return canonical
    size = -(-np.array(first.size) // steps)
    matrix = first.ijk_to_ras @ np.diag((*steps, 1.0))
    matrix[:, 3] = first.ijk_to_ras @ (*((steps - 1) / 2), 1.0)
    grid = Image(np.broadcast_to(np.float32(0), tuple(size[::-1])), matrix)
    return {name: image.resampled(grid, antialias=True) for name, image in canonical.items()}


def brought_back(values: NDArray[np.float32], box: Image, reference: Image) -> NDArray[np.float32]:
    """Values from a box of the working grid to the reference: 0 outside of the box, copied where nothing is finer, else linear.

    Args:
        values: (K, J, I) on ``box``; 0 on its faces, or ending there because the image does.
        box: a part of the working grid.
        reference: the grid that is wanted.
    """
    return np.ascontiguousarray(box.with_voxels(values).resampled(reference, fill=0.0).voxels)
