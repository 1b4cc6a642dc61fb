"""Islands of tumor that are small and doubtful stay out of the masks; they stay in the maps and lead the list to review.

A second lesion is often as clear as the first. What a network merely suspects elsewhere in the brain is mostly wrong, and moves the
contour's farthest point by centimeters; see docs/results-glioma.md for what the rule does to Dice and HD95.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.measure.volumes import bounding_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = 0.1
"""An island is small with less than this share of the volume of the largest one."""
SURE = 0.9
"""An island is clear if the mean probability in it is at least this."""


def without_unsure_islands(
    probability: Mapping[str, NDArray[Any]], small: float = SMALL, sure: float = SURE
) -> dict[str, NDArray[np.bool_]]:
    """Masks of the nested targets: probability > 0.5, without the whole tumor's small unsure islands and what lies in them.

    Args:
        probability: "WT" and the targets within, calibrated, each (K, J, I).
        small: share of the largest island's volume; nothing that is larger is left out.
        sure: mean probability from which a small island stays.
    """
    masks = {target: values > 0.5 for target, values in probability.items()}
    box = bounding_box(masks["WT"])
    if box is None:
        return masks
    islands, count = ndimage.label(masks["WT"][box], np.ones((3, 3, 3), bool))
    if count < 2:
        return masks
    size = np.bincount(islands.ravel(), minlength=count + 1)[1:]
    mean = np.bincount(islands.ravel(), probability["WT"][box].ravel(), minlength=count + 1)[1:] / size
    dropped = np.concatenate([[False], (size < small * size.max()) & (mean < sure)])
    if dropped.any():
        gone = dropped[islands]
        for mask in masks.values():
            mask[box] &= ~gone
    return masks
