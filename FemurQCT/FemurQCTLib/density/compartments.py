"""Cortical and trabecular bone: by threshold and erosion, both of which every table states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import Box, bounding_box

CORTICAL_THRESHOLD = 350.0
"""mg/cm3 from which bone counts as cortical: the default of clinical QCT (Amstrup et al. 2015, who show how much depends on it)."""

EROSION_MM = 3.0
"""Trabecular bone is measured deeper than this below the surface, so that the blur of the cortex stays out; our choice."""

CORTEX_REACH_MM = 10.0
"""No cortex is deeper than this: dense trabecular bone in the middle of the head is none; our choice."""


@dataclass(frozen=True)
class Compartments:
    """Parts of a femur, bool (K, J, I). Voxels of the rim that are neither count for integral values only."""

    cortical: NDArray[np.bool_]
    trabecular: NDArray[np.bool_]


def compartments(
    density: NDArray[Any], mask: NDArray[Any], image: Image, threshold: float = CORTICAL_THRESHOLD, erosion_mm: float = EROSION_MM
) -> Compartments:
    """Cortical and trabecular bone of a femur.

    Args:
        density: mg/cm3, (K, J, I).
        mask: of the femur, same shape.
        image: geometry.
        threshold: mg/cm3.
        erosion_mm: how far trabecular bone stays away from the surface of the mask.
    """
    cortical, trabecular = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
    box = bounding_box(mask, margin=1)
    if box is None:
        return Compartments(cortical, trabecular)
    depth = depth_mm(mask, image, box)
    dense = density[box] >= threshold
    cortical[box] = dense & (depth > 0) & (depth <= CORTEX_REACH_MM)
    trabecular[box] = ~dense & (depth > erosion_mm)
    return Compartments(cortical, trabecular)


def depth_mm(mask: NDArray[Any], image: Image, box: Box) -> NDArray[np.float32]:
    """Distance of the voxels of a box from the surface of the mask, 0 outside.

    The surface lies half a voxel beyond the last one. Where the scan ends there is no surface; shear of the grid is not looked at.
    """
    spacing = image.spacing[::-1]
    distance = ndimage.distance_transform_edt(mask[box], sampling=spacing).astype(np.float32)
    return np.maximum(distance - np.float32(0.5 * min(spacing)), 0, out=distance)
