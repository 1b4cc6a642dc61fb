"""From masks to the table: volumes with intervals, shares of the core, lesions and their diameters, uncertainty.

``measure_glioma`` measures a study once; ``remeasure`` brings the table up to date after an edit or a review and looks only at
what changed. ``rano`` compares the table with that of an earlier study.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.measure.volumes import bounding_box, touches_edge
from DeepVolumetryLib.uncertainty.conformal import LEVEL, ConformalTable
from DeepVolumetryLib.uncertainty.interval import residual
from DeepVolumetryLib.uncertainty.stake import OpenVoxels

from .diameters import Calipers, lesions
from .doubt import Rim, doubt_of
from .labels import SUB_REGIONS, TARGETS
from .segments import KEYS
from .table import SIZED, Numbers, notes_of, rows_of, warnings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.measure.measurement import Measurement

    from .parameters import Parameters

Masks = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True)
class GliomaMeasurements:
    """A measured study, and what is needed to measure it again after an edit.

    Attributes:
        measurements: the table, in display order.
        warnings: sentences about what may be wrong with this study.
        notes: sentences that belong below the table: caveats, how sizes were taken, coverage of the intervals.
        numbers: counts, lesions and stakes that the table was made from.
        open_voxels: segment key -> voxels that the model left open.
        rims: target -> its boundary, for the uncertainty there.
        calipers: slices that were measured.
    """

    measurements: list[Measurement]
    warnings: list[str]
    notes: list[str]
    numbers: Numbers
    parameters: Parameters | None
    open_voxels: Mapping[str, OpenVoxels] = field(repr=False)
    member_volumes_ml: Mapping[str, Sequence[float]] = field(repr=False)
    rims: Mapping[str, Rim] = field(repr=False)
    calipers: Calipers = field(repr=False)


def measure_glioma(
    masks: Masks,
    image: Image,
    parameters: Parameters | None = None,
    probability: Masks | None = None,
    member_volumes_ml: Mapping[str, Sequence[float]] | None = None,
    conformal: ConformalTable | None = None,
    reviewed: NDArray[np.bool_] | None = None,
    level: float = LEVEL,
) -> GliomaMeasurements:
    """Measure a glioma and what it is made of.

    Args:
        masks: segment key -> bool mask (K, J, I): "WT", "TC", "ET", nested; "edema" and "necrosis" are made of them if missing.
        image: the grid of the masks.
        parameters: kept for ``remeasure``; no number depends on them.
        probability: target -> calibrated probability (K, J, I). No interval and no uncertainty without it.
        member_volumes_ml: target -> volume that each member measured.
        conformal: the bundle's calibration. No interval without it.
        reviewed: voxels that somebody has looked at (K, J, I): they count as certain.
        level: nominal coverage of the intervals.

    Raises:
        ValueError: if a mask or a probability is not on the grid of the image.
    """
    for name, array in (*masks.items(), *(probability or {}).items()):
        if array.shape != image.shape:
            raise ValueError(f"{name} has shape {array.shape}, the image {image.shape}")
    masks = _complete(masks, image)
    members = _with_sub_regions(member_volumes_ml or {})
    open_voxels = {key: OpenVoxels.find(p, masks[key]) for key, p in _probabilities(probability or {}).items()}
    rims = {target: Rim.find(masks[target], open_voxels[target]) for target in TARGETS if target in open_voxels}
    calipers = Calipers()
    numbers = Numbers(
        voxel_ml=image.voxel_ml,
        counts={key: int(np.count_nonzero(masks[key])) for key in KEYS},
        lesions={target: tuple(lesions(masks[target], image, calipers)) for target in SIZED},
        stakes={key: voxels.stake(image.voxel_ml, members.get(key, ()), masks[key], reviewed) for key, voxels in open_voxels.items()},
        doubts={target: doubt_of(open_voxels[target], rim, masks[target], reviewed) for target, rim in rims.items()},
        cut_off=touches_edge(masks["WT"]),
        conformal=conformal or ConformalTable(),
        level=level,
    )
    return _measured(numbers, parameters, open_voxels, members, rims, calipers)


def remeasure(
    masks: Masks,
    image: Image,
    previous: GliomaMeasurements,
    reviewed: NDArray[np.bool_] | None = None,
    changed: Iterable[str] | None = None,
) -> GliomaMeasurements:
    """The table after an edit or a review; within 100 ms on 240x240x155.

    Args:
        masks, image: as they are now, on the same grid as before; nested, see ``nesting.nested_after_edit``.
        previous: the last measurement of this study.
        reviewed: all voxels that somebody has looked at so far; None if none.
        changed: keys of the segments that differ, those changed by nesting too; those whose number of voxels changed if None.
    """
    masks = _complete(masks, image)
    before = previous.numbers
    if changed is None:
        counts = {key: int(np.count_nonzero(masks[key])) for key in KEYS}
        edited = {key for key in KEYS if counts[key] != before.counts[key]}
    else:
        # an edited sub-region moves the targets around it
        edited = {key for name in changed for key in (name, *SUB_REGIONS.get(name, ()))}
        counts = {key: int(np.count_nonzero(masks[key])) if key in edited else count for key, count in before.counts.items()}
    open_voxels, members = previous.open_voxels, previous.member_volumes_ml
    rims = {t: Rim.find(masks[t], open_voxels[t]) if t in edited else rim for t, rim in previous.rims.items()}
    numbers = replace(
        before,
        counts=counts,
        lesions={
            target: tuple(lesions(masks[target], image, previous.calipers)) if target in edited else found
            for target, found in before.lesions.items()
        },
        stakes={key: voxels.stake(image.voxel_ml, members.get(key, ()), masks[key], reviewed) for key, voxels in open_voxels.items()},
        doubts={target: doubt_of(open_voxels[target], rim, masks[target], reviewed) for target, rim in rims.items()},
        cut_off=touches_edge(masks["WT"]) if "WT" in edited else before.cut_off,
    )
    return _measured(numbers, previous.parameters, open_voxels, members, rims, previous.calipers)


def calibration_residuals(measured: GliomaMeasurements, truth_ml: Mapping[str, float]) -> dict[str, list[float]]:
    """What one calibration case adds to the residuals of each segment, for ``ConformalEntry.from_residuals``.

    Structures that are neither measured nor true say nothing about their interval and are left out: otherwise the many tumors
    without enhancement would make the interval of an enhancing one look better than it is.

    Args:
        measured: the case, measured with its probabilities and member volumes.
        truth_ml: segment key -> true volume; those that are missing are left out.
    """
    found: dict[str, list[float]] = {key: [] for key in KEYS}
    for key, stake in measured.numbers.stakes.items():
        value = measured.numbers.volume(key)
        if key in truth_ml and (value > 0 or truth_ml[key] > 0):
            found[key].append(residual(value, truth_ml[key], stake))
    return found


def _measured(
    numbers: Numbers,
    parameters: Parameters | None,
    open_voxels: Mapping[str, OpenVoxels],
    members: Mapping[str, Sequence[float]],
    rims: Mapping[str, Rim],
    calipers: Calipers,
) -> GliomaMeasurements:
    return GliomaMeasurements(
        rows_of(numbers), warnings_of(numbers), notes_of(numbers), numbers, parameters, open_voxels, members, rims, calipers
    )


def _complete(masks: Masks, image: Image) -> dict[str, NDArray[np.bool_]]:
    """All five segments as bool; a missing target is empty, a missing sub-region what lies between its targets."""
    found = {key: np.asarray(masks[key]).astype(bool, copy=False) for key in KEYS if key in masks}
    for target in TARGETS:
        if target not in found:
            found[target] = np.zeros(image.shape, bool)
    for name, (outer, inner) in SUB_REGIONS.items():
        if name not in found:
            found[name] = found[outer] & ~found[inner]
    return found


def _with_sub_regions(member_volumes_ml: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Members are nested, so what they measured between two targets is the difference."""
    volumes = dict(member_volumes_ml)
    for name, (outer, inner) in SUB_REGIONS.items():
        if name not in volumes and outer in volumes and inner in volumes:
            volumes[name] = [max(0.0, a - b) for a, b in zip(volumes[outer], volumes[inner], strict=True)]
    return volumes


def _probabilities(probability: Masks) -> dict[str, NDArray[Any]]:
    """Of the targets, and of the sub-regions between them where both are known; within the box that holds any tumor."""
    found = {target: probability[target] for target in TARGETS if target in probability}
    for name, (outer, inner) in SUB_REGIONS.items():
        if outer in found and inner in found:
            between = np.zeros_like(found[outer])
            box = bounding_box(found[outer] > 0)
            if box is not None:
                between[box] = np.clip(found[outer][box] - found[inner][box], 0, 1)
            found[name] = between
    return found
