"""How large a structure is if what is uncertain is taken out of it, and how large if it is all taken in.

Voxels that carry any uncertainty are listed once; moving the threshold or editing the mask then looks at this list only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 101


@dataclass(frozen=True)
class UncertainVoxels:
    """The voxels of one map that are not fully certain.

    Attributes:
        index: positions in the flattened (K, J, I) array, ascending.
        level: uncertainty rounded up to whole numbers, 1 to 100: a voxel is above a whole threshold t exactly if its level is.
    """

    index: NDArray[np.int64]
    level: NDArray[np.uint8]

    @classmethod
    def find(cls, uncertainty: NDArray[Any]) -> UncertainVoxels:
        """List the uncertain voxels of a map (K, J, I) on the 0-100 scale.

        Raises:
            ValueError: if a value is outside [0, 100] or not finite.
        """
        found, levels = [], []
        slab_size = int(np.prod(uncertainty.shape[1:]))
        for k, slab in enumerate(uncertainty):  # slab by slab stays in the cache
            at = np.flatnonzero(slab != 0)
            if not at.size:
                continue
            values = slab.ravel()[at]
            if not (values.min() >= 0 and values.max() <= 100):
                raise ValueError(f"uncertainty must lie in [0, 100], not {values.min():g}..{values.max():g}")
            found.append(at + k * slab_size)
            levels.append(np.ceil(values).astype(np.uint8))
        if not found:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.uint8))
        return cls(np.concatenate(found), np.concatenate(levels))

    def counts(self, mask: NDArray[np.bool_], certain: NDArray[np.bool_] | None = None) -> LevelCounts:
        """Count a mask (K, J, I) by uncertainty.

        Args:
            mask: the structure as it is now.
            certain: voxels that were reviewed, (K, J, I); they count as certain whatever the map says.
        """
        inside = np.take(mask, self.index)
        level = self.level if certain is None else np.where(np.take(certain, self.index), np.uint8(0), self.level)
        within = np.bincount(level[inside], minlength=LEVELS)
        within[0] += np.count_nonzero(mask) - np.count_nonzero(inside)
        beyond = np.bincount(level[~inside], minlength=LEVELS)
        return LevelCounts(within, beyond)


@dataclass(frozen=True)
class LevelCounts:
    """Voxels per whole level of uncertainty (101 of them), within a mask and beyond it."""

    within: NDArray[np.int64]
    beyond: NDArray[np.int64]

    def range_voxels(self, threshold: float) -> tuple[int, int]:
        """The mask without its voxels above a threshold (0-100), and with all voxels above it added, in voxels."""
        first = int(np.floor(threshold)) + 1
        return int(self.within[:first].sum()), int(self.within.sum() + self.beyond[first:].sum())
