"""Further variation of packed pictures, so that each is new whenever it is seen."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ..segmentation_network import OUTSIDE

_TURN_DEG, _SCALE, _SHIFT = 12.0, 0.15, 0.08


def varied(gray: Tensor, fan: Tensor, spleen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A batch as the network gets it.

    Args:
        gray: 0-1, (N, J, I).
        fan: 0 or 1, (N, J, I).
        spleen: share of each pixel, 0-1, (N, J, I).
        generator: of the draws.

    Returns:
        Input (N, 2, J, I), target (N, J, I), and where the loss counts (N, J, I): inside the fan and a little around it.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand((len(gray), *shape), generator=generator)

    moved = _moved(torch.stack([gray, fan, spleen], 1), uniform)
    picture, inside, target = moved[:, 0], moved[:, 1] > 0.5, moved[:, 2]
    picture = picture.clamp_min(0) ** torch.exp(uniform(-0.5, 0.5))[:, None, None]
    picture = picture * (1 + _smooth(picture, 0.35, generator))
    picture = picture * (1 + uniform(0, 0.15)[:, None, None] * torch.randn(picture.shape, generator=generator))
    picture = picture + uniform(0, 0.04)[:, None, None] * torch.randn(picture.shape, generator=generator)
    if float(torch.rand((), generator=generator)) < 0.3:
        picture = functional.avg_pool2d(picture[:, None], 3, 1, 1)[:, 0]
    return torch.stack([_normalized(picture, inside), inside.float()], 1), target * inside, _around(inside)


def _moved(stack: Tensor, uniform) -> Tensor:  # type: ignore[no-untyped-def]
    """Mirrored, turned, scaled and shifted."""
    angle = torch.deg2rad(uniform(-_TURN_DEG, _TURN_DEG))
    scale = torch.exp(uniform(-_SCALE, _SCALE))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    shift = uniform(-_SHIFT, _SHIFT, 2)
    theta = torch.stack([torch.stack([cos * mirror, -sin, shift[:, 0]], 1), torch.stack([sin * mirror, cos, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(theta, list(stack.shape), align_corners=False)
    return functional.grid_sample(stack, grid, align_corners=False)


def _smooth(like: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    coarse = torch.randn((len(like), 1, 6, 6), generator=generator) * spread
    return functional.interpolate(coarse, like.shape[-2:], mode="bicubic", align_corners=False)[:, 0].clamp(-0.8, 1.5)


def _normalized(picture: Tensor, inside: Tensor) -> Tensor:
    """As ``segmenter.normalized``."""
    count = inside.sum((1, 2)).clamp_min(1)
    mean = (picture * inside).sum((1, 2)) / count
    deviation = (((picture - mean[:, None, None]) ** 2 * inside).sum((1, 2)) / count).sqrt().clamp_min(1 / 255)
    scaled = (picture - mean[:, None, None]) / deviation[:, None, None]
    return torch.where(inside, scaled, torch.full_like(scaled, OUTSIDE)).clamp(OUTSIDE, 5)


def _around(inside: Tensor) -> Tensor:
    reach = 2 * math.ceil(3) + 1
    return functional.max_pool2d(inside[:, None].float(), reach, 1, reach // 2)[:, 0] > 0
