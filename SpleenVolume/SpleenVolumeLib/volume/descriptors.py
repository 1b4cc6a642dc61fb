"""Descriptors: what estimators see of a set of views.

Everything is free of scale. A view's own scale is the square root of its area; the scale s of a set is the geometric mean of those of its
views; and estimators predict log V − 3 log s, the volume that the spleen would have at unit scale. Size goes back in by arithmetic, so
that a giant spleen is no extrapolation for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations as pick
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from .features import measure_outline
from .views import CALIPERS, PLANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .views import Mask, Views

    Floats = NDArray[np.float64]

PIXEL_MM = 2.0
"""Descriptors are made on masks of 2 mm, in training as in use."""
SIDE = 32
"""Pixels of the normalized pictures."""
REACH = 1.5
"""They show this many scales to each side of the centroid."""
CLIP = 0.35
"""Distances in them end here."""
NUMBERS = 8
"""Numbers on the shape of one outline."""
PAIRS = ((0, 1), (0, 2), (1, 2))
"""Pairs of planes; each shares one axis of the body."""
_COMMON_AXIS = ((0, 0), (1, 1), (1, 0))


@dataclass(frozen=True)
class Descriptors:
    """Sets of views, one a row; NaN where a set lacks a plane or caliper.

    Attributes:
        log_scale: logarithm of the square root of each view's area in mm, (N, 3).
        shape: of each view the logarithms of height, width, longest diameter, thickness and extent across it over the view's scale; its
            solidity; the direction of its longest diameter as cosine and sine of the double angle; (N, 3, 8).
        stacks: for each pair of planes the logarithm of the integral, along their common axis, of the product of both outlines' widths
            over the product of their scales to the power 1.5, (N, 3). For coronal and transverse that is ∫ h(x) · t(x) dx.
        log_calipers: logarithms of the calipers in mm, (N, 2).
        pictures: signed distance in units of the view's scale, inside positive, clipped, (N, 3, 32, 32) float32.
    """

    log_scale: Floats
    shape: Floats
    stacks: Floats
    log_calipers: Floats
    pictures: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.log_scale)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Descriptors:
        return Descriptors(*(getattr(self, entry.name)[rows] for entry in fields(self)))

    def scale(self, planes: Sequence[str]) -> Floats:
        """Logarithm of the common scale of some planes in mm, (N,)."""
        return np.asarray(self.log_scale[:, indices(planes)].mean(1))

    def base(self, planes: Sequence[str]) -> Floats:
        """Logarithm of the volume in mL that belongs to a prediction of 0, (N,)."""
        return 3 * self.scale(planes) - np.log(1000.0)

    def numbers(self, planes: Sequence[str], calipers: Sequence[str] = ()) -> Floats:
        """All numbers (not pictures) on some planes and calipers in a fixed order, (N, F)."""
        chosen, scale = indices(planes), self.scale(planes)
        parts = [self.shape[:, chosen].reshape(len(self), -1), self.log_scale[:, chosen[1:]] - scale[:, None], self.stacked(planes)]
        parts.append(self.log_calipers[:, [list(CALIPERS).index(name) for name in calipers]] - scale[:, None])
        return np.concatenate(parts, 1)

    def stacked(self, planes: Sequence[str]) -> Floats:
        """Logarithms of the integrals of all pairs of some planes over the cube of their common scale, (N, number of pairs)."""
        chosen, scale = indices(planes), self.scale(planes)
        used = [number for number, pair in enumerate(PAIRS) if set(pair) <= set(chosen)]
        own = [self.stacks[:, n] + 1.5 * (self.log_scale[:, PAIRS[n][0]] + self.log_scale[:, PAIRS[n][1]]) - 3 * scale for n in used]
        return np.stack(own, 1) if own else np.zeros((len(self), 0))


def indices(planes: Sequence[str]) -> list[int]:
    """Numbers of planes."""
    return [PLANES.index(plane) for plane in planes]


def combinations() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """All that a user may have: the coronal plane with any of the other planes and any of the calipers."""
    planes = [("coronal", *others) for count in range(3) for others in pick(PLANES[1:], count)]
    calipers = [chosen for count in range(len(CALIPERS) + 1) for chosen in pick(tuple(CALIPERS), count)]
    return [(p, c) for p in planes for c in calipers]


def key(planes: Sequence[str], calipers: Sequence[str] = ()) -> str:
    """Name of a combination: "coronal+transverse+length_mm"."""
    return "+".join([*planes, *calipers])


def describe(views: Views) -> Descriptors:
    """Descriptor of the views of one patient: one row."""
    return describe_masks({plane: _to_2mm(views.masks[plane]) for plane in views.planes}, views.calipers)


def describe_masks(masks: Mapping[str, Mask], calipers: Mapping[str, float] | None = None) -> Descriptors:
    """One row from masks with pixels of 2 mm."""
    log_scale, shape, stacks = np.full((1, 3), np.nan), np.full((1, 3, NUMBERS), np.nan), np.full((1, 3), np.nan)
    pictures = np.full((1, 3, SIDE, SIDE), np.nan, np.float32)
    for index, plane in enumerate(PLANES):
        if plane in masks:
            outline = measure_outline(masks[plane])
            scale = np.sqrt(outline.area_mm2)
            log_scale[0, index] = np.log(scale * PIXEL_MM)
            pictures[0, index] = _picture(masks[plane], scale)
            sizes = np.array([outline.height_mm, outline.width_mm, outline.longest_mm, outline.thickness_mm, outline.across_mm])
            turn = 2 * np.radians(outline.angle_deg)
            shape[0, index] = [*np.log(sizes / scale), outline.solidity, np.cos(turn), np.sin(turn)]
    for number, (pair, axes) in enumerate(zip(PAIRS, _COMMON_AXIS, strict=True)):
        names = [PLANES[index] for index in pair]
        if all(name in masks for name in names):
            profiles = [_profile(masks[name], axis) for name, axis in zip(names, axes, strict=True)]
            length = max(map(len, profiles))
            first, second = (np.pad(profile, (length - len(profile)) // 2) for profile in profiles)
            integral = max(float((first * second).sum()), 1.0) * PIXEL_MM**3
            stacks[0, number] = np.log(integral) - 1.5 * log_scale[0, list(pair)].sum()
    measured = np.array([[np.log((calipers or {}).get(name, np.nan)) for name in CALIPERS]])
    return Descriptors(log_scale, shape, stacks, measured, pictures)


def joined(rows: Sequence[Descriptors]) -> Descriptors:
    """Many sets of rows as one."""
    return Descriptors(*(np.concatenate([getattr(row, entry.name) for row in rows]) for entry in fields(Descriptors)))


def _to_2mm(mask: Mask) -> Mask:
    rows, columns = mask.shape
    return np.asarray(mask.reshape(rows // 2, 2, columns // 2, 2).mean((1, 3)) >= 0.5)


def _profile(mask: Mask, axis: int) -> Floats:
    """Widths along one axis, the centroid in the middle of the odd length."""
    counts = mask.sum(axis).astype(np.float64)
    middle = round(float((counts * np.arange(counts.size)).sum() / counts.sum()))
    half = max(middle, counts.size - 1 - middle)
    return np.pad(counts, (half - middle, half - (counts.size - 1 - middle)))


def _picture(mask: Mask, scale: float) -> NDArray[np.float32]:
    """Normalized picture of a mask whose area is ``scale`` squared pixels."""
    rows, columns = np.nonzero(mask)
    margin = int(CLIP * scale) + 3
    low = [int(i.min()) - margin for i in (rows, columns)]
    size = [int(np.ptp(i)) + 1 + 2 * margin for i in (rows, columns)]
    inside = np.zeros(size, bool)
    inside[rows - low[0], columns - low[1]] = True
    signed = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    signed = np.clip((signed - 0.5 * np.sign(signed)) / scale, -CLIP, CLIP)
    step = 2 * REACH * scale / SIDE
    offset = [float(i.mean()) - start - step * (SIDE - 1) / 2 for i, start in zip((rows, columns), low, strict=True)]
    found: NDArray[np.float32] = ndimage.affine_transform(signed, [step, step], offset, (SIDE, SIDE), order=1, cval=-CLIP)
    return found.astype(np.float32)
