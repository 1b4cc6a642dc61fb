"""What the review list is worth: error before and after the first 1, 3, 10 places, against as many slices drawn at random.

    python Testing/Benchmarks/reviewers.py --cases runs/review --out runs/review/reviewers.json --picture docs/pictures/review.png

Reads the cases of review_cases.py. One step is one place, or one axial slice. A perfect reviewer draws the truth inside the box of a
place; a hasty one waves 30 % of the places through and draws boundaries that are off by about 1 mm; the third redraws whole slices
without a mistake, but finds them by chance. What counts is the volume of all voxels that are wrong in at least one segment: a full
redraw removes it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from review_cases import ReviewCase, all_cases
from simulated_reviewers import hasty, perfect, slices_redrawn, volume_error

from DeepVolumetryLib.uncertainty.rank import shown

STEPS = 10
TOLD = (1, 3, 10)
GOAL = 0.6
_DRAWS = 10
REVIEWERS = {"perfect": "perfect", "hasty": "hasty", "slices": "random slices"}


def judged(case: ReviewCase) -> dict[str, Any]:
    """Error left after 0 to STEPS steps of each reviewer, mL."""
    ml, places = case.image.voxel_ml, len(case.regions)
    rng = np.random.default_rng(case.seed)

    def wrong_ml(segments: Any) -> float:
        return float(np.count_nonzero(case.wrong(segments)) * ml)

    people = {"perfect": perfect(case.truth, places), "hasty": hasty(case.truth, case.image, places, case.seed)}
    left: dict[str, list[float]] = {name: [] for name in REVIEWERS}
    off: dict[str, list[float]] = {name: [] for name in REVIEWERS}
    for steps in range(STEPS + 1):
        for name, person in people.items():
            fixed = person.review(case.segments, case.regions, range(min(steps, places)))
            left[name].append(wrong_ml(fixed))
            off[name].append(volume_error(fixed, case.truth, ml))
        draws = [slices_redrawn(case.segments, case.truth, steps, rng) for _ in range(_DRAWS if steps else 1)]
        left["slices"].append(float(np.mean([wrong_ml(each) for each in draws])))
        off["slices"].append(float(np.mean([volume_error(each, case.truth, ml) for each in draws])))
    rows = np.logical_or.reduce(list(case.segments.values())).any(axis=(1, 2))
    seen = [float(np.count_nonzero(shown(case.image.shape, case.regions, first)) * ml) for first in TOLD]
    return {
        "module": case.module,
        "seed": case.seed,
        "places": places,
        "slices": int(rows.sum()),
        "left_ml": left,
        "volume_error_ml": off,
        "boxes_ml": seen,
        "segmented_ml": float(np.count_nonzero(np.logical_or.reduce(list(case.segments.values()))) * ml),
    }


def removed(found: list[dict[str, Any]], reviewer: str, steps: int, what: str = "left_ml") -> tuple[float, float]:
    """Share of the error that is gone: of all cases together, and the median of the cases."""
    before = np.array([case[what][reviewer][0] for case in found])
    after = np.array([case[what][reviewer][steps] for case in found])
    return float(1 - after.sum() / before.sum()), float(np.median(1 - after / np.maximum(before, 1e-9)))


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Error left over the number of steps: mean and quartiles of the cases."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colors = {"perfect": "#1b7837", "hasty": "#c06000", "slices": "#555555"}
    modules = sorted({case["module"] for case in found})
    figure, axes = pyplot.subplots(1, len(modules), figsize=(4.6 * len(modules), 3.6), sharey=True, squeeze=False)
    for axis, module in zip(axes[0], modules, strict=True):
        mine = [case for case in found if case["module"] == module]
        for name, title in REVIEWERS.items():
            share = np.array([np.divide(case["left_ml"][name], max(case["left_ml"][name][0], 1e-9)) for case in mine])
            axis.plot(range(STEPS + 1), 100 * share.mean(axis=0), color=colors[name], label=title, marker="o", markersize=3)
            axis.fill_between(
                range(STEPS + 1), *(100 * np.quantile(share, q, axis=0) for q in (0.25, 0.75)), color=colors[name], alpha=0.15
            )
        axis.axhline(100 * (1 - GOAL), color="black", linewidth=0.8, linestyle=":")
        axis.annotate("goal after ten steps", (0.1, 100 * (1 - GOAL) + 1.5), fontsize=8)
        axis.set(title=f"{module}, {len(mine)} generated patients", xlabel="steps", xticks=range(0, STEPS + 1, 2), ylim=(0, 105))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("wrong volume that is left, %")
    axes[0][0].legend(frameon=False, loc="lower left", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    found = [judged(case) for case in all_cases(options.cases)]
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for module in sorted({case["module"] for case in found}):
        mine = [case for case in found if case["module"] == module]
        for name, title in REVIEWERS.items():
            shares = "  ".join(f"{steps}: {100 * removed(mine, name, steps)[0]:.0f} %" for steps in TOLD)
            print(f"{module} ({len(mine)} cases), {title}: error removed after {shares}")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
