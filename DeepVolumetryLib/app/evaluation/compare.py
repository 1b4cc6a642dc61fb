"""One case: how well a result agrees with its reference, target by target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measure.overlap import overlap
from ...measure.volumes import bounding_box
from ...uncertainty.rank import error_share
from ...uncertainty.score import qu_brats_score
from .targets import SIDES, Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ...image import Image
    from ...result import Result

MARGIN_MM = 10.0
"""True negatives of the uncertainty score are counted this far around what either mask has; the whole body would drown the rest."""


def compare(result: Result, reference: Image, wanted: Sequence[Comparison], volumes_ml: dict[str, float]) -> dict[str, Any]:
    """Numbers of one case.

    Args:
        result: on the grid of the reference.
        reference: label map.
        wanted: what to compare.
        volumes_ml: true volumes that replace the counted ones.

    Returns:
        "targets": name -> numbers (None where one is not defined); "error_share_first_10": of all targets together.
    """
    targets = {}
    wrong = np.zeros(reference.shape, bool)
    has_parts = any(item.target != "kidney" for item in wanted)
    for number, item in enumerate(wanted):
        found, true = item.found(result.segments, reference.shape), item.reference(reference.voxels)
        error = found ^ true
        # A wrong organ outline is wrong in its parts too, which are what the review list is made of.
        if item.name == item.target and (item.target != "kidney" or not has_parts):
            wrong |= error
        given = volumes_ml.get(item.name, volumes_ml.get("") if number == 0 else None)
        targets[item.name] = {
            **_agreement(found, true, reference, given),
            **_interval(result, item, given if given is not None else float(true.sum()) * reference.voxel_ml),
            **_uncertainty(result, item, found, true, reference),
        }
    return {"targets": targets, "error_share_first_10": _none(error_share(wrong, result.regions, first=10))}


def _agreement(found: NDArray, true: NDArray, image: Image, given_ml: float | None) -> dict[str, Any]:
    numbers = overlap(found, true, image)
    return (numbers if given_ml is None else replace(numbers, reference_ml=given_ml)).to_dict()


def _interval(result: Result, item: Comparison, true_ml: float) -> dict[str, Any]:
    """The stated volume with its interval; both sides together if the module has no such sum, ends added (the cautious reading)."""
    stated = {m.segment: m for m in result.measurements if m.name == "Volume" and m.unit == "mL"}
    keys = [item.name] if item.name.startswith(SIDES) else [f"total_{item.name}"]
    if keys[0] not in stated:
        keys = [key for key in item.segments if key in stated]
    chosen = [stated[key] for key in keys if key in stated]
    if not item.measured or not chosen or any(m.low is None or m.high is None for m in chosen):
        return {"interval_low_ml": None, "interval_high_ml": None, "interval_level": None, "interval_hit": None}
    low, high = (float(sum(getattr(m, end) for m in chosen)) for end in ("low", "high"))
    return {"interval_low_ml": low, "interval_high_ml": high, "interval_level": chosen[0].level, "interval_hit": low <= true_ml <= high}


def _uncertainty(result: Result, item: Comparison, found: NDArray, true: NDArray, image: Image) -> dict[str, Any]:
    """QU-BraTS and the share of the error in the first review regions; only for both sides together, as the maps are."""
    empty = {
        "qu_brats": None,
        "qu_brats_dice_auc": None,
        "qu_brats_ftp_auc": None,
        "qu_brats_ftn_auc": None,
        "target_error_share_first_10": None,
    }
    values = result.uncertainty.get(item.target)
    margin = math.ceil(MARGIN_MM / min(image.spacing))
    box = bounding_box(found | true, margin)
    if values is None or box is None or item.name != item.target:
        return empty
    score = qu_brats_score(found[box], true[box], values[box])
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
