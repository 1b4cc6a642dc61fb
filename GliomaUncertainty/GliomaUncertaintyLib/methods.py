"""The members of each method: how often, and in which ways, the same slices are looked at.

SPU-Net and what it is compared with differ in nothing but this list; network, sampling, averaging and measuring are the same.
The first member is always the slice as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .parameters import Parameters
from .projection import IDENTITY, Points, Projection, centers, farthest

_SHIFT_MM, _GAIN, _BEND = 0.75, 0.1, 0.1
_LINEAR = "linear"


@dataclass(frozen=True)
class Member:
    """One way to look at the slices.

    Attributes:
        projection: where each pixel is taken from.
        gain: factor on the normalized intensities.
        bend: exponent on them; their sign, and with it the mean of the brain and a missing sequence, stays.
        network: which of the bundle's.
        dropout_seed: seed of the dropout during inference; none if None.
    """

    projection: Projection = IDENTITY
    gain: float = 1.0
    bend: float = 1.0
    network: str = "unet"
    dropout_seed: int | None = None


def members(parameters: Parameters, points: Points, networks: Sequence[str] = ("unet",)) -> list[Member]:
    """What the chosen method looks at; the same for the same parameters and brain.

    Args:
        parameters: method, number of members, projection, magnification, seed, speed.
        points: (n, 2) in mm, the brain seen from above: every pixel that is brain in some slice.
        networks: names of the networks that the bundle holds; "ensemble" asks each once and so has no more members than there are.
    """
    count = parameters.member_count
    if parameters.method in ("unet", "spu", "lsu"):
        kind = _LINEAR if parameters.method == "lsu" else parameters.projection
        low, high = points.min(axis=0), points.max(axis=0)
        around = centers(count - 1, (float(low[0]), float(low[1])), (float(high[0]), float(high[1])))
        views = [Projection(kind, parameters.magnification, center, farthest(points, center)) for center in around]
        return [Member(), *(Member(view) for view in views)]
    if parameters.method == "tta":
        return _augmented(count, parameters.seed, points)
    if parameters.method == "mcdropout":
        return [Member(dropout_seed=parameters.seed * 1000 + number) for number in range(count)]
    return [Member(network=name) for name in networks[:count]]


def _augmented(count: int, seed: int, points: Points) -> list[Member]:
    """Mirror images, shifts by parts of a pixel, and slightly other contrasts; every other member is mirrored."""
    rng = np.random.default_rng(seed)
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)
    found = [Member(), Member(Projection(center_mm=middle, mirrored=True))]
    while len(found) < count:
        shift = rng.uniform(-_SHIFT_MM, _SHIFT_MM, 2)
        view = Projection(center_mm=middle, mirrored=len(found) % 2 == 1, shift_mm=(float(shift[0]), float(shift[1])))
        gain, bend = (math.exp(rng.uniform(-width, width)) for width in (_GAIN, _BEND))
        found.append(Member(view, gain, bend))
    return found[:count]
