"""One case: how well a result agrees with its reference, target by target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measure.overlap import overlap
from ...uncertainty.rank import error_share, shown
from ...uncertainty.score import qu_brats_score
from .calibration import calibration, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ...image import Image
    from ...measure.comparison import Comparison
    from ...measure.measurement import Measurement
    from ...result import Result


def compare(
    result: Result, reference: Image, wanted: Sequence[Comparison], volumes_ml: dict[str, float], region: NDArray | None = None
) -> dict[str, Any]:
    """Numbers of one case.

    Args:
        result: on the grid of the reference.
        reference: label map.
        wanted: what to compare.
        volumes_ml: true volumes that replace the counted ones.
        region: where the uncertainty score counts, bool (K, J, I); some millimeters around both masks if None.

    Returns:
        "targets": name -> numbers (None where one is not defined); "error_share_first_10": of all targets together;
        "shown_first_10_ml": volume of the boxes that hold that share.
    """
    targets = {}
    wrong = np.zeros(reference.shape, bool)
    for number, item in enumerate(wanted):
        found, true = item.found(result.segments, reference.shape), item.reference(reference.voxels)
        error = found ^ true
        if item.counts:
            wrong |= error
        given = volumes_ml.get(item.name, volumes_ml.get("") if number == 0 else None)
        counted = None if item.estimated else float(true.sum()) * reference.voxel_ml
        agreement = _agreement(found, true, reference, given)
        if item.estimated:
            agreement |= {"volume_ml": _stated_ml(result, item), "reference_ml": given}
        targets[item.name] = {
            **agreement,
            **_interval(result, item, given if given is not None else counted),
            **_uncertainty(result, item, found, true, reference, region),
            **calibration(result, item, found, true, reference, region),
        }
    return {
        "targets": targets,
        "error_share_first_10": _none(error_share(wrong, result.regions, first=10)),
        "shown_first_10_ml": float(np.count_nonzero(shown(reference.shape, result.regions, first=10)) * reference.voxel_ml),
    }


def _agreement(found: NDArray, true: NDArray, image: Image, given_ml: float | None) -> dict[str, Any]:
    numbers = overlap(found, true, image)
    return (numbers if given_ml is None else replace(numbers, reference_ml=given_ml)).to_dict()


def _stated(result: Result, item: Comparison) -> list[Measurement]:
    """The measured volumes that state the volume of what is compared; their sum counts."""
    stated = {m.segment: m for m in result.measurements if m.name == "Volume" and m.unit == "mL"}
    lists = ([stated[key] for key in keys if key in stated] for keys in item.stated)
    return next((found for found in lists if found), [])


def _stated_ml(result: Result, item: Comparison) -> float | None:
    chosen = _stated(result, item)
    return _none(float(sum(m.value for m in chosen))) if chosen else None


def _interval(result: Result, item: Comparison, true_ml: float | None) -> dict[str, Any]:
    """The stated volume with its interval; without a true volume nobody knows whether that held it."""
    chosen = _stated(result, item)
    if true_ml is None or not chosen or any(m.low is None or m.high is None for m in chosen):
        return {"interval_low_ml": None, "interval_high_ml": None, "interval_level": None, "interval_hit": None}
    low, high = (float(sum(getattr(m, end) for m in chosen)) for end in ("low", "high"))
    return {"interval_low_ml": low, "interval_high_ml": high, "interval_level": chosen[0].level, "interval_hit": low <= true_ml <= high}


def _uncertainty(result: Result, item: Comparison, found: NDArray, true: NDArray, image: Image, region: NDArray | None) -> dict[str, Any]:
    """QU-BraTS and the share of the error in the first review regions; only for what covers a whole map."""
    empty = {
        "qu_brats": None,
        "qu_brats_dice_auc": None,
        "qu_brats_ftp_auc": None,
        "qu_brats_ftn_auc": None,
        "target_error_share_first_10": None,
    }
    values = result.uncertainty.get(item.target)
    where = counted(found, true, image, region)
    if values is None or where is None or not item.scored:
        return empty
    box, inside = where
    score = qu_brats_score(found[box], true[box], values[box], inside)
    mine = [region for region in result.regions if region.target == item.target]
    return {
        "qu_brats": score.score,
        "qu_brats_dice_auc": score.dice_auc,
        "qu_brats_ftp_auc": score.ftp_auc,
        "qu_brats_ftn_auc": score.ftn_auc,
        "target_error_share_first_10": _none(error_share(found ^ true, mine, first=10)) if mine else None,
    }


def _none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
