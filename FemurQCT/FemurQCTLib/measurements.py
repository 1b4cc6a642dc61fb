"""From masks to the table: per femur and region volume, density, mineral content and areal density, then the sides against each other.

``measure_femora`` measures a study; ``remeasure`` brings the table up to date after an edit, a review, dragged planes or another
calibration, and looks only at the sides that changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.uncertainty.conformal import LEVEL, ConformalTable
from DeepVolumetryLib.uncertainty.interval import residual, scaled_interval
from DeepVolumetryLib.uncertainty.stake import OpenVoxels, Stake

from .calibration import Calibration
from .parameters import Parameters
from .regions import Frame, Plane
from .segments import BOTH, FEMUR, SIDES, TOTAL_HIP, key
from .side import Doubt, SideMeasured, measure_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image

TARGET = "femur"
VOLUME = "Volume"
_COMPARED = (("Volume", FEMUR), ("Integral vBMD", FEMUR), ("BMC", FEMUR), ("aBMD (projected)", TOTAL_HIP))
Masks = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True)
class FemurMeasurements:
    """A measured study, and what is needed to measure it again.

    Attributes:
        measurements: the table, in display order.
        warnings: sentences about what may be wrong.
        notes: sentences that belong below the table.
        sides: side -> what was measured there.
        counts: segment key of each femur -> voxels.
        stakes: segment key of each femur -> what is still at stake.
        calibration: None: HU only.
        why_none: the sentence that says why there is no calibration.
        further: rows that are made elsewhere, such as those of strength.
    """

    measurements: list[Measurement]
    warnings: list[str]
    notes: list[str]
    sides: Mapping[str, SideMeasured]
    counts: Mapping[str, int]
    stakes: Mapping[str, Stake]
    calibration: Calibration | None
    why_none: str
    parameters: Parameters
    conformal: ConformalTable
    probability: NDArray[Any] | None = field(repr=False)
    open_voxels: Mapping[str, OpenVoxels] = field(repr=False)
    member_volumes_ml: Mapping[str, Sequence[float]] = field(repr=False)
    further: tuple[Measurement, ...] = ()


def measure_femora(
    masks: Masks,
    image: Image,
    parameters: Parameters,
    calibration: Calibration | None,
    why_none: str = "",
    probability: NDArray[Any] | None = None,
    member_volumes_ml: Mapping[str, Sequence[float]] | None = None,
    conformal: ConformalTable | None = None,
    frames: Mapping[str, Frame] | None = None,
    planes: Mapping[str, Mapping[str, Plane]] | None = None,
    whole: Masks | None = None,
    further: Sequence[Measurement] = (),
) -> FemurMeasurements:
    """Measure the femora of a scan.

    Args:
        masks: "left_femur" and "right_femur" -> bool (K, J, I); missing ones count as empty.
        image: CT in HU.
        parameters: threshold and erosion of the compartments.
        calibration: None for HU only.
        why_none: what is said then.
        probability: of either proximal femur, (K, J, I). No interval of a volume without it.
        member_volumes_ml: segment key -> volume that each member measured.
        conformal: the bundle's calibration of intervals. None without it.
        frames, planes: by side, as an earlier measurement has them; fitted to the masks if None.
        whole: "left_femur" -> the femur with the part below the cut, to fit the frame to; the mask if None.
        further: rows that are made elsewhere.

    Raises:
        ValueError: if a mask or a probability is not on the grid of the image.
    """
    for name, array in (*masks.items(), *({} if probability is None else {TARGET: probability}).items()):
        if array.shape != image.shape:
            raise ValueError(f"{name} has shape {array.shape}, the image {image.shape}")
    sides = {}
    for side in SIDES:
        mask = masks.get(key(side, FEMUR))
        if mask is not None and mask.any():
            frame = (frames or {}).get(side)
            every = None if whole is None else whole.get(key(side, FEMUR))
            doubt = Doubt(probability, (conformal or ConformalTable()).scale(TARGET), None)
            sides[side] = measure_side(side, mask, image, parameters, calibration, frame, (planes or {}).get(side), every, doubt)
    opened = {} if probability is None else _open_voxels(masks, sides, image, probability)
    table, members = conformal or ConformalTable(), member_volumes_ml or {}
    return _table(masks, image, sides, opened, probability, parameters, calibration, why_none, members, table, None, tuple(further))


def remeasure(
    masks: Masks,
    image: Image,
    previous: FemurMeasurements,
    reviewed: NDArray[np.bool_] | None = None,
    changed: Iterable[str] | None = None,
    parameters: Parameters | None = None,
    calibration: Calibration | None = None,
    why_none: str | None = None,
    planes: Mapping[str, Mapping[str, Plane]] | None = None,
    further: Sequence[Measurement] | None = None,
) -> FemurMeasurements:
    """The table after something changed; what is None is as it was.

    Args:
        changed: keys of the segments that were edited; those whose number of voxels changed if None.
        why_none: "" with a new calibration; a sentence to measure without one from now on.
    """
    counts = {key(side, FEMUR): _count(masks, key(side, FEMUR)) for side in SIDES}
    edited = {name for name, count in counts.items() if count != previous.counts.get(name, 0)} if changed is None else set(changed)
    anew = parameters is not None or why_none is not None
    parameters = parameters or previous.parameters
    if why_none is None:
        calibration, why_none = previous.calibration, previous.why_none
    sides = {}
    for side in SIDES:
        mask, before = masks.get(key(side, FEMUR)), previous.sides.get(side)
        if mask is None or not counts[key(side, FEMUR)]:
            continue
        own = (planes or {}).get(side)
        settled = reviewed is not None and _newly(reviewed, before, previous)
        if before is not None and not anew and own is None and key(side, FEMUR) not in edited and not settled:
            sides[side] = before
        else:
            frame, kept = (None, None) if before is None else (before.frame, before.planes)
            doubt = Doubt(previous.probability, previous.conformal.scale(TARGET), reviewed)
            sides[side] = measure_side(side, mask, image, parameters, calibration, frame, own or kept, None, doubt)
    rows = previous.further if further is None else tuple(further)
    opened, members = previous.open_voxels, previous.member_volumes_ml
    table, p = previous.conformal, previous.probability
    return _table(masks, image, sides, opened, p, parameters, calibration, why_none, members, table, reviewed, rows)


def _newly(reviewed: NDArray[np.bool_], before: SideMeasured | None, previous: FemurMeasurements) -> bool:
    """True if something was reviewed where this side is uncertain."""
    if before is None or previous.probability is None:
        return False
    return bool((reviewed[before.box] & (np.abs(previous.probability[before.box] - 0.5) < 0.49)).any())


def calibration_residuals(measured: FemurMeasurements, voxel_ml: float, truth_ml: Mapping[str, float]) -> list[float]:
    """What one calibration case adds to the residuals, for ``ConformalEntry.from_residuals``; ``truth_ml`` by segment key."""
    found = []
    for segment, stake in measured.stakes.items():
        if segment in truth_ml and measured.counts[segment]:
            found.append(residual(measured.counts[segment] * voxel_ml, truth_ml[segment], stake))
    return found


def _table(
    masks: Masks,
    image: Image,
    sides: Mapping[str, SideMeasured],
    opened: Mapping[str, OpenVoxels],
    probability: NDArray[Any] | None,
    parameters: Parameters,
    calibration: Calibration | None,
    why_none: str,
    members: Mapping[str, Sequence[float]],
    conformal: ConformalTable,
    reviewed: NDArray[np.bool_] | None,
    further: tuple[Measurement, ...],
) -> FemurMeasurements:
    counts = {key(side, FEMUR): _count(masks, key(side, FEMUR)) for side in SIDES}
    stakes = {name: voxels.stake(image.voxel_ml, members.get(name, ()), masks.get(name), reviewed) for name, voxels in opened.items()}
    scale = conformal.scale(TARGET)
    rows: list[Measurement] = []
    for side, measured in sides.items():
        name = key(side, FEMUR)
        rows += [
            _with_interval(row, stakes.get(name), scale) if row.segment == name and row.name == VOLUME else row for row in measured.rows
        ]
        rows += [row for row in further if row.segment.startswith(f"{side}_")]
    rows += _differences(rows)
    warnings = [sentence for measured in sides.values() for sentence in measured.warnings]
    if calibration is not None:
        warnings += calibration.warnings
    elif why_none:
        warnings.append(why_none)
    if scale is None and sides:
        warnings.append("The model has no calibrated intervals, so volumes are stated without.")
    notes = _notes(calibration, parameters, conformal, scale)
    return FemurMeasurements(
        rows, warnings, notes, sides, counts, stakes, calibration, why_none, parameters, conformal, probability, opened, members, further
    )


def _with_interval(row: Measurement, stake: Stake | None, scale: float | None) -> Measurement:
    if stake is None or scale is None or not math.isfinite(row.value):
        return row
    low, high = scaled_interval(row.value, stake, scale)
    return replace(row, low=low, high=high, level=LEVEL)


def _differences(rows: Sequence[Measurement]) -> list[Measurement]:
    """Left minus right in percent of their mean; its interval takes the errors of the sides as independent."""
    found = []
    for name, part in _COMPARED:
        pair = [next((row for row in rows if row.segment == key(side, part) and row.name == name), None) for side in SIDES]
        left, right = pair
        if left is None or right is None or not (math.isfinite(left.value) and math.isfinite(right.value)):
            continue
        mean = (left.value + right.value) / 2
        if mean <= 0:
            continue
        difference = 100 * (left.value - right.value) / mean
        low = high = level = None
        if None not in (left.low, left.high, right.low, right.high):
            down = math.hypot(left.value - left.low, right.high - right.value)  # type: ignore[operator]
            up = math.hypot(left.high - left.value, right.value - right.low)  # type: ignore[operator]
            low, high, level = difference - 100 * down / mean, difference + 100 * up / mean, left.level
        what = name if part == FEMUR else "Total hip aBMD"
        found.append(Measurement(BOTH, f"{what}, left minus right", difference, "%", low, high, level))
    return found


def _notes(calibration: Calibration | None, parameters: Parameters, conformal: ConformalTable, scale: float | None) -> list[str]:
    notes = [
        "The proximal femur ends at a plane across the shaft 20 mm below the tip of the lesser trochanter; "
        "total hip is neck and trochanteric region."
    ]
    if calibration is not None:
        fit = f", R² {calibration.r_squared:.4f}" if math.isfinite(calibration.r_squared) else ""
        error = f", standard error {calibration.residual_mg_cm3:.1f} mg/cm³" if math.isfinite(calibration.residual_mg_cm3) else ""
        notes.append(
            f"Density = {calibration.slope:.4f} · HU {calibration.intercept:+.2f} in {calibration.unit} "
            f"({calibration.source}{fit}{error}). Densities of other phantoms are not comparable."
        )
        notes.append(
            f"Cortical: {parameters.threshold:g} mg/cm³ and more; trabecular: below that and "
            f"deeper than {parameters.erosion_mm:g} mm under the surface."
        )
    if scale is not None:
        notes.append(f"Volumes: {conformal.entries[TARGET].sentence}.")
    return notes


def _count(masks: Masks, segment: str) -> int:
    mask = masks.get(segment)
    return 0 if mask is None else int(np.count_nonzero(mask))


def _open_voxels(masks: Masks, sides: Mapping[str, SideMeasured], image: Image, probability: NDArray[Any]) -> dict[str, OpenVoxels]:
    """Open voxels of each femur; those outside of both masks go to the side whose middle is nearer."""
    union = np.zeros(image.shape, bool)
    for side in sides:
        union |= np.asarray(masks[key(side, FEMUR)], bool)
    both = OpenVoxels.find(probability, union)
    if len(sides) == 1:
        return {key(next(iter(sides)), FEMUR): both}
    if not sides:
        return {}
    middles = {}
    for side, measured in sides.items():
        center = np.add(measured.low, np.array(measured.shape) / 2)
        middles[side] = (image.ijk_to_ras @ (*center[::-1], 1.0))[:3]
    k, rest = np.divmod(both.index, image.shape[1] * image.shape[2])
    j, i = np.divmod(rest, image.shape[2])
    points = np.c_[i, j, k] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
    left = np.linalg.norm(points - middles["left"], axis=1) < np.linalg.norm(points - middles["right"], axis=1)
    for side in SIDES:
        left[np.take(np.asarray(masks[key(side, FEMUR)], bool), both.index)] = side == "left"
    return {key("left", FEMUR): both.select(left), key("right", FEMUR): both.select(~left)}
