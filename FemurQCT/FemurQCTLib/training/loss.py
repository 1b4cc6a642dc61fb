"""Zhao et al.'s loss: V-Net's Dice, and L2 on the weights, which is the weight decay of the optimizer."""

from __future__ import annotations

import torch
from torch import Tensor

ENTROPY = 0.5
"""Weight of the cross-entropy beside the Dice. The paper has none; ours, since probabilities are shown and make the intervals."""


def dice_of_shares(logits: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    """1 - mean over the foreground classes present of 2 Σpg / (Σp² + Σg²), plus the weighted cross-entropy.

    Args:
        logits: (N, C, K, J, I) float32.
        target: share of each voxel that belongs to each class, (N, C, K, J, I); a hard label is a share of 1.
        covered: (N, K, J, I) bool; nothing else counts.
    """
    inside = covered[:, None].float()
    truth = target.float() * inside
    log = torch.log_softmax(logits, 1)
    entropy = -(truth * log).sum() / inside.sum().clamp_min(1)
    probability = log.exp() * inside
    axes = (0, 2, 3, 4)
    overlap, squares = (probability * truth).sum(axes), (probability**2 + truth**2).sum(axes)
    dice = (2 * overlap + 1) / (squares + 1)
    present = (truth.sum(axes) > 0).float()
    present[0] = 0
    return ENTROPY * entropy + 1 - (dice * present).sum() / present.sum().clamp_min(1)
