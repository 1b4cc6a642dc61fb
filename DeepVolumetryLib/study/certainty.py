"""The certain part of a result: how large it is at a threshold, and its picture in the scene. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..measure.volumes import bounding_box
from ..mrml.certain_part import CertainPart
from ..mrml.nodes import input_of
from ..mrml.volumes import local_matrix
from ..uncertainty.filtered import LevelCounts, UncertainVoxels
from ..uncertainty.rank import reviewed_mask
from .corrections import belongs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..result import Result


class Certainty:
    """Looks at the masks of a result through its uncertainty maps.

    Args:
        result: its masks may be edited; `forgetMasks` says that they were.
        node: the segmentation node of the result.
    """

    def __init__(self, result: Result, node: Any) -> None:
        self._result, self._node, self._part = result, node, CertainPart(node)
        self._voxels: dict[str, UncertainVoxels] = {}
        self._counts: dict[str, LevelCounts] = {}

    def isOf(self, result: Result | None) -> bool:
        return self._result is result

    def forgetMasks(self) -> None:
        """Count again: a mask was edited, or a place was reviewed."""
        self._counts = {}

    def rangeMl(self, target: str, threshold: float) -> tuple[float, float]:
        """Volume in mL without the voxels that are more uncertain (0-100), and with all such voxels inside and outside."""
        if target not in self._counts:
            self._counts[target] = self._uncertain(target).counts(self._mask(target), self._reviewed(target))
        low, high = self._counts[target].range_voxels(threshold)
        return low * self._result.image.voxel_ml, high * self._result.image.voxel_ml

    def showPart(self, target: str, threshold: float) -> None:
        """Draw the part of a target that is no more uncertain than the threshold in place of the segmentation."""
        mask, source = self._mask(target), input_of(self._node)
        box = bounding_box(mask)
        if source is None or box is None:
            self._part.hide()
            return
        uncertain = self._result.uncertainty[target][box] > threshold
        reviewed = self._reviewed(target)
        if reviewed is not None:
            uncertain &= ~reviewed[box]
        shift = np.eye(4)
        shift[:3, 3] = [axis.start for axis in box[::-1]]
        color = next((spec.color for spec in self._result.specs if belongs(spec.key, target)), (255, 255, 0))
        self._part.show(mask[box] & ~uncertain, local_matrix(source) @ shift, color)

    def showAll(self) -> None:
        """Draw the segmentation as it is."""
        self._part.hide()

    def _uncertain(self, target: str) -> UncertainVoxels:
        if target not in self._voxels:
            self._voxels[target] = UncertainVoxels.find(self._result.uncertainty[target])
        return self._voxels[target]

    def _mask(self, target: str) -> NDArray[np.bool_]:
        """The structure as it is now; both sides of what has two."""
        masks = [mask for key, mask in self._result.segments.items() if belongs(key, target)]
        return np.any(masks, axis=0) if len(masks) > 1 else masks[0] if masks else np.zeros(self._result.image.shape, bool)

    def _reviewed(self, target: str) -> NDArray[np.bool_] | None:
        regions = [region for region in self._result.regions if region.target == target]
        return reviewed_mask(self._result.image, regions) if any(region.reviewed for region in regions) else None
