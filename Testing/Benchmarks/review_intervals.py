"""Do intervals still hold the truth once places were reviewed? Coverage and width with a perfect and a sloppy reviewer.

    python Testing/Benchmarks/review_intervals.py --cases runs/review --out runs/review/intervals.json

Two kinds of studies. Simulated ones: a ball whose boundary is displaced by a smooth random field; the stated probability is that of
the field ("honest"), or the field is half as large again as stated ("too sure"), or strong in patches; q comes from calibration studies
of the same kind, as a bundle's does. And the cases of review_cases.py, with the networks and the q that ship. The sloppy reviewer waves
30 % of the places through and draws boundaries that are off by about 1 mm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from review_cases import ReviewCase, all_cases
from scipy import ndimage, special
from simulated_reviewers import Reviewer, hasty, perfect

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import find
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.interval import conformal_quantile, residual, scaled_interval
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions, reviewed_mask
from DeepVolumetryLib.uncertainty.regions import ReviewRegion
from DeepVolumetryLib.uncertainty.stake import KEPT, OpenVoxels

STEPS = (0, 1, 3, 10, 999)
LEVEL = 0.95
KINDS = {"honest": (1.5, 1.0, 0.0), "too sure": (1.0, 1.5, 0.0), "patchy": (1.2, 1.0, 0.8)}
"""Stated size of the displacement in mm, how many times larger it really is, how much its logarithm varies over the boundary."""
REVIEWERS = ("perfect", "sloppy")
_SHAPE, _STEP_MM = (44, 44, 44), 2.0


@dataclass(frozen=True)
class Study:
    image: Image
    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    regions: list[ReviewRegion]


def simulated(kind: str, seed: int) -> Study:
    """A ball of 20 to 34 mm with a doubtful boundary."""
    rng = np.random.default_rng(seed)

    def smooth(mm: float) -> NDArray[np.float64]:
        field = ndimage.gaussian_filter(rng.normal(size=_SHAPE), mm / _STEP_MM, mode="wrap")
        return field / field.std()

    stated, factor, variation = KINDS[kind]
    kji = (np.indices(_SHAPE) - 21.5) * _STEP_MM
    inward = rng.uniform(20, 34) + 2 * smooth(12) - np.sqrt((kji**2).sum(axis=0))
    reach = stated * np.exp(variation * smooth(10))
    probability = special.ndtr(inward / reach).astype(np.float32)
    # Half of the error is common to the whole boundary: that is what makes volumes err.
    displaced = factor * reach * (np.sqrt(0.5) * smooth(5) + np.sqrt(0.5) * rng.normal())
    image = Image.from_spacing(np.zeros(_SHAPE, np.uint8), (_STEP_MM,) * 3)
    regions = rank_regions(review_regions(probability, entropy_map(probability), image, "organ"))
    return Study(image, probability, probability > 0.5, inward + displaced > 0, regions)


def reviewer(name: str, truth: dict[str, NDArray[np.bool_]], image: Image, places: int, seed: int) -> Reviewer:
    return perfect(truth, places) if name == "perfect" else hasty(truth, image, places, seed)


def marked(regions: Sequence[ReviewRegion], steps: int) -> list[ReviewRegion]:
    """The first places of the list reviewed."""
    return [replace(region, reviewed="fixed" if n < steps else "") for n, region in enumerate(regions)]


def simulate(kind: str, calibration: int, test: int, kept: float = KEPT) -> list[dict[str, Any]]:
    """Rows of reviewer and steps: coverage, and width relative to that before the review."""
    residuals = []
    for seed in range(calibration):
        study = simulated(kind, seed)
        stake = OpenVoxels.find(study.probability, study.mask).stake(study.image.voxel_ml)
        residuals.append(residual(*(float(m.sum()) * study.image.voxel_ml for m in (study.mask, study.truth)), stake))
    q = conformal_quantile(residuals, LEVEL)
    rows: dict[tuple[str, int], list[tuple[bool, float, float]]] = {}
    for seed in range(10_000, 10_000 + test):
        study = simulated(kind, seed)
        ml, opened = study.image.voxel_ml, OpenVoxels.find(study.probability, study.mask)
        true = float(study.truth.sum()) * ml
        for name in REVIEWERS:
            person = reviewer(name, {"organ": study.truth}, study.image, len(study.regions), seed)
            for steps in STEPS:
                now = person.review({"organ": study.mask}, study.regions, range(min(steps, len(study.regions))))["organ"]
                certain = reviewed_mask(study.image, marked(study.regions, steps))
                value = float(now.sum()) * ml
                low, high = scaled_interval(value, opened.stake(ml, (), now, certain, kept), q)
                rows.setdefault((name, steps), []).append((low <= true <= high, high - low, abs(value - true)))
    return summed(rows, kind if kept == KEPT else f"{kind}, {kept:.0%} kept", test)


def networks(cases: Sequence[ReviewCase], module: str) -> list[dict[str, Any]]:
    """The same for the networks that ship: every segment that has an interval and is there counts."""
    live = find(module).submodule("live")
    rows: dict[tuple[str, int], list[tuple[bool, float, float]]] = {}
    for case in cases:
        for name in REVIEWERS:
            person = reviewer(name, case.truth, case.image, len(case.regions), case.seed)
            result = _result(case)
            measured = live.measure(result)
            for steps in STEPS:
                result.segments = person.review(case.segments, case.regions, range(min(steps, len(case.regions))))
                certain = reviewed_mask(case.image, marked(case.regions, steps))
                now = live.measure_again(result, measured, None, certain if steps else None)
                for m in now.measurements:
                    if m.name == "Volume" and m.low is not None and m.segment in case.truth and case.truth[m.segment].any():
                        true = float(case.truth[m.segment].sum()) * case.image.voxel_ml
                        rows.setdefault((name, steps), []).append((m.low <= true <= m.high, m.high - m.low, abs(m.value - true)))
    return summed(rows, module, len(cases))


def summed(rows: dict[tuple[str, int], list[tuple[bool, float, float]]], kind: str, cases: int) -> list[dict[str, Any]]:
    found = []
    for (name, steps), each in rows.items():
        inside, width, error = (np.array(column, float) for column in zip(*each, strict=True))
        start = np.array([w for _, w, _ in rows[(name, 0)]])
        found.append(
            {
                "kind": kind,
                "reviewer": name,
                "steps": steps,
                "cases": cases,
                "intervals": len(each),
                "coverage": float(inside.mean()),
                "width": float(np.median(width / np.maximum(start, 1e-9))),
                "width_ml": float(width.mean()),
                "error_ml": float(error.mean()),
            }
        )
    return found


def _result(case: ReviewCase) -> Result:
    extras = {"member_volumes_ml": case.members, "conformal": case.conformal.to_dict()}
    made = Provenance(case.module, "", parameters=find(case.module).parameters({}).to_dict())
    return Result(case.image, (), dict(case.segments), case.probability, {}, [], list(case.regions), made, extras=extras)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--calibration", type=int, default=100)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--kept", type=float, default=KEPT, help="share of its stake that a reviewed voxel keeps")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    rows = [row for kind in options.kinds for row in simulate(kind, options.calibration, options.test, options.kept)]
    cases = all_cases(options.cases) if options.cases else []
    for module in sorted({case.module for case in cases}):
        rows += networks([case for case in cases if case.module == module], module)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        steps = "all" if row["steps"] == STEPS[-1] else row["steps"]
        print(f"{row['kind']:9} {row['reviewer']:8} {steps!s:>4} places: {100 * row['coverage']:5.1f} % of {row['intervals']} covered, "
              f"{100 * row['width']:4.0f} % of the width, error {row['error_ml']:.2f} mL")  # fmt: skip


if __name__ == "__main__":
    main()
