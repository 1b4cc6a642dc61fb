"""From masks to the table: volumes with intervals, shares, function, references and planning numbers.

``measure_kidneys`` measures a study once; ``remeasure`` brings the table up to date after an edit or a review and looks only
at what changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.measure.volumes import bounding_box, max_diameter_mm, touches_edge
from DeepVolumetryLib.uncertainty.conformal import LEVEL, ConformalTable
from DeepVolumetryLib.uncertainty.interval import residual
from DeepVolumetryLib.uncertainty.stake import OpenVoxels

from .parameters import Parameters
from .segments import SIDES, TARGETS, key
from .table import Numbers, notes_of, rows_of, warnings_of
from .tumor import describe_tumor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.measure.measurement import Measurement

Masks = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True)
class KidneyMeasurements:
    """A measured study, and what is needed to measure it again after an edit.

    Attributes:
        measurements: the table, in display order.
        warnings: sentences about what may be wrong with this study.
        notes: sentences that belong below the table: caveats, references, coverage of the intervals.
        numbers: counts, lengths and stakes that the table was made from.
        open_voxels: segment key -> voxels that the model left open.
    """

    measurements: list[Measurement]
    warnings: list[str]
    notes: list[str]
    numbers: Numbers
    parameters: Parameters
    open_voxels: Mapping[str, OpenVoxels] = field(repr=False)
    member_volumes_ml: Mapping[str, Sequence[float]] = field(repr=False)


def measure_kidneys(
    masks: Masks,
    image: Image,
    parameters: Parameters,
    probability: Masks | None = None,
    member_volumes_ml: Mapping[str, Sequence[float]] | None = None,
    conformal: ConformalTable | None = None,
    reviewed: NDArray[np.bool_] | None = None,
    level: float = LEVEL,
) -> KidneyMeasurements:
    """Measure both kidneys and what they are made of.

    Args:
        masks: segment key -> bool mask (K, J, I); see ``segments.SPECS``, missing ones count as empty.
        image: the grid of the masks.
        parameters: age, sex, height, weight and creatinine are used where given.
        probability: target ("parenchyma") -> calibrated probability (K, J, I). No interval without it.
        member_volumes_ml: segment key -> volume that each member measured.
        conformal: the bundle's calibration. No interval without it.
        reviewed: voxels that somebody has looked at (K, J, I): they count as certain.
        level: nominal coverage of the intervals.

    Raises:
        ValueError: if a mask or a probability is not on the grid of the image.
    """
    for name, array in (*masks.items(), *(probability or {}).items()):
        if array.shape != image.shape:
            raise ValueError(f"{name} has shape {array.shape}, the image {image.shape}")
    volumes = dict(member_volumes_ml or {})
    open_voxels = _open_voxels(masks, image, probability or {})
    everything = [key(side, target) for side in SIDES for target in TARGETS]
    numbers = Numbers(
        voxel_ml=image.voxel_ml,
        counts={segment: _count(masks, segment) for segment in everything},
        lengths_mm={side: _length(masks, image, side) for side in SIDES},
        cut_off={side: _cut_off(masks, side) for side in SIDES},
        tumors={side: describe_tumor(side, masks, image) for side in SIDES},
        stakes={s: voxels.stake(image.voxel_ml, volumes.get(s, ()), masks.get(s), reviewed) for s, voxels in open_voxels.items()},
        conformal=conformal or ConformalTable(),
        level=level,
        modality=image.modality,
    )
    return _measured(numbers, parameters, open_voxels, volumes)


def remeasure(
    masks: Masks,
    image: Image,
    previous: KidneyMeasurements,
    reviewed: NDArray[np.bool_] | None = None,
    changed: Iterable[str] | None = None,
) -> KidneyMeasurements:
    """The table after an edit or a review; within 100 ms on 512x512x400.

    Args:
        masks, image: as they are now, on the same grid as before.
        previous: the last measurement of this study.
        reviewed: all voxels that somebody has looked at so far; None if none.
        changed: keys of the segments that were edited; those whose number of voxels changed if None.
    """
    before = previous.numbers
    if changed is None:
        counts = {segment: _count(masks, segment) for segment in before.counts}
        edited = {segment for segment, count in counts.items() if count != before.counts[segment]}
    else:
        edited = set(changed)
        counts = {segment: _count(masks, segment) if segment in edited else count for segment, count in before.counts.items()}
    members = previous.member_volumes_ml
    stakes = {s: voxels.stake(image.voxel_ml, members.get(s, ()), masks.get(s), reviewed) for s, voxels in previous.open_voxels.items()}
    lengths, cut_off, tumors = dict(before.lengths_mm), dict(before.cut_off), dict(before.tumors)
    for side in SIDES:
        if key(side, "kidney") in edited:
            lengths[side] = _length(masks, image, side)
            cut_off[side] = _cut_off(masks, side)
        if key(side, "tumor") in edited:
            tumors[side] = describe_tumor(side, masks, image)
    numbers = replace(before, counts=counts, stakes=stakes, lengths_mm=lengths, cut_off=cut_off, tumors=tumors)
    return _measured(numbers, previous.parameters, previous.open_voxels, previous.member_volumes_ml)


def calibration_residuals(measured: KidneyMeasurements, truth_ml: Mapping[str, float]) -> dict[str, list[float]]:
    """What one calibration case adds to the residuals of each target, for ``ConformalEntry.from_residuals``.

    Sides where a structure is neither measured nor true say nothing about its interval and are left out: otherwise the many
    kidneys without a tumor would make the interval of a tumor look better than it is.

    Args:
        measured: the case, measured with its probabilities and member volumes.
        truth_ml: segment key -> true volume; those that are missing are left out.
    """
    found: dict[str, list[float]] = {target: [] for target in TARGETS}
    for segment, stake in measured.numbers.stakes.items():
        value = measured.numbers.volume(segment)
        if segment in truth_ml and (value > 0 or truth_ml[segment] > 0):
            found[segment.split("_")[1]].append(residual(value, truth_ml[segment], stake))
    return found


def _measured(
    numbers: Numbers, parameters: Parameters, open_voxels: Mapping[str, OpenVoxels], members: Mapping[str, Sequence[float]]
) -> KidneyMeasurements:
    return KidneyMeasurements(
        measurements=rows_of(numbers, parameters),
        warnings=warnings_of(numbers, parameters),
        notes=notes_of(numbers, parameters),
        numbers=numbers,
        parameters=parameters,
        open_voxels=open_voxels,
        member_volumes_ml=members,
    )


def _count(masks: Masks, segment: str) -> int:
    mask = masks.get(segment)
    return 0 if mask is None else int(np.count_nonzero(mask))


def _length(masks: Masks, image: Image, side: str) -> float:
    kidney = masks.get(key(side, "kidney"))
    return math.nan if kidney is None else max_diameter_mm(kidney, image)


def _cut_off(masks: Masks, side: str) -> bool:
    kidney = masks.get(key(side, "kidney"))
    return kidney is not None and touches_edge(kidney)


def _open_voxels(masks: Masks, image: Image, probability: Masks) -> dict[str, OpenVoxels]:
    """Open voxels of every segment. Those outside of both masks go to the side whose kidney is nearer."""
    nearer_left = _nearer_left(masks, image)
    found: dict[str, OpenVoxels] = {}
    for target in TARGETS:
        if target not in probability:
            continue
        sides = [masks.get(key(side, target)) for side in SIDES]
        union = np.zeros(image.shape, bool)
        for mask in sides:
            if mask is not None:
                union |= mask.astype(bool, copy=False)
        both = OpenVoxels.find(probability[target], union)
        on_left = nearer_left(both.index)
        for mask, is_left in zip(sides, (True, False), strict=True):
            if mask is not None:
                on_left[np.take(mask, both.index).astype(bool)] = is_left
        found[key("left", target)] = both.select(on_left)
        found[key("right", target)] = both.select(~on_left)
    return found


def _centers(masks: Masks, image: Image) -> dict[str, NDArray[np.float64]]:
    """Middle of each kidney's box, RAS in mm; a kidney that was not found lies opposite to nothing and is left out."""
    centers = {}
    for side in SIDES:
        kidney = masks.get(key(side, "kidney"))
        box = None if kidney is None else bounding_box(kidney)
        if box is not None:
            kji = [(s.start + s.stop - 1) / 2 for s in box]
            centers[side] = image.ijk_to_ras[:3, :3] @ kji[::-1] + image.ijk_to_ras[:3, 3]
    return centers


def _nearer_left(masks: Masks, image: Image) -> Callable[[NDArray[np.int64]], NDArray[np.bool_]]:
    """Tells of voxels, by their positions in the flattened array, whether the left kidney is the nearer one."""
    centers = _centers(masks, image)
    if len(centers) < 2:
        return lambda index: np.full(index.shape, "right" not in centers)
    towards_left = centers["left"] - centers["right"]
    middle = (centers["left"] + centers["right"]) / 2
    i, j, k = towards_left @ image.ijk_to_ras[:3, :3]
    start = towards_left @ (image.ijk_to_ras[:3, 3] - middle)

    def nearer(index: NDArray[np.int64]) -> NDArray[np.bool_]:
        row, column = np.divmod(index, image.shape[2])
        slab, row = np.divmod(row, image.shape[1])
        return np.asarray(k * slab + j * row + i * column + start >= 0)

    return nearer
