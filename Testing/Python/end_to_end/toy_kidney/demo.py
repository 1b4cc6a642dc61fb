"""A tiny phantom: a body with two bright ellipsoids."""

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.image import Image
from RenalParenchymaLib.demo import truth_ml

__all__ = ["reference", "study", "truth_ml"]

SPACING = (4.0, 4.0, 5.0)
CENTERS = {"left": (-50.0, 0.0, 5.0), "right": (50.0, 0.0, -5.0)}
RADII = np.array([24.0, 24.0, 45.0])


def _grid():
    return Image.from_spacing(np.zeros((30, 40, 60), np.uint8), SPACING, (-118.0, -78.0, -72.5))


def reference(seed=0):
    grid = _grid()
    k, j, i = np.indices(grid.shape)
    points = np.stack([i, j, k], axis=-1) * SPACING + grid.ijk_to_ras[:3, 3]
    labels = np.zeros(grid.shape, np.uint8)
    for side, value in (("left", 1), ("right", 11)):
        labels[(((points - CENTERS[side]) / RADII) ** 2).sum(-1) < 1] = value
    return grid.with_voxels(labels), {1: "left_parenchyma", 11: "right_parenchyma"}


def study(seed=0):
    labels, _ = reference(seed)
    noise = np.random.default_rng(seed).normal(0, 10, labels.shape)
    # Blurred, so that the contour is uncertain as in a real scan.
    hu = 30 + 140 * ndimage.gaussian_filter((labels.voxels > 0).astype(float), 0.7) + noise
    return {"volume": Image(hu.astype(np.int16), labels.ijk_to_ras, modality="CT")}
