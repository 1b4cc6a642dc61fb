"""Is a probability honest, and does the uncertainty find the errors? Where the uncertainty score counts, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measure.volumes import bounding_box
from ...uncertainty.calibrate import Reliability, reliability
from ...uncertainty.score import auroc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...image import Image
    from ...measure.comparison import Comparison
    from ...result import Result

MARGIN_MM = 10.0
"""True negatives are counted this far around what either mask has; the whole body would drown the rest."""
EMPTY: dict[str, Any] = {"ece": None, "error_auroc": None, "reliability": None}


def counted(found: NDArray, true: NDArray, image: Image, region: NDArray | None) -> tuple[Any, NDArray | None] | None:
    """Box in which the uncertainty is judged, and where inside of it (everywhere if None); None if there is nothing to judge.

    Args:
        found, true: masks (K, J, I).
        image: their grid.
        region: the module's own (the brain), bool (K, J, I); ``MARGIN_MM`` around both masks if None.
    """
    box = bounding_box(found | true, math.ceil(MARGIN_MM / min(image.spacing))) if region is None else bounding_box(region)
    return None if box is None else (box, None if region is None else region[box])


def calibration(result: Result, item: Comparison, found: NDArray, true: NDArray, image: Image, region: NDArray | None) -> dict[str, Any]:
    """Expected calibration error and reliability curve of the probability, AUROC of the uncertainty for the errors of the mask.

    Counted where the uncertainty score is; None where there is no map or nothing to judge.
    """
    probability, uncertainty = result.probability.get(item.target), result.uncertainty.get(item.target)
    where = counted(found, true, image, region)
    if where is None or probability is None or not item.scored:
        return dict(EMPTY)
    box, inside = where
    inside = np.ones(probability[box].shape, bool) if inside is None else inside
    curve = reliability(probability[box][inside], true[box][inside])
    found_errors = math.nan if uncertainty is None else auroc(uncertainty[box][inside], (found ^ true)[box][inside])
    return {"ece": _none(curve.expected_calibration_error), "error_auroc": _none(found_errors), "reliability": _to_dict(curve)}


def pooled(curves: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """One curve over the voxels of all cases, with its ECE; None without any."""
    known = [curve for curve in curves if curve is not None]
    if not known:
        return None
    counts = np.array([curve["counts"] for curve in known], np.int64)
    total = counts.sum(axis=0)
    means = []
    for name in ("predicted", "observed"):
        values = np.array([[0.0 if value is None else value for value in curve[name]] for curve in known])
        with np.errstate(invalid="ignore"):
            means.append((values * counts).sum(axis=0) / total)
    curve = Reliability(means[0], means[1], total)
    return {"ece": _none(curve.expected_calibration_error), **_to_dict(curve)}


def _to_dict(curve: Reliability) -> dict[str, Any]:
    return {
        "predicted": [_none(value) for value in curve.predicted],
        "observed": [_none(value) for value in curve.observed],
        "counts": [int(count) for count in curve.counts],
    }


def _none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
