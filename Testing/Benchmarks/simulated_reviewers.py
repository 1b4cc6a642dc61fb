"""Reviewers as programs: what they leave of the error in a study with known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

WAVED_THROUGH = 0.3
"""Share of the places that a hasty reviewer calls right without looking."""
HAND_MM = 1.0
"""Standard deviation of the boundary that a hasty reviewer draws, from the true one."""
_SMOOTH_MM = 6.0
Masks = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Reviewer:
    """Somebody who walks down the review list.

    Attributes:
        drawn: segment key -> what they would draw, (K, J, I).
        waves: for every place of the list, whether they say "looks right" without looking.
    """

    drawn: Masks
    waves: Sequence[bool]

    def review(self, segments: Masks, regions: Sequence[ReviewRegion], numbers: Sequence[int]) -> Masks:
        """The segments after some places (positions in the list) were looked at: theirs inside of the boxes, unless waved through."""
        fixed = {key: mask.copy() for key, mask in segments.items()}
        for number in numbers:
            if not self.waves[number]:
                box = tuple(map(slice, *regions[number].box_kji))
                for key, mask in fixed.items():
                    mask[box] = self.drawn[key][box]
        return fixed


def perfect(truth: Masks, places: int) -> Reviewer:
    """Draws the truth everywhere."""
    return Reviewer(truth, [False] * places)


def hasty(truth: Masks, image: Image, places: int, seed: int) -> Reviewer:
    """Waves places through, and draws boundaries that are off by about a millimeter, the same for all segments so that they stay nested."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=image.shape), [_SMOOTH_MM / step for step in image.spacing[::-1]])
    noise *= HAND_MM / noise.std()
    drawn = {key: signed_distance(mask, image) + noise > 0 for key, mask in truth.items()}
    return Reviewer(drawn, list(rng.random(places) < WAVED_THROUGH))


def signed_distance(mask: NDArray[np.bool_], image: Image) -> NDArray[np.float64]:
    """Distance to the boundary of a mask in mm, positive inside; far away of an empty one."""
    if not mask.any():
        return np.full(mask.shape, -1e3)
    spacing = image.spacing[::-1]
    half = min(spacing) / 2  # the boundary runs between voxels
    return np.where(mask, ndimage.distance_transform_edt(mask, spacing) - half, half - ndimage.distance_transform_edt(~mask, spacing))


def slices_redrawn(segments: Masks, truth: Masks, count: int, rng: np.random.Generator) -> Masks:
    """The segments after some axial slices, drawn at random from those that show a segment, were redrawn without a mistake."""
    shown = np.flatnonzero(np.logical_or.reduce(list(segments.values())).any(axis=(1, 2)))
    chosen = rng.choice(shown, min(count, len(shown)), replace=False)
    fixed = {key: mask.copy() for key, mask in segments.items()}
    for key, mask in fixed.items():
        mask[chosen] = truth[key][chosen]
    return fixed


def volume_error(segments: Mapping[str, NDArray[np.bool_]], truth: Mapping[str, NDArray[np.bool_]], voxel_ml: float) -> float:
    """Sum over the segments of how far their volumes are off, in mL."""
    return float(sum(abs(int(mask.sum()) - int(truth[key].sum())) for key, mask in segments.items()) * voxel_ml)
