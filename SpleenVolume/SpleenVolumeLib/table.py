"""The rows of the table, and the sentences around it. Everything is computed from an estimate and the outlines it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import VOLUME

from . import references, verdict
from .methods import BESIDE, TITLES
from .segments import KEY
from .volume.features import lengths, splenic_index_cm3

if TYPE_CHECKING:
    from .outlines import Outline
    from .parameters import Parameters
    from .volume import Views, VolumeEstimate

RESEARCH = "A volume from one or two pictures is an estimate of the shape that nobody saw in between: it is research, not a measurement."
_VIEW_WORDS = {1: "one view", 2: "two views", 3: "three views"}


def rows_of(estimate: VolumeEstimate, views: Views, parameters: Parameters) -> list[Measurement]:
    """All measurements in display order."""
    interval = _interval(estimate.low_ml, estimate.high_ml)
    volume = estimate.volume_ml
    rows = [_row("Volume", volume, "mL", interval, estimate.level, verdict.adult_verdict(volume, interval, parameters))]
    if not parameters.is_child:
        share = verdict.probability_above(estimate.samples_ml)
        rows.append(_row(f"Probability of more than {references.ADULT_HIGH_ML} mL", 100 * share, "%"))
        limits = references.by_height(parameters.sex, parameters.height_cm)
        if limits is not None:
            words = verdict.height_verdict(volume, interval, limits)
            rows.append(_row("Volume limit by sex and height", limits.volume_ml, "mL", verdict=f"the volume is {_after_is(words)}"))
    measured = lengths(views)
    rows += _length_rows(measured, parameters)
    index = splenic_index_cm3(measured)
    if index is not None:
        rows.append(_row("Splenic index (L × W × T)", index, "cm3", verdict=verdict.index_verdict(index, parameters)))
    for method in (each for each in BESIDE if each in estimate.others):
        value, low, high = estimate.others[method]
        rows.append(_row(f"Volume, {TITLES[method]}", value, "mL", _interval(low, high), estimate.level))
    return rows


def not_measured(problem: str) -> Measurement:
    """The row where no volume can be told."""
    return Measurement(KEY, "Volume", math.nan, "mL", code=VOLUME, verdict="not measured" if problem else "")


def warnings_of(estimate: VolumeEstimate, outlines: Mapping[str, Outline], parameters: Parameters) -> list[str]:
    """Sentences about what may be wrong with this study."""
    sentences = [
        f"The spleen reaches the edge of the picture in the {view} view: part of it was not seen, and the volume is too small."
        for view, outline in outlines.items()
        if outline.cut_off
    ]
    sentences += [
        f"No spleen was found in the {view} view, so the volume comes from the others. Draw it there, or choose another picture."
        for view, outline in outlines.items()
        if outline.area_mm2 == 0
    ]
    if _interval(estimate.low_ml, estimate.high_ml) is None:
        sentences.append(f"No interval is stated: the method “{estimate.method_title}” was calibrated on too few spleens.")
    return [*sentences, *estimate.flags, *verdict.missing_references(parameters)]


def notes_of(estimate: VolumeEstimate, views: Views, doubt: float, parameters: Parameters) -> list[str]:
    """Sentences that belong below the table."""
    given = [_VIEW_WORDS[len(views.planes)], *(f"the caliper for the {name.removesuffix('_mm')}" for name in views.calipers)]
    sentences = [f"Method: {estimate.method_title}, from {_listed(given)}."]
    if _interval(estimate.low_ml, estimate.high_ml) is not None:
        sentences.append(_about_interval(estimate, doubt))
    if estimate.nearest:
        near = estimate.nearest[0]
        sentences.append(f"The most similar spleen that the model knows has {near['volume_ml']:.0f} mL ({near['source']}).")
    used = [references.PRASSOPOULOS] if not parameters.is_child else []
    if not parameters.is_child and references.by_height(parameters.sex, parameters.height_cm) is not None:
        used.append(references.CHOW)
    if parameters.is_child and parameters.age is not None and references.child_length_limit_mm(parameters.age) is not None:
        used.append(references.ROSENBERG)
    sentences.append(verdict.sources(used))
    return [sentence for sentence in (*sentences, RESEARCH) if sentence]


def _about_interval(estimate: VolumeEstimate, doubt: float) -> str:
    if not estimate.calibration_cases:
        return f"{100 * estimate.level:g} % interval: its width is an assumption, it was not calibrated on real spleens."
    text = f"{100 * estimate.level:g} % interval: its width comes from {estimate.calibration_cases} real spleens"
    if math.isfinite(estimate.coverage):
        text += f"; it held the truth in {100 * estimate.coverage:.0f} % of {estimate.coverage_cases}, with true outlines"
    if doubt > 0:
        text += f". The members' disagreement about the outline ({100 * doubt:.0f} % of the volume) is added"
    return f"{text}."


def _length_rows(measured: Mapping[str, float], parameters: Parameters) -> list[Measurement]:
    longest = measured["longest_mm"]
    rows = [_row("Length (largest diameter)", longest, "mm", verdict=verdict.length_verdict(longest, parameters))]
    rows.append(_row("Craniocaudal length", measured["length_mm"], "mm"))
    rows += [_row(name, measured[key], "mm") for name, key in (("Width", "width_mm"), ("Thickness", "thickness_mm")) if key in measured]
    return rows


def _row(
    name: str, value: float, unit: str, interval: tuple[float, float] | None = None, level: float | None = None, verdict: str = ""
) -> Measurement:
    code = VOLUME if name == "Volume" else None
    if interval is None:
        return Measurement(KEY, name, value, unit, code=code, verdict=verdict)
    return Measurement(KEY, name, value, unit, interval[0], interval[1], level, code, verdict)


def _interval(low: float, high: float) -> tuple[float, float] | None:
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _after_is(words: str) -> str:
    """What the volume is, where the words say that it cannot be decided."""
    return words.replace("cannot be decided: the interval crosses", "undecided: its interval crosses")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
