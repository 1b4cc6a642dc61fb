"""Where to look first in a glioma: what may have been missed, then where its boundaries are doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib.uncertainty.maps import error_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions

from .labels import TARGETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.uncertainty.regions import ReviewRegion

THRESHOLD = 22.0
"""Voxels that are wrong with a probability of 11 % or more make places, whatever map is shown."""
REACH_MM = 17.5
"""Places are up to about 35 mm wide. See docs/uncertainty.md and Testing/Benchmarks/glioma_places.py for how this was chosen."""


def places(probability: Mapping[str, NDArray[Any]], image: Image, masks: Mapping[str, NDArray[Any]]) -> list[ReviewRegion]:
    """Places of all targets worth reviewing, in one order; missed-target candidates come first.

    Args:
        probability: target -> calibrated probability, (K, J, I).
        image: the grid.
        masks: target -> segmentation.
    """
    found = [
        region
        for target in TARGETS
        for region in review_regions(
            probability[target], error_map(probability[target]), image, target, masks[target], THRESHOLD, reach_mm=REACH_MM, islands=True
        )
    ]
    return rank_regions(found, missed_first=True, count_once=True)
