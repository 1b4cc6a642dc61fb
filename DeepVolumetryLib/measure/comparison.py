"""One thing of a reference segmentation that a result can be compared with; ``<Module>Lib.evaluation`` says which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """One thing to compare.

    Attributes:
        name: "kidney", "left_tumor", "WT", ...
        target: probability and uncertainty map that it belongs to.
        values: labels of the reference that make it up.
        segments: segment keys of a result that make it up.
        stated: which measured volumes state its volume: the first of these lists of segments of which any was measured counts, and
            the intervals of several are added. Empty if the result states the volume of nothing like it.
        scored: True if it covers all of its target's map, so that the uncertainty score can be computed.
        counts: True if what is wrong with it counts as an error of the case; parts of what counts already do not.
        estimated: True if its volume is what the result states: voxels of a single picture hold none.
    """

    name: str
    target: str
    values: tuple[int, ...]
    segments: tuple[str, ...]
    stated: tuple[tuple[str, ...], ...] = ()
    scored: bool = True
    counts: bool = True
    estimated: bool = False

    def reference(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Its mask in the reference."""
        return np.isin(labels, self.values)

    def found(self, segments: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Its mask in a result; what a result does not have is empty."""
        mask = np.zeros(shape, bool)
        for key in self.segments:
            if key in segments:
                mask |= segments[key]
        return mask
