"""The rows of the table, and the sentences around it. Everything is computed from ``Numbers``; no voxel is touched here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from DeepVolumetryLib.measure import shares
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import VOLUME
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.interval import scaled_interval, within_whole
from DeepVolumetryLib.uncertainty.stake import Stake

from . import kidney_function as function
from . import references
from .parameters import Parameters
from .segments import SIDES, TARGETS, key
from .tumor import RIM_MM, TumorDescription

GFR_UNIT = "mL/min/{1.73_m2}"
Interval = tuple[float, float]


@dataclass(frozen=True)
class Numbers:
    """What was counted in the voxels of one study.

    Attributes:
        voxel_ml: volume of one voxel in mL.
        counts: segment key -> voxels.
        lengths_mm: side -> length of the kidney, NaN without one.
        cut_off: side -> whether the kidney reaches the edge of the image.
        tumors: side -> description of its largest mass.
        stakes: segment key -> what is still at stake; only where a probability is known.
        conformal: calibration of the bundle.
        level: nominal coverage of the intervals.
        modality: DICOM modality of the image.
    """

    voxel_ml: float
    counts: Mapping[str, int]
    lengths_mm: Mapping[str, float]
    cut_off: Mapping[str, bool]
    tumors: Mapping[str, TumorDescription | None]
    stakes: Mapping[str, Stake]
    conformal: ConformalTable
    level: float
    modality: str = ""

    def volume(self, segment: str) -> float:
        """Volume in mL."""
        return self.counts[segment] * self.voxel_ml

    def interval(self, segment: str) -> Interval | None:
        """Interval of a volume in mL, None where none can be stated: a kidney that was not found is no measured 0 mL."""
        side, target = segment.split("_")
        scale = self.conformal.scale(target, self.level)
        stake = self.stakes.get(segment)
        if scale is None or stake is None or not self.found(side):
            return None
        own = scaled_interval(self.volume(segment), stake, scale)
        return own if target == "kidney" else within_whole(self.volume(segment), own, self.interval(key(side, "kidney")))

    def total(self, target: str) -> tuple[float, Interval | None]:
        """Volume of the sides that were found and its interval; errors of both sides are taken to go the same way."""
        value = sum(self.volume(key(side, target)) for side in SIDES)
        ends = [self.interval(key(side, target)) for side in SIDES if self.found(side)] or [None]
        low, high = (sum(end[i] for end in ends if end is not None) for i in (0, 1))
        return value, None if None in ends else (low, high)

    def found(self, side: str) -> bool:
        """True if the side has a kidney."""
        return self.counts[key(side, "kidney")] > 0


def rows_of(numbers: Numbers, parameters: Parameters) -> list[Measurement]:
    """All measurements in display order: left, right, both."""
    bsa = _bsa(parameters)
    gfr = _gfr(parameters)
    rows = []
    for side in SIDES:
        rows += _organ_rows(side, numbers, parameters)
        if not numbers.found(side):
            continue
        rows += _share_rows(side, numbers)
        if bsa:
            rows += [_indexed(key(side, target), numbers, bsa, parameters) for target in ("kidney", "parenchyma")]
        if gfr:
            rows += _function_rows(side, numbers, gfr[1])
        rows += _tumor_rows(side, numbers)
    for target in ("kidney", "parenchyma"):
        value, interval = numbers.total(target)
        rows.append(_row(f"total_{target}", "Volume", value, "mL", interval, numbers.level))
        if bsa:
            per_area = None if interval is None else (interval[0] / bsa, interval[1] / bsa)
            rows.append(_row(f"total_{target}", "Volume per body surface area", value / bsa, "mL/m2", per_area, numbers.level))
    rows.append(_ratio("total_parenchyma", numbers.total("parenchyma"), numbers.total("kidney"), numbers.level))
    if bsa:
        rows.append(_row("both_kidneys", "Body surface area (Mosteller)", bsa, "m2"))
    if gfr:
        stage, words = function.ckd_stage(gfr[1])
        rows.append(_row("both_kidneys", gfr[0], gfr[1], GFR_UNIT, verdict=f"{stage}, {words}"))
    return rows


def warnings_of(numbers: Numbers, parameters: Parameters) -> list[str]:
    """Sentences about what may be wrong with this study."""
    found = [side for side in SIDES if numbers.found(side)]
    sentences = []
    if not found:
        sentences.append("No kidney was found.")
    elif len(found) == 1:
        other = SIDES[1 - SIDES.index(found[0])]
        sentences.append(f"Only the {found[0]} kidney was found. If the {other} one is in the image, add it by hand.")
    for side in found:
        if numbers.cut_off[side]:
            sentences.append(f"The {side} kidney reaches the edge of the image; its volumes are lower bounds.")
    without = [t for t in TARGETS if any(numbers.interval(key(side, t)) is None for side in found)]
    if without:
        sentences.append(f"No interval is stated for {_listed(without)}: the model carries too few calibration cases for it.")
    if parameters.creatinine_mg_dl is not None and _gfr(parameters) is None:
        sentences.append(_why_no_gfr(parameters))
    return sentences


def notes_of(numbers: Numbers, parameters: Parameters) -> list[str]:
    """Sentences that belong below the table."""
    sentences = [
        f"{target.capitalize()}: {numbers.conformal.entries[target].sentence}."
        for target in TARGETS
        if any(numbers.interval(key(side, target)) is not None for side in SIDES)
    ]
    if any(numbers.found(side) for side in SIDES):
        sentences.append(function.EQUAL_FUNCTION)
    if references.parenchyma_percentiles("right", parameters.sex, parameters.age):
        other = " Volumes from CT may differ." if numbers.modality == "CT" else ""
        sentences.append(f"Reference values: {references.SHIP_TREND}.{other}")
    if any(numbers.tumors.values()):
        sentences.append("Masses are described along the components of R.E.N.A.L. nephrometry; no score is given.")
        if _gfr(parameters):
            sentences.append("GFR after surgery is an estimate for planning; its formulas were not validated here.")
    return sentences


def _organ_rows(side: str, numbers: Numbers, parameters: Parameters) -> list[Measurement]:
    if not numbers.found(side):
        drawn = [key(side, target) for target in TARGETS if numbers.counts[key(side, target)]]
        missing = _row(key(side, "kidney"), "Volume", 0.0, "mL", verdict="not found")
        return [missing, *(_row(segment, "Volume", numbers.volume(segment), "mL") for segment in drawn)]
    rows = []
    for target in TARGETS:
        segment = key(side, target)
        verdict = ""
        if target == "parenchyma":
            verdict = references.parenchyma_verdict(numbers.volume(segment), side, parameters.sex, parameters.age)
        rows.append(_row(segment, "Volume", numbers.volume(segment), "mL", numbers.interval(segment), numbers.level, verdict))
    adult = parameters.age is None or parameters.age >= 18
    length = numbers.lengths_mm[side]
    verdict = references.length_verdict(length, side) if adult else ""
    rows.insert(1, _row(key(side, "kidney"), "Length", length, "mm", verdict=verdict))
    return rows


def _share_rows(side: str, numbers: Numbers) -> list[Measurement]:
    own, other = (key(s, "parenchyma") for s in (side, SIDES[1 - SIDES.index(side)]))
    kidney = key(side, "kidney")
    ratio = _ratio(own, (numbers.volume(own), numbers.interval(own)), (numbers.volume(kidney), numbers.interval(kidney)), numbers.level)
    share, interval = _split(side, numbers)
    percent = None if interval is None else (100 * interval[0], 100 * interval[1])
    verdict = references.split_verdict(share) if numbers.counts[own] and numbers.counts[other] else ""
    return [ratio, _row(own, "Split function", 100 * share, "%", percent, numbers.level, verdict)]


def _split(side: str, numbers: Numbers) -> tuple[float, Interval | None]:
    own, other = (key(s, "parenchyma") for s in (side, SIDES[1 - SIDES.index(side)]))
    values = numbers.volume(own), numbers.volume(other)
    share = shares.share(*values)
    ends = numbers.interval(own), numbers.interval(other)
    if ends[0] is None or ends[1] is None or math.isnan(share):
        return share, None
    return share, shares.share_interval(values[0], ends[0], values[1], ends[1])


def _ratio(segment: str, part: tuple[float, Interval | None], whole: tuple[float, Interval | None], level: float) -> Measurement:
    """Parenchyma / kidney in percent; with errors of both taken as independent, which is the cautious reading."""
    name = "Parenchyma to kidney ratio"
    if whole[0] <= 0:
        return _row(segment, name, math.nan, "%")
    value = 100 * part[0] / whole[0]
    if part[1] is None or whole[1] is None:
        return _row(segment, name, value, "%")
    down = math.hypot(_relative(part[0], part[1][0]), _relative(whole[0], whole[1][1]))
    up = math.hypot(_relative(part[0], part[1][1]), _relative(whole[0], whole[1][0]))
    return _row(segment, name, value, "%", (max(0.0, value * (1 - down)), min(100.0, value * (1 + up))), level)


def _relative(value: float, end: float) -> float:
    return abs(end - value) / value if value > 0 else 0.0


def _indexed(segment: str, numbers: Numbers, bsa: float, parameters: Parameters) -> Measurement:
    value = numbers.volume(segment) / bsa
    interval = numbers.interval(segment)
    ends = None if interval is None else (interval[0] / bsa, interval[1] / bsa)
    child = parameters.age is not None and parameters.age < 18 and segment.endswith("kidney") and numbers.counts[segment] > 0
    verdict = references.child_verdict(value) if child else ""
    return _row(segment, "Volume per body surface area", value, "mL/m2", ends, numbers.level, verdict)


def _function_rows(side: str, numbers: Numbers, gfr: float) -> list[Measurement]:
    share, interval = _split(side, numbers)
    if math.isnan(share):
        return []
    ends = None if interval is None else (gfr * interval[0], gfr * interval[1])
    rows = [_row(key(side, "kidney"), "GFR of this side", gfr * share, GFR_UNIT, ends, numbers.level)]
    tumor = numbers.tumors[side]
    if tumor is None:
        return rows
    kidney = key(side, "kidney")
    if share < 1:
        after = function.gfr_after_radical_nephrectomy(gfr, 1 - share)
        rows.append(_row(kidney, "GFR after radical nephrectomy", after, GFR_UNIT, verdict=_estimated(after)))
    if math.isfinite(tumor.rim_fraction):
        after = function.gfr_after_partial_nephrectomy(gfr, share, tumor.rim_fraction)
        name = f"GFR after partial nephrectomy ({RIM_MM:g} mm rim)"
        rows.append(_row(kidney, name, after, GFR_UNIT, verdict=_estimated(after)))
    return rows


def _estimated(gfr: float) -> str:
    return f"{function.ckd_stage(gfr)[0]}; {function.ESTIMATE}"


def _tumor_rows(side: str, numbers: Numbers) -> list[Measurement]:
    tumor = numbers.tumors[side]
    if tumor is None:
        return []
    segment = key(side, "tumor")
    rows = [_row(segment, "Largest diameter", tumor.diameter_mm, "mm", verdict=tumor.words)]
    if math.isfinite(tumor.sinus_mm):
        rows.append(_row(segment, "Distance to sinus", tumor.sinus_mm, "mm"))
    return rows


def _row(
    segment: str, name: str, value: float, unit: str, interval: Interval | None = None, level: float | None = None, verdict: str = ""
) -> Measurement:
    code = VOLUME if name == "Volume" else None
    if interval is None:
        return Measurement(segment, name, value, unit, code=code, verdict=verdict)
    return Measurement(segment, name, value, unit, interval[0], interval[1], level, code, verdict)


def _bsa(parameters: Parameters) -> float | None:
    if parameters.height_cm is None or parameters.weight_kg is None:
        return None
    return function.bsa_mosteller(parameters.height_cm, parameters.weight_kg)


def _gfr(parameters: Parameters) -> tuple[str, float] | None:
    """Name of the equation and eGFR; None if something that it needs is not given."""
    creatinine, age = parameters.creatinine_mg_dl, parameters.age
    if creatinine is None or age is None:
        return None
    if age >= 18:
        return ("eGFR (CKD-EPI 2021)", function.egfr_ckd_epi_2021(creatinine, age, parameters.sex)) if parameters.sex else None
    if age < 1 or parameters.height_cm is None:
        return None
    return "eGFR (bedside Schwartz)", function.egfr_bedside_schwartz(creatinine, parameters.height_cm, age)


def _why_no_gfr(parameters: Parameters) -> str:
    if parameters.age is None:
        return "eGFR was not computed: give the age too."
    if parameters.age < 1:
        return "eGFR was not computed: there is no equation for infants here."
    return f"eGFR was not computed: give the {'height' if parameters.age < 18 else 'sex'} too."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
