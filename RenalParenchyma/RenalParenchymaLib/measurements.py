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

from DeepVolumetryLib.measure.volumes import Box, bounding_box, max_diameter_mm
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
        boxes: segment key -> box of its mask, None if it is empty. To look for it through a whole CT takes more time than most numbers.
        reviewed: the voxels that counted as looked at, the array itself; None if there were none.
    """

    measurements: list[Measurement]
    warnings: list[str]
    notes: list[str]
    numbers: Numbers
    parameters: Parameters
    open_voxels: Mapping[str, OpenVoxels] = field(repr=False)
    member_volumes_ml: Mapping[str, Sequence[float]] = field(repr=False)
    boxes: Mapping[str, Box | None] = field(default_factory=dict, repr=False)
    reviewed: NDArray[np.bool_] | None = field(default=None, repr=False)


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
    boxes = {segment: _box(masks, segment) for side in SIDES for target in TARGETS for segment in [key(side, target)]}
    near = {side: _near(masks, image, side, boxes) for side in SIDES}
    numbers = Numbers(
        voxel_ml=image.voxel_ml,
        counts={segment: _count(masks, segment, box) for segment, box in boxes.items()},
        lengths_mm={side: _length(*near[side], side) for side in SIDES},
        cut_off={side: _cut_off(boxes, image, side) for side in SIDES},
        tumors={side: describe_tumor(side, *near[side]) for side in SIDES},
        stakes={s: voxels.stake(image.voxel_ml, volumes.get(s, ()), masks.get(s), reviewed) for s, voxels in open_voxels.items()},
        conformal=conformal or ConformalTable(),
        level=level,
        modality=image.modality,
    )
    return _measured(numbers, parameters, open_voxels, volumes, boxes, reviewed)


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
        reviewed: all voxels that somebody has looked at so far; None if none. If it is the array of the last time, only the
            stakes of what was edited are looked at again.
        changed: keys of the segments that were edited; those whose number of voxels changed if None.
    """
    before = previous.numbers
    if changed is None:
        boxes = {segment: _box(masks, segment) for segment in before.counts}
        counts = {segment: _count(masks, segment, box) for segment, box in boxes.items()}
        edited = {segment for segment, count in counts.items() if count != before.counts[segment]}
    else:
        edited = set(changed) & before.counts.keys()
        boxes = {**previous.boxes, **{segment: _box(masks, segment) for segment in edited}}
        counts = {**before.counts, **{segment: _count(masks, segment, boxes[segment]) for segment in edited}}
    members, stakes = previous.member_volumes_ml, dict(before.stakes)
    for segment, voxels in previous.open_voxels.items():
        if changed is None or segment in edited or reviewed is not previous.reviewed:
            stakes[segment] = voxels.stake(image.voxel_ml, members.get(segment, ()), masks.get(segment), reviewed)
    lengths, cut_off, tumors = dict(before.lengths_mm), dict(before.cut_off), dict(before.tumors)
    for side in SIDES:
        kidney, tumor = key(side, "kidney") in edited, key(side, "tumor") in edited
        near, grid = _near(masks, image, side, boxes)
        if kidney:
            lengths[side] = _length(near, grid, side)
            cut_off[side] = _cut_off(boxes, image, side)
        if tumor:
            tumors[side] = describe_tumor(side, near, grid)
    numbers = replace(before, counts=counts, stakes=stakes, lengths_mm=lengths, cut_off=cut_off, tumors=tumors)
    return _measured(numbers, previous.parameters, previous.open_voxels, members, boxes, reviewed)


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
    numbers: Numbers,
    parameters: Parameters,
    open_voxels: Mapping[str, OpenVoxels],
    members: Mapping[str, Sequence[float]],
    boxes: Mapping[str, Box | None],
    reviewed: NDArray[np.bool_] | None,
) -> KidneyMeasurements:
    return KidneyMeasurements(
        measurements=rows_of(numbers, parameters),
        warnings=warnings_of(numbers, parameters),
        notes=notes_of(numbers, parameters),
        numbers=numbers,
        parameters=parameters,
        open_voxels=open_voxels,
        member_volumes_ml=members,
        boxes=boxes,
        reviewed=reviewed,
    )


def _box(masks: Masks, segment: str) -> Box | None:
    mask = masks.get(segment)
    return None if mask is None else bounding_box(mask)


def _count(masks: Masks, segment: str, box: Box | None) -> int:
    return 0 if box is None else int(np.count_nonzero(masks[segment][box]))


def _near(masks: Masks, image: Image, side: str, boxes: Mapping[str, Box | None]) -> tuple[Masks, Image]:
    """One kidney and its tumors, cut out with the grid; nothing is copied."""
    around = [box for target in ("kidney", "tumor") if (box := boxes[key(side, target)]) is not None]
    if not around:
        return {}, image
    whole = tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*around, strict=True))
    grid = image.cropped([s.start for s in whole], [s.stop for s in whole])
    return {segment: masks[segment][whole] for target in TARGETS if (segment := key(side, target)) in masks}, grid


def _length(masks: Masks, image: Image, side: str) -> float:
    kidney = masks.get(key(side, "kidney"))
    return math.nan if kidney is None else max_diameter_mm(kidney, image)


def _cut_off(boxes: Mapping[str, Box | None], image: Image, side: str) -> bool:
    """True if the kidney reaches the first or the last voxel along any axis: it may go on outside of the image."""
    box = boxes[key(side, "kidney")]
    return box is not None and any(s.start == 0 or s.stop == n for s, n in zip(box, image.shape, strict=True))


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
