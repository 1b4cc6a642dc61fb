"""Running statistics over members, so that memory does not grow with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .maps import binary_entropy, check_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 1 << 15  # elements that stay in the cache of one core through all steps


class MemberAccumulator:
    """Mean, variance, entropy and mutual information of the members' probabilities, and each member's volumes.

    Members are added one by one (Welford 1962; West 1979 for weights) and may be forgotten at once. Three float32 arrays are held
    whatever the number of members, a fourth once a member has weights; the order of the members changes nothing beyond 1e-6.

    Args:
        shape: of one member's probability, (K, J, I) or (C, K, J, I) with one channel per target; or, where only some voxels are
            of interest, a list of them: (N,) or (C, N). Each channel is its own yes-or-no question ("is this voxel tumor?"), so
            channels need not sum to 1.
        voxel_ml: volume of one voxel in mL.

    Example:
        >>> members = MemberAccumulator((2, 2, 2), voxel_ml=0.001)
        >>> members.add(np.full((2, 2, 2), 0.9)); members.add(np.full((2, 2, 2), 0.5))
        >>> round(float(members.mean[0, 0, 0]), 3), members.count
        (0.7, 2)
    """

    def __init__(self, shape: tuple[int, ...], voxel_ml: float) -> None:
        if len(shape) not in (1, 2, 3, 4):
            raise ValueError(f"a member has 1 to 4 axes, not {len(shape)}")
        self.voxel_ml = voxel_ml
        self.count = 0
        self._mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)
        self._entropy = np.zeros(shape, np.float32)
        self._weight: NDArray[np.float32] | None = None
        self._volumes: list[NDArray[np.float64]] = []

    def add(self, probability: NDArray[Any], mask: NDArray[np.bool_] | None = None, weight: NDArray[Any] | None = None) -> None:
        """Take in one member.

        Args:
            probability: in [0, 1], of the shape given at the start.
            mask: what this member would segment, same shape; probability > 0.5 if None. Give it where classes compete.
            weight: how much this member counts at each voxel, not negative, a shape that broadcasts; 1 if None. A member that has
                not seen everything gives 0 where it has not; its volume is that of what it has seen.

        Raises:
            ValueError: if the shape differs or a probability is outside [0, 1] or not finite.
        """
        shape = self._mean.shape
        if probability.shape != shape:
            raise ValueError(f"member of shape {probability.shape} does not fit {shape}")
        if weight is not None and self._weight is None:
            self._weight = np.full(shape, self.count, np.float32)
        total = None if self._weight is None else self._weight.reshape(-1)
        share = None if weight is None else np.ascontiguousarray(np.broadcast_to(weight, shape), np.float32).reshape(-1)
        values = np.ascontiguousarray(probability, np.float32).reshape(-1)
        mean, squares, entropy = (array.reshape(-1) for array in (self._mean, self._squares, self._entropy))
        for start in range(0, values.size, _BLOCK):  # all checks first: a member is taken whole or not at all
            check_probability(values[start : start + _BLOCK])
        self.count += 1
        for start in range(0, values.size, _BLOCK):
            here = slice(start, start + _BLOCK)
            member, doubt = values[here], binary_entropy(values[here])
            step = member - mean[here]
            rest = step.copy()
            if total is None:
                step /= np.float32(self.count)
            else:
                own = np.float32(1) if share is None else share[here]
                total[here] += own
                step *= own / np.maximum(total[here], np.float32(1e-12))
                rest *= own
                doubt *= own
            mean[here] += step
            rest *= member - mean[here]
            squares[here] += rest
            entropy[here] += doubt
        counted = (probability > 0.5) if mask is None else mask
        if weight is not None:
            counted = counted & (np.asarray(weight) > 0)
        axes = (-3, -2, -1) if len(shape) > 2 else (-1,)
        self._volumes.append(np.count_nonzero(counted, axis=axes) * np.float64(self.voxel_ml))

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean probability; 0 where no member has any weight."""
        self._require_members()
        return np.clip(self._mean, 0, 1)

    @property
    def variance(self) -> NDArray[np.float32]:
        """Population variance over the members, 0 for a single one; at most 0.25."""
        self._require_members()
        return np.clip(self._squares / self._total(), 0, 0.25)

    @property
    def entropy(self) -> NDArray[np.float32]:
        """Predictive entropy in bits: the entropy of the mean. Total uncertainty."""
        return binary_entropy(self.mean)

    @property
    def mutual_information(self) -> NDArray[np.float32]:
        """Entropy of the mean less the mean entropy, in bits: the part of the uncertainty that members disagree about."""
        return np.clip(self.entropy - self._entropy / self._total(), 0, 1)

    @property
    def member_volumes_ml(self) -> NDArray[np.float64]:
        """Volume that each member would measure in mL, shape (members,) or (members, C), in the order of adding."""
        self._require_members()
        return np.array(self._volumes, dtype=np.float64)

    def _total(self) -> NDArray[np.float32] | np.float32:
        return np.float32(self.count) if self._weight is None else np.maximum(self._weight, np.float32(1e-12))

    def _require_members(self) -> None:
        if self.count == 0:
            raise ValueError("no member was added yet")
