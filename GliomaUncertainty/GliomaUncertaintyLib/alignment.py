"""All sequences on the grid of one of them.

Sequences on the same grid are left as they are. Others are registered rigidly to the reference (mutual information: the
contrasts differ), which undoes what the patient moved between the series, and are then interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from .labels import SEQUENCES
from .rigid import Motion, register

REFERENCES = ("t1ce", "flair")
"""What the others are put on: the first of these that is given."""
TITLES = {"t1": "T1", "t1ce": "T1ce", "t2": "T2", "flair": "FLAIR"}

_SAME_GRID_MM = 0.05
_LEAST_OVERLAP = 0.3
_MOST_SIZE_RATIO = 3.0
_TOLD_MM, _TOLD_DEGREES = 0.5, 0.5


@dataclass(frozen=True)
class Aligned:
    """What ``aligned`` gives.

    Attributes:
        reference: name of the sequence whose grid all are on.
        images: sequence -> image on that grid, in the order of ``SEQUENCES``. Untouched ones keep their array.
        motions: sequence -> what its registration found, for those that were on another grid.
        warnings: a sentence for each sequence that was resampled.
    """

    reference: str
    images: dict[str, Image]
    motions: dict[str, Motion] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def aligned(images: Mapping[str, Image]) -> Aligned:
    """Put all sequences on the grid of T1ce, or of FLAIR if there is no T1ce.

    Args:
        images: sequence -> image (K, J, I), any geometry.

    Raises:
        InputError: if neither T1ce nor FLAIR is given, one image is given for two sequences, or an image cannot belong to the
            same head: no overlap in space, or a body of quite another size.
    """
    reference = next((name for name in REFERENCES if name in images), None)
    if reference is None:
        raise InputError("Neither T1ce nor FLAIR is given. Choose at least one of them.")
    _refuse_the_same_twice(images)
    fixed = images[reference]
    for name, image in images.items():
        _refuse_another_patient(fixed, image, reference, name)
    result = Aligned(reference, {})
    for name in SEQUENCES:
        if name not in images:
            continue
        moving = images[name]
        if name == reference or moving.same_grid(fixed, _SAME_GRID_MM):
            result.images[name] = moving
            continue
        _refuse_another_head(fixed, moving, reference, name)
        motion = register(fixed, moving)
        result.motions[name] = motion
        result.images[name] = motion.applied_to(moving).resampled(fixed, order=1)
        result.warnings.append(_sentence(name, reference, fixed, moving, motion))
    return result


def _refuse_the_same_twice(images: Mapping[str, Image]) -> None:
    names = [name for name in SEQUENCES if name in images]
    for number, name in enumerate(names):
        for other in names[number + 1 :]:
            one, two = images[name], images[other]
            if one.voxels is two.voxels or (one.shape == two.shape and np.array_equal(one.voxels, two.voxels)):
                raise InputError(
                    f"{TITLES[name]} and {TITLES[other]} are the same image. Choose the right one for each, or leave one of them empty."
                )


def _refuse_another_patient(fixed: Image, moving: Image, reference: str, name: str) -> None:
    """What DICOM says; an image that does not say passes."""
    if fixed.patient and moving.patient and fixed.patient != moving.patient:
        raise InputError(f"{TITLES[name]} is of another patient than {TITLES[reference]}. Choose images of one patient.")
    if fixed.frame_uid and moving.frame_uid and fixed.frame_uid != moving.frame_uid:
        raise InputError(
            f"{TITLES[name]} is in another frame of reference than {TITLES[reference]} (DICOM), so their places cannot be compared. "
            "Choose images of one examination, or register them first and save the result."
        )


def _refuse_another_head(fixed: Image, moving: Image, reference: str, name: str) -> None:
    """Two images of one head lie, as a rule, in the same place of the scanner, and show a body of about the same size."""
    low, high = _body_box(fixed)
    other_low, other_high = _body_box(moving)
    shared = np.prod(np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0, None))
    least = min(np.prod(high - low), np.prod(other_high - other_low))
    if shared < _LEAST_OVERLAP * least:
        raise InputError(
            f"{TITLES[name]} does not lie where {TITLES[reference]} lies: they share {100 * shared / least:.0f} % of the head. "
            "Choose images of one examination, or register them first."
        )
    extent, other = high - low, other_high - other_low
    # Across the slices a slab may show far less than the whole head, in the plane it may not.
    ratio = np.sort(np.maximum(extent, other) / np.minimum(extent, other))[:2].max()
    if ratio > _MOST_SIZE_RATIO:
        raise InputError(
            f"{TITLES[name]} shows a body of {_times(other)} mm, {TITLES[reference]} one of {_times(extent)} mm: they cannot be one head. "
            "Check the spacing of both, or choose another image."
        )


def _body_box(image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners, in RAS mm, of the box around what is brighter than the background."""
    step = [max(1, count // 64) for count in image.shape]
    coarse = image.voxels[tuple(slice(None, None, each) for each in step)]
    low, high = np.percentile(coarse, (2, 98))
    bright = coarse > low + 0.1 * (high - low)
    kji = np.argwhere(bright)
    if not len(kji):
        kji = np.array([(0, 0, 0), np.array(coarse.shape) - 1])
    first, last = kji.min(0) * step, np.minimum((kji.max(0) + 1) * step, image.shape)
    corners = np.array([(i, j, k, 1.0) for i in (first[2], last[2]) for j in (first[1], last[1]) for k in (first[0], last[0])])
    ras = (corners @ image.ijk_to_ras.T)[:, :3]
    return ras.min(0), ras.max(0)


def _sentence(name: str, reference: str, fixed: Image, moving: Image, motion: Motion) -> str:
    grids = f"{TITLES[name]} ({_times(moving.spacing)} mm) was put on the grid of {TITLES[reference]} ({_times(fixed.spacing)} mm)"
    if not motion.moved:
        return f"{grids} as it lies; registering it did not improve the match."
    if motion.distance_mm < _TOLD_MM and motion.degrees < _TOLD_DEGREES:
        return f"{grids}; registration moved it by less than {_TOLD_MM} mm and {_TOLD_DEGREES}°."
    return f"{grids} and moved by {motion.distance_mm:.1f} mm and {motion.degrees:.1f}° to match it. Check that they fit."


def _times(numbers: NDArray | tuple[float, ...]) -> str:
    return "×".join(f"{number:.3g}" for number in numbers)
