"""Step 1: where the kidneys are, on the whole image at 5 mm."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.engine.tiles import TilePredictor
from DeepVolumetryLib.image import Image

from .grids import Sampled, box_grid, corners_ras, sample
from .intensity import normalized
from .labels import KIDNEY, LIVER, SPINE, SPLEEN
from .laterality import Candidate
from .networks import LOCALIZER_MM, STRIDE

if TYPE_CHECKING:
    from torch.nn import Module

_LEAST_ML = 8.0
_THRESHOLD = 0.5
_CORE, _BEYOND_CORE_MM = 0.9, 6.0
_TILE = (64, 48, 80)  # as in training: the network normalizes by what it sees
_OVERLAP = 0.5


@dataclass(frozen=True)
class Located:
    """What step 1 found, on the 5 mm grid.

    Attributes:
        grid: image on the grid.
        kidney: probability of kidney, lesions included, float32 (K, J, I).
        neighbor: probability of liver or spleen, which touch kidneys and may look like them.
        components: number of the candidate that each voxel belongs to, 0 for none.
        candidates: the largest first, weighted by confidence; ``candidates[n]`` has number n + 1.
        spine_r_mm: R coordinate of the spine (or of the body where no spine is seen) at each slice of the grid.
        warnings: what had to be done for want of memory.
    """

    grid: Image
    kidney: NDArray[np.float32]
    neighbor: NDArray[np.float32]
    components: NDArray[np.int32]
    candidates: list[Candidate]
    spine_r_mm: NDArray[np.float64]
    warnings: list[str] = field(default_factory=list)

    def midline_at(self, s_mm: float) -> float:
        """R coordinate of the spine at a height S, both in mm."""
        k = (s_mm - self.grid.ijk_to_ras[2, 3]) / self.grid.ijk_to_ras[2, 2]
        return float(np.interp(k, np.arange(len(self.spine_r_mm)), self.spine_r_mm))


@dataclass(frozen=True)
class Localizer:
    """Finds candidates for kidneys.

    Attributes:
        network: trained, in evaluation mode, on the device.
        device: where it runs.
    """

    network: Module
    device: Device

    def find(self, image: Image) -> Located:
        """Kidneys of a scan; the scan may show any part of the body, from any direction."""
        outline = corners_ras(image)
        whole = sample(image, box_grid(outline.min(0), outline.max(0), LOCALIZER_MM))
        seen = _body(whole, image.modality)
        volume = torch.from_numpy(normalized(seen.image.voxels, image.modality, seen.covered))
        predictor = TilePredictor(self.network, self.device, _TILE, _OVERLAP, multiple=STRIDE, activation=partial(torch.softmax, dim=1))
        probability = predictor(volume[None]).numpy()
        kidney = probability[KIDNEY]
        components, candidates = _candidates(kidney, seen)
        neighbor, middle = probability[LIVER] + probability[SPLEEN], _midline(probability[SPINE], seen)
        return Located(seen.image, kidney, neighbor, components, candidates, middle, predictor.warnings)


def _body(whole: Sampled, modality: str) -> Sampled:
    """Cut the air around the body away: it costs time and tells nothing."""
    voxels = whole.image.voxels
    threshold = -500.0 if modality == "CT" else float(np.percentile(voxels[whole.covered], 99)) * 0.05
    inside = (voxels > threshold) & whole.covered
    inside = ndimage.binary_opening(inside, iterations=1)
    if not inside.any():
        return whole
    low, high = [], []
    for axis in range(3):
        at = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(max(0, at[0] - 1))
        high.append(min(inside.shape[axis], at[-1] + 2))
    box = tuple(map(slice, low, high))
    return Sampled(whole.image.cropped(low, high), whole.covered[box])


def _candidates(kidney: NDArray[np.float32], seen: Sampled) -> tuple[NDArray[np.int32], list[Candidate]]:
    labels = _pieces(kidney, seen.image)
    components = np.zeros(kidney.shape, np.int32)
    grid = seen.image
    found = []
    # One voxel inside the rim of what was scanned: an organ that reaches it is cut off.
    interior = ndimage.binary_erosion(seen.covered, border_value=0)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        mask = labels[box] == number
        volume = float(mask.sum() * grid.voxel_ml)
        if volume < _LEAST_ML:
            continue
        weight = np.where(mask, kidney[box], 0)
        center = np.array(ndimage.center_of_mass(weight)) + [axis.start for axis in box]
        ras = grid.ijk_to_ras @ (*center[::-1], 1.0)
        low, high = np.array([axis.start for axis in box]), np.array([axis.stop for axis in box])
        outline = corners_ras(grid, low, high)
        cut = float((mask & ~interior[box]).sum() / mask.sum())
        found.append((number, Candidate(volume, float(weight.sum() / mask.sum()), ras[:3], outline.min(0), outline.max(0), cut)))
    found.sort(key=lambda entry: -entry[1].volume_ml * entry[1].confidence)
    for new, (old, _) in enumerate(found, 1):
        components[labels == old] = new
    return components, [candidate for _, candidate in found]


def _pieces(kidney: NDArray[np.float32], grid: Image) -> NDArray[np.int32]:
    """Numbers of connected places that may be kidney.

    A spleen that touches a kidney is often half believed to be kidney. So a place that has a core of certainty ends a voxel
    beyond it, and a place with several cores is divided among them.
    """
    plausible, _ = ndimage.label(kidney > _THRESHOLD)
    cores, core_count = ndimage.label(kidney > _CORE)
    large = np.bincount(cores.ravel(), minlength=core_count + 1) * grid.voxel_ml >= _LEAST_ML
    large[0] = False
    cores = np.where(large[cores], cores, 0)
    if not cores.any():
        return plausible
    distance, nearest = ndimage.distance_transform_edt(cores == 0, return_indices=True)
    with_core = np.isin(plausible, np.unique(plausible[cores > 0]))
    close = distance * grid.spacing[0] <= _BEYOND_CORE_MM
    faint = np.where((plausible > 0) & ~with_core, plausible + core_count, 0)
    return np.where(with_core & close, cores[tuple(nearest)], faint).astype(np.int32)


def _midline(spine: NDArray[np.float32], seen: Sampled) -> NDArray[np.float64]:
    """R of the spine for each slice k; slices without spine take their neighbors', the body's middle where there is none."""
    grid = seen.image
    r = grid.ijk_to_ras[0, 0] * np.arange(grid.size[0]) + grid.ijk_to_ras[0, 3]
    weight = np.where(spine > 0.5, spine, 0).sum(axis=1)
    total = weight.sum(axis=1)
    known = total > 3
    if not known.any():
        columns = seen.covered.any(axis=(0, 1))
        return np.full(grid.shape[0], float(r[columns].mean()))
    middle = (weight @ r)[known] / total[known]
    return np.interp(np.arange(grid.shape[0]), np.flatnonzero(known), middle)
