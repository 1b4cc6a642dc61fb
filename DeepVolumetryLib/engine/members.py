"""Test-time members: the same volume seen in several ways, and what the network says each time, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch


class Member(Protocol):
    """One way to look at a volume."""

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """What the network is shown instead of the volume, (C, k, j, i)."""
        ...

    def backward(self, output: torch.Tensor) -> torch.Tensor:
        """The network's output, (classes, k, j, i), back on the grid of the volume."""
        ...


Predict = Callable[[torch.Tensor, Callable[[float], None]], torch.Tensor]


def run_members(
    members: Sequence[Member],
    volume: torch.Tensor,
    predict: Predict,
    add: Callable[[torch.Tensor], None],
    update: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Predict once for each member and hand each prediction on; only one is in memory at a time.

    Args:
        members: at least one.
        volume: (C, K, J, I).
        predict: a `TilePredictor`, or what is called like one.
        add: takes each prediction, (classes, K, J, I), e.g. `MemberAccumulator.add` behind ``.numpy()``.
        update: called with the fraction of all members that is done; may raise `Cancelled`.

    Raises:
        ValueError: if there are no members.
    """
    if not members:
        raise ValueError("at least one member is needed")
    for number, member in enumerate(members):

        def within(fraction: float, before: int = number) -> None:
            update((before + fraction) / len(members))

        add(member.backward(predict(member.forward(volume), within)))
        within(1.0)
