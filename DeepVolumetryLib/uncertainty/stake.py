"""Stake: the volume that is expected to be wrong about one mask, and the few voxels that it comes from.

Most voxels of a study are settled. Those that are not are listed once; after an edit or a review only the list is
looked at, which takes milliseconds on any image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .maps import check_probability

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SETTLED = 0.01
"""A voxel is settled if the model gives its label a probability above 1 - SETTLED: a faint glow over a whole body is not at stake."""

KEPT = 0.25
"""Share of its stake that a voxel keeps once somebody has looked at it or has drawn it anew: people err too, see docs/uncertainty.md."""


@dataclass(frozen=True)
class Stake:
    """What is expected to be wrong about one mask, in mL.

    Attributes:
        surplus_ml: expected volume inside the mask that does not belong there, sum of 1 - p.
        missing_ml: expected volume outside the mask that does belong there, sum of p.
        spread_ml: standard deviation of the members' volumes.
    """

    surplus_ml: float
    missing_ml: float
    spread_ml: float = 0.0

    def __add__(self, other: Stake) -> Stake:
        """Stake of two masks together, as if their errors went the same way (the cautious reading)."""
        return Stake(self.surplus_ml + other.surplus_ml, self.missing_ml + other.missing_ml, self.spread_ml + other.spread_ml)

    @property
    def below_ml(self) -> float:
        """Unscaled reach of the interval below the volume."""
        return math.hypot(self.surplus_ml, self.spread_ml)

    @property
    def above_ml(self) -> float:
        """Unscaled reach of the interval above the volume."""
        return math.hypot(self.missing_ml, self.spread_ml)


@dataclass(frozen=True)
class OpenVoxels:
    """The voxels of one mask that are not settled.

    Attributes:
        index: positions in the flattened (K, J, I) array, ascending.
        probability: calibrated foreground probability there, float32.
        inside: whether the mask of the model holds them.
    """

    index: NDArray[np.int64]
    probability: NDArray[np.float32]
    inside: NDArray[np.bool_]

    @classmethod
    def find(cls, probability: NDArray[Any], mask: NDArray[np.bool_]) -> OpenVoxels:
        """List the open voxels of a mask under a calibrated probability, both (K, J, I).

        Raises:
            ValueError: if shapes differ, or a probability is outside [0, 1] or not finite.
        """
        if probability.shape != mask.shape:
            raise ValueError(f"probability {probability.shape} and mask {mask.shape} differ in shape")
        found, values, inside = [], [], []
        slab_size = int(np.prod(probability.shape[1:]))
        for k, (slab, slab_mask) in enumerate(zip(probability, mask, strict=True)):  # slab by slab stays in the cache
            check_probability(slab)
            at = np.flatnonzero(np.where(slab_mask, slab <= 1 - SETTLED, slab >= SETTLED))
            if at.size:
                found.append(at + k * slab_size)
                values.append(slab.ravel()[at].astype(np.float32))
                inside.append(slab_mask.ravel()[at])
        if not found:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, bool))
        return cls(np.concatenate(found), np.concatenate(values), np.concatenate(inside))

    def select(self, where: NDArray[np.bool_]) -> OpenVoxels:
        """Those of the listed voxels for which ``where`` (one flag per voxel) is true."""
        return OpenVoxels(self.index[where], self.probability[where], self.inside[where])

    def stake(
        self,
        voxel_ml: float,
        member_volumes_ml: ArrayLike = (),
        mask: NDArray[np.bool_] | None = None,
        certain: NDArray[np.bool_] | None = None,
        kept: float = KEPT,
    ) -> Stake:
        """What is still at stake.

        Args:
            voxel_ml: volume of one voxel in mL.
            member_volumes_ml: what each member measured; fewer than two give no spread.
            mask: the mask as it is now, (K, J, I); a voxel that was edited keeps a share of its stake. Unchanged if None.
            certain: voxels that were reviewed, (K, J, I): they keep the same share.
            kept: that share, 0-1.
        """
        gain = np.where(self.inside, 1 - self.probability, self.probability)
        now, seen = self.inside, np.zeros(self.index.shape, bool)
        left = gain.copy()
        if mask is not None:
            now = np.take(mask, self.index).astype(bool, copy=False)
            seen |= now != self.inside
        if certain is not None:
            seen |= np.take(certain, self.index)
        # Where a person disagreed with the model, the doubt is no more than a coin's.
        left[seen] = kept * np.minimum(self.probability[seen], 1 - self.probability[seen])
        surplus = float(left[now].sum(dtype=np.float64)) * voxel_ml
        missing = float(left[~now].sum(dtype=np.float64)) * voxel_ml
        volumes = np.asarray(member_volumes_ml, np.float64)
        spread = float(volumes.std()) if volumes.size > 1 else 0.0
        before = float(gain.sum(dtype=np.float64)) * voxel_ml
        # Members differ where the question is open: what has been reviewed spreads less.
        remaining = min(1.0, (surplus + missing) / before) if before > 0 else 1.0
        return Stake(surplus, missing, spread * remaining)
