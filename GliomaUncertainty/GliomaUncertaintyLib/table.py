"""The rows of the table, and the sentences around it. Everything is computed from ``Numbers``; no voxel is touched here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from DeepVolumetryLib.measure import shares
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import VOLUME
from DeepVolumetryLib.result import Code
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.interval import scaled_interval, within_whole
from DeepVolumetryLib.uncertainty.stake import Stake

from .diameters import Lesion
from .doubt import Doubt
from .labels import TARGETS
from .segments import KEYS, PARENTS

Interval = tuple[float, float]

SIZED = ("ET", "WT")
"""Targets whose lesions are measured: enhancing tumor, and whole tumor where nothing enhances."""
TARGET_LESIONS = 2
"""Lesions whose products are summed: RANO 2.0 follows two of a kind by default, up to three."""

LONG_AXIS = Code("SCT", "103339001", "Long Axis")
SHORT_AXIS = Code("SCT", "103340004", "Short Axis")

LESIONS, MEASURABLE = "Lesions", "Measurable lesions"
LONGEST, PERPENDICULAR = "Longest diameter", "Perpendicular diameter"
PRODUCT, SUM_OF_PRODUCTS = "Bidimensional product", "Sum of products of target lesions"
NAMES = {
    "WT": "whole tumor",
    "TC": "tumor core",
    "ET": "enhancing tumor",
    "edema": "edema",
    "necrosis": "necrosis or non-enhancing core",
}
"""What segment keys are called in a sentence."""
HOW_MEASURED = (
    "Diameters and lesion counts follow the rules of RANO 2.0 and are computed from the masks, for research: a diameter runs within the "
    "lesion in one axial slice, cavities and necrosis left out; the slice with the largest product counts."
)


@dataclass(frozen=True)
class Numbers:
    """What was counted in the voxels of one study.

    Attributes:
        voxel_ml: volume of one voxel in mL.
        counts: segment key -> voxels.
        lesions: target -> its lesions, the largest first.
        stakes: segment key -> what is still at stake; only where a probability is known.
        doubts: target -> mean uncertainty; only where a probability is known.
        cut_off: whether the tumor reaches the edge of the image.
        conformal: calibration of the bundle.
        level: nominal coverage of the intervals.
    """

    voxel_ml: float
    counts: Mapping[str, int]
    lesions: Mapping[str, tuple[Lesion, ...]]
    stakes: Mapping[str, Stake]
    doubts: Mapping[str, Doubt]
    cut_off: bool
    conformal: ConformalTable
    level: float

    def volume(self, key: str) -> float:
        """Volume in mL."""
        return self.counts[key] * self.voxel_ml

    def interval(self, key: str) -> Interval | None:
        """Interval of a volume in mL, None where none can be stated. What was not found may still have been missed."""
        scale = self.conformal.scale(key, self.level)
        stake = self.stakes.get(key)
        if scale is None or stake is None:
            return None
        own, whole = scaled_interval(self.volume(key), stake, scale), PARENTS.get(key)
        return own if whole is None else within_whole(self.volume(key), own, self.interval(whole))


def rows_of(numbers: Numbers) -> list[Measurement]:
    """All measurements in display order."""
    rows = []
    for key in KEYS:
        absent = not numbers.counts[key]
        rows.append(_row(key, "Volume", numbers.volume(key), "mL", numbers.interval(key), numbers.level, "not found" if absent else ""))
        if key in numbers.lesions:
            rows += _size_rows(key, numbers.lesions[key])
        if key in numbers.doubts and not absent:
            doubt = numbers.doubts[key]
            rows += [_row(key, "Mean uncertainty", doubt.mask, "%"), _row(key, "Mean uncertainty at the boundary", doubt.rim, "%")]
    if numbers.counts["TC"]:
        rows += [_share("ET", "necrosis", numbers), _share("necrosis", "ET", numbers)]
    return rows


def warnings_of(numbers: Numbers) -> list[str]:
    """Sentences about what may be wrong with this study."""
    if not numbers.counts["WT"]:
        return ["No tumor was found. Look at the review list before you believe it."]
    sentences = []
    if numbers.cut_off:
        sentences.append("The tumor reaches the edge of the image; its volumes are lower bounds.")
    without = [NAMES[target] for target in TARGETS if numbers.interval(target) is None]
    if without:
        sentences.append(f"No interval is stated for {_listed(without)}: the model carries too few calibration cases for it.")
    return sentences


def notes_of(numbers: Numbers) -> list[str]:
    """Sentences that belong below the table."""
    sentences = [
        f"{NAMES[key].capitalize()}: {numbers.conformal.entries[key].sentence}." for key in KEYS if numbers.interval(key) is not None
    ]
    if numbers.counts["WT"]:
        sentences.append(HOW_MEASURED)
    return sentences


def _size_rows(target: str, found: tuple[Lesion, ...]) -> list[Measurement]:
    """Lesions of a target: how many, the size of the largest by product, and the sum over the target lesions."""
    if not found:
        return [_row(target, LESIONS, 0.0, "1"), _row(target, MEASURABLE, 0.0, "1")]
    measurable = [lesion for lesion in found if lesion.measurable]
    largest = max(found, key=lambda lesion: lesion.diameters.product_mm2).diameters
    chosen = sorted((lesion.diameters.product_mm2 for lesion in measurable), reverse=True)[:TARGET_LESIONS]
    rows = [
        _row(target, LESIONS, float(len(found)), "1"),
        _row(target, MEASURABLE, float(len(measurable)), "1"),
        Measurement(target, LONGEST, largest.longest_mm, "mm", code=LONG_AXIS),
        Measurement(target, PERPENDICULAR, largest.perpendicular_mm, "mm", code=SHORT_AXIS),
        _row(target, PRODUCT, largest.product_mm2, "mm2"),
    ]
    return [*rows, _row(target, SUM_OF_PRODUCTS, sum(chosen), "mm2")] if chosen else rows


def _share(part: str, rest: str, numbers: Numbers) -> Measurement:
    """Share of the core in percent; errors of its two parts are taken as independent."""
    value = shares.share(numbers.volume(part), numbers.volume(rest))
    own, other = numbers.interval(part), numbers.interval(rest)
    if own is None or other is None or math.isnan(value):
        return _row(part, "Share of the tumor core", 100 * value, "%")
    low, high = shares.share_interval(numbers.volume(part), own, numbers.volume(rest), other)
    return _row(part, "Share of the tumor core", 100 * value, "%", (100 * low, 100 * high), numbers.level)


def _row(
    segment: str, name: str, value: float, unit: str, interval: Interval | None = None, level: float | None = None, verdict: str = ""
) -> Measurement:
    code = VOLUME if name == "Volume" else None
    if interval is None:
        return Measurement(segment, name, value, unit, code=code, verdict=verdict)
    return Measurement(segment, name, value, unit, interval[0], interval[1], level, code, verdict)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
