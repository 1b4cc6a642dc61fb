"""The loss on nested targets: soft Dice and cross-entropy of p(WT), p(TC) and p(ET), computed through logarithms."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def log_probabilities(logits: Tensor) -> tuple[Tensor, Tensor]:
    """log p and log (1 - p) of the nested targets, from the network's outputs (N, 3, ...).

    p(WT) = s(a), p(TC) = s(a) s(b), p(ET) = s(a) s(b) s(c) with s the logistic function; a voxel is outside of a target if it is outside of
    the one around it, or inside of that and outside here, which keeps log (1 - p) exact where p is near 1.
    """
    inside, outside = logsigmoid(logits), logsigmoid(-logits)
    here = [inside[:, 0]]
    gone = [outside[:, 0]]
    for number in range(1, logits.shape[1]):
        gone.append(torch.logaddexp(gone[-1], here[-1] + outside[:, number]))
        here.append(here[-1] + inside[:, number])
    return torch.stack(here, 1), torch.stack(gone, 1)


def nested_dice_cross_entropy(logits: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    """Mean over the targets of 1 - soft Dice (over the whole batch, targets that it holds) and of binary cross-entropy.

    Args:
        logits: (N, 3, H, W) float32.
        target: (N, 3, H, W), 0 to 1.
        covered: (N, H, W) bool, where the loss counts.
    """
    log_inside, log_outside = log_probabilities(logits)
    counted = covered[:, None].float()
    entropy = -(target * log_inside + (1 - target) * log_outside) * counted
    entropy = entropy.sum() / (counted.sum() * logits.shape[1]).clamp_min(1)
    probability, truth = log_inside.exp() * counted, target * counted
    axes = (0, *range(2, logits.ndim))
    overlap, total, size = (probability * truth).sum(axes), (probability + truth).sum(axes), truth.sum(axes)
    dice = (2 * overlap + 1) / (total + 1)
    present = (size > 20).float()  # of a handful of pixels Dice says nothing
    return entropy + ((1 - dice) * present).sum() / present.sum().clamp_min(1)
