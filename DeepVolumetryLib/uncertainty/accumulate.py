"""Running statistics over members, so that memory does not grow with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .maps import binary_entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MemberAccumulator:
    """Mean, variance, entropy and mutual information of the members' probabilities, and each member's volumes.

    Members are added one by one (Welford 1962) and may be forgotten at once. Three float32 arrays are held whatever
    the number of members; their order changes nothing beyond 1e-6.

    Args:
        shape: of one member's probability, (K, J, I) or (C, K, J, I) with one channel per target. Each channel is its
            own yes-or-no question ("is this voxel tumor?"), so channels need not sum to 1.
        voxel_ml: volume of one voxel in mL.

    Example:
        >>> members = MemberAccumulator((2, 2, 2), voxel_ml=0.001)
        >>> members.add(np.full((2, 2, 2), 0.9)); members.add(np.full((2, 2, 2), 0.5))
        >>> round(float(members.mean[0, 0, 0]), 3), members.count
        (0.7, 2)
    """

    def __init__(self, shape: tuple[int, ...], voxel_ml: float) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(f"a member has 3 or 4 axes, not {len(shape)}")
        self.voxel_ml = voxel_ml
        self.count = 0
        self._mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)
        self._entropy = np.zeros(shape, np.float32)
        self._volumes: list[NDArray[np.float64]] = []

    def add(self, probability: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> None:
        """Take in one member.

        Args:
            probability: in [0, 1], of the shape given at the start.
            mask: what this member would segment, same shape; probability > 0.5 if None. Give it where classes compete.

        Raises:
            ValueError: if the shape differs or a probability is outside [0, 1] or not finite.
        """
        if probability.shape != self._mean.shape:
            raise ValueError(f"member of shape {probability.shape} does not fit {self._mean.shape}")
        entropy = binary_entropy(probability)
        member = np.asarray(probability, np.float32)
        self.count += 1
        self._entropy += entropy
        difference = member - self._mean
        self._mean += difference / np.float32(self.count)
        difference *= member - self._mean
        self._squares += difference
        counted = (member > 0.5) if mask is None else mask
        self._volumes.append(np.count_nonzero(counted, axis=(-3, -2, -1)) * np.float64(self.voxel_ml))

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean probability."""
        self._require_members()
        return np.clip(self._mean, 0, 1)

    @property
    def variance(self) -> NDArray[np.float32]:
        """Population variance over the members, 0 for a single one; at most 0.25."""
        self._require_members()
        return np.clip(self._squares / np.float32(self.count), 0, 0.25)

    @property
    def entropy(self) -> NDArray[np.float32]:
        """Predictive entropy in bits: the entropy of the mean. Total uncertainty."""
        return binary_entropy(self.mean)

    @property
    def mutual_information(self) -> NDArray[np.float32]:
        """Entropy of the mean less the mean entropy, in bits: the part of the uncertainty that members disagree about."""
        return np.clip(self.entropy - self._entropy / np.float32(self.count), 0, 1)

    @property
    def member_volumes_ml(self) -> NDArray[np.float64]:
        """Volume that each member would measure in mL, shape (members,) or (members, C), in the order of adding."""
        self._require_members()
        return np.array(self._volumes, dtype=np.float64)

    def _require_members(self) -> None:
        if self.count == 0:
            raise ValueError("no member was added yet")
