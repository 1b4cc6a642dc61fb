"""From the outlines to the table: volume with interval, verdicts, lengths, formulas.

``measure_spleen`` measures a result once; ``remeasure`` brings the table up to date after an edit or a review.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError

from .outlines import Outline, doubt_of_volume, masks_for_volume, outline_of, parts_by_view
from .parameters import Parameters
from .picture import Picture
from .segments import VIEWS
from .table import not_measured, notes_of, rows_of, warnings_of
from .volume import Views, VolumeEstimate, VolumeModel

if TYPE_CHECKING:
    from DeepVolumetryLib.measure.measurement import Measurement
    from DeepVolumetryLib.result import Result

_Z = 1.96


@dataclass(frozen=True)
class SpleenMeasurements:
    """A measured study, and what is needed to measure it again after an edit.

    Attributes:
        measurements: the table, in display order.
        warnings: sentences about what may be wrong with this study.
        notes: sentences that belong below the table: which method, how the interval came about, which limits were used.
        estimate: volume and interval; None if there is nothing to estimate it from.
        views: the outlines that it was estimated from; None likewise.
        outlines: view -> what is known about its outline.
        parameters: the parameters that were used.
        pictures: view -> its picture.
        model: what estimates.
        raw: the estimate before the doubt about the outlines was added.
    """

    measurements: list[Measurement]
    warnings: list[str]
    notes: list[str]
    estimate: VolumeEstimate | None
    views: Views | None
    outlines: Mapping[str, Outline]
    parameters: Parameters
    pictures: Mapping[str, Picture] = field(repr=False)
    model: VolumeModel = field(repr=False)
    raw: VolumeEstimate | None = field(repr=False)


def measure_spleen(result: Result, parameters: Parameters, model: VolumeModel) -> SpleenMeasurements:
    """Measure the spleen of a result; its masks count as they are now.

    Args:
        result: on the coronal picture, with the other views as companions; ``extras["member_areas_mm2"]`` has what each member outlined.
        parameters: method, calipers, orientations and facts about the patient.
        model: estimates the volume.
    """
    pictures = {view: Picture.of(part.image) for view, part in parts_by_view(result).items()}
    return _measured(result, parameters, model, pictures)


def remeasure(
    result: Result, previous: SpleenMeasurements, parameters: Parameters | None = None, changed: Iterable[str] | None = None
) -> SpleenMeasurements:
    """The table after an edit, a review, or with other parameters.

    Args:
        result: its masks and regions as they are now.
        previous: the last measurement of this study.
        parameters: those of ``previous`` if None.
        changed: keys of what was edited; with none, and the same way to estimate, the volume is not estimated again. None if not known.
    """
    parameters = parameters or previous.parameters
    same = changed is not None and not set(changed) and previous.raw is not None and _way(parameters) == _way(previous.parameters)
    return _measured(result, parameters, previous.model, previous.pictures, previous if same else None)


def widened(estimate: VolumeEstimate, doubt: float, seed: int = 0) -> VolumeEstimate:
    """An estimate with what the outlines are in doubt added to its interval and to its distribution.

    The interval of an estimate was calibrated on true outlines: it knows nothing of how the outline came about. Both errors are taken as
    independent, in the logarithm of the volume (ours).

    Args:
        doubt: standard deviation of the logarithm of the volume that comes from the outlines.
        seed: of the draws.
    """
    if doubt <= 0 or not math.isfinite(estimate.volume_ml):
        return estimate
    low, high = (
        estimate.volume_ml * math.exp(sign * math.hypot(math.log(end / estimate.volume_ml), _Z * doubt)) if end > 0 else end
        for sign, end in ((-1, estimate.low_ml), (1, estimate.high_ml))
    )
    factor = np.exp(np.random.default_rng(seed).normal(0, doubt, len(estimate.samples_ml)))
    return replace(estimate, low_ml=low, high_ml=high, samples_ml=estimate.samples_ml * factor)


def _measured(
    result: Result,
    parameters: Parameters,
    model: VolumeModel,
    pictures: Mapping[str, Picture],
    known: SpleenMeasurements | None = None,
) -> SpleenMeasurements:
    areas: Mapping[str, Sequence[float]] = result.extras.get("member_areas_mm2", {})
    outlines = {view: outline_of(part, pictures[view], areas.get(view, ())) for view, part in parts_by_view(result).items()}
    problem = ""
    if known is not None:
        views, raw = known.views, known.raw
    else:
        views, raw, problem = _estimated(result, parameters, model, pictures)
    doubt = doubt_of_volume({view: outline for view, outline in outlines.items() if outline.area_mm2 > 0})
    estimate = None if raw is None else widened(raw, doubt, parameters.seed)
    if estimate is None or views is None:
        rows, warnings, notes = [not_measured(problem)], [problem], []
    else:
        rows = rows_of(estimate, views, parameters)
        warnings, notes = warnings_of(estimate, outlines, parameters), notes_of(estimate, views, doubt, parameters)
    return SpleenMeasurements(rows, warnings, notes, estimate, views, outlines, parameters, pictures, model, raw)


def _estimated(
    result: Result, parameters: Parameters, model: VolumeModel, pictures: Mapping[str, Picture]
) -> tuple[Views | None, VolumeEstimate | None, str]:
    """What was estimated from; the estimate; or why there is none. A spleen that was not found can still be drawn by hand."""
    try:
        masks = masks_for_volume(result, pictures, parameters)
        if VIEWS[0] not in masks:
            return None, None, f"No spleen was found in the {VIEWS[0]} view. Draw it with the tools of Correct, or choose another picture."
        views = Views(masks, parameters.calipers)
        return views, model.estimate(views, parameters.method, parameters.seed), ""
    except InputError as error:
        return None, None, str(error)


def _way(parameters: Parameters) -> dict[str, object]:
    """What of the parameters the estimate depends on."""
    patient = ("age", "sex", "height_cm", "members")
    return {name: value for name, value in parameters.to_dict().items() if name not in patient}
