"""What assembled kidneys tell: uncertainty maps, places to review and the table. Only where kidneys lie is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions
from DeepVolumetryLib.uncertainty.regions import ReviewRegion
from DeepVolumetryLib.zeros import lazy_zeros

from .assemble import Assembled
from .measurements import KidneyMeasurements, measure_kidneys
from .parameters import Parameters
from .segments import TARGETS

REVIEWED = ("parenchyma", "tumor", "cyst")
REACH_MM = 17.5
"""Places are up to about 35 mm wide, as for gliomas; see docs/results-review.md."""

Maps = Mapping[str, NDArray[np.float32]]


def uncertainty_maps(assembled: Assembled, image: Image) -> dict[str, NDArray[np.float32]]:
    """Target -> uncertainty on the 0-100 scale, (K, J, I)."""
    maps = {target: lazy_zeros(image.shape, np.float32) for target in TARGETS}
    for part in assembled.parts:
        for target in TARGETS:
            maps[target][part] = entropy_map(assembled.probability[target][part])
    return maps


def places_to_review(assembled: Assembled, uncertainty: Maps, image: Image) -> list[ReviewRegion]:
    """Uncertain places of all tissues in one ranked list; their boxes are on the grid of the scan."""
    regions = []
    for low, high in assembled.places():
        inside, part = tuple(map(slice, low, high)), image.cropped(low, high)
        for target in REVIEWED:
            found = review_regions(assembled.probability[target][inside], uncertainty[target][inside], part, target, reach_mm=REACH_MM)
            for region in found:
                (k0, j0, i0), (k1, j1, i1) = (np.add(corner, low).tolist() for corner in region.box_kji)
                regions.append(replace(region, box_kji=((k0, j0, i0), (k1, j1, i1))))
    return rank_regions(regions, count_once=True)


def measure(
    assembled: Assembled, image: Image, parameters: Parameters, member_volumes_ml: Mapping[str, Sequence[float]], conformal: ConformalTable
) -> KidneyMeasurements:
    """The table of ``measure_kidneys``."""
    boxes = list(assembled.boxes.values()) or [(np.zeros(3, int), np.ones(3, int))]
    # One voxel more on each side, where there is one: so only what the scan cuts off touches the edge of this part.
    low = np.maximum(np.min([low for low, _ in boxes], axis=0) - 1, 0)
    high = np.minimum(np.max([high for _, high in boxes], axis=0) + 1, image.shape)
    inside = tuple(map(slice, low, high))
    masks = {name: mask[inside] for name, mask in assembled.masks.items()}
    probability = {target: values[inside] for target, values in assembled.probability.items()}
    return measure_kidneys(masks, image.cropped(low, high), parameters, probability, member_volumes_ml, conformal)
