"""All cases of a group. Groups (real and synthesized images, CT and MR) are never put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ...measure.agreement import agreement, coverage, summarize
from .calibration import pooled

METRICS = (
    "dice", "sensitivity", "specificity", "hd95_mm", "hd_mm", "assd_mm", "volume_ml", "reference_ml", "qu_brats",
    "qu_brats_dice_auc", "qu_brats_ftp_auc", "qu_brats_ftn_auc", "target_error_share_first_10", "ece", "error_auroc",
)  # fmt: skip


def summarize_groups(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Group -> target -> mean, SD and 95 % bootstrap interval of each metric, agreement of volumes, coverage of intervals.

    Args:
        cases: what ``metrics.json`` holds per case: group, seconds, peak_memory_mb, targets and those of the first review regions.
    """
    names = list(dict.fromkeys(case["group"] for case in cases))
    return {name: _group([case for case in cases if case["group"] == name]) for name in names}


def _group(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    targets = dict.fromkeys(target for case in cases for target in case["targets"])
    return {
        "cases": len(cases),
        "targets": {target: _target([case["targets"][target] for case in cases if target in case["targets"]]) for target in targets},
        "error_share_first_10": _summary(case["error_share_first_10"] for case in cases),
        "shown_first_10_ml": _summary(case["shown_first_10_ml"] for case in cases),
        "seconds": _summary(case["seconds"] for case in cases),
        "peak_memory_mb": max(case["peak_memory_mb"] for case in cases),
    }


def _target(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Overlap is averaged over the cases whose reference has the target: agreeing on nothing would count as perfect."""
    present = [row for row in rows if row["reference_ml"] is None or row["reference_ml"] > 0]  # None: a picture whose volume is not known
    absent = [row for row in rows if row["reference_ml"] is not None and row["reference_ml"] <= 0]
    measured, true = ([math.nan if row[key] is None else row[key] for row in present] for key in ("volume_ml", "reference_ml"))
    pairs = agreement(measured, true)
    with_interval = [row for row in rows if row["interval_hit"] is not None]
    held = coverage(*([row[key] for row in with_interval] for key in ("interval_low_ml", "interval_high_ml", "reference_ml")))
    return {
        "cases": len(rows),
        **{metric: _summary(row[metric] for row in present) for metric in METRICS},
        "reliability": pooled([row["reliability"] for row in present]),
        "volume_agreement": _finite(asdict(pairs)),
        "interval": _finite(asdict(held)),
        "without_reference": {
            "cases": len(absent),
            "found_something": sum((row["volume_ml"] or 0) > 0 for row in absent),
            "false_positive_ml": _summary(row["volume_ml"] for row in absent),
        },
    }


def _summary(values: Iterable[float | None]) -> dict[str, Any]:
    return _finite(asdict(summarize([math.nan if value is None else value for value in values])))


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in numbers.items()}
