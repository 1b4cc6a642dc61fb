"""Write docs/results-review.md from what reviewers.py, review_intervals.py and edit_latency.py found.

python Testing/Benchmarks/review_results.py --found runs/review --out docs/results-review.md
"""

# ruff: noqa: E501  the text has the long lines of the other pages

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from reviewers import GOAL, REVIEWERS, TOLD, removed

_TITLES = {"renal": "kidneys (CT)", "glioma": "gliomas"}
_ALL = 999
_CHOSEN_ON = 5


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _to_a_tenth(share: float) -> str:
    """Beside a goal, where a rounded figure could hide that it was missed."""
    return f"{100 * share:.1f} %"


def reviewers_text(found: list[dict[str, Any]]) -> str:
    modules = sorted({case["module"] for case in found})
    rows, verdicts = [], []
    for module in modules:
        mine = [case for case in found if case["module"] == module]
        before = np.mean([case["left_ml"]["perfect"][0] for case in mine])
        for name, title in REVIEWERS.items():
            shares = [" / ".join(map(percent, removed(mine, name, steps))) for steps in TOLD]
            off = percent(removed(mine, name, TOLD[-1], "volume_error_ml")[0])
            rows.append([_TITLES[module], str(len(mine)), f"{before:.0f}", title, *shares, off])
        reached = removed(mine, "perfect", TOLD[-1])[0]
        verdicts.append(f"{_TITLES[module]} {_to_a_tenth(reached)}, {'reached' if reached >= GOAL else 'missed'}")
    both = removed(found, "perfect", TOLD[-1])[0]
    boxes = []
    for module in modules:
        mine = [case for case in found if case["module"] == module]
        seen = ", ".join(f"{np.mean([case['boxes_ml'][n] for case in mine]):.0f}" for n in range(len(TOLD)))
        whole = np.mean([case["segmented_ml"] for case in mine])
        slices = np.mean([case["slices"] for case in mine])
        boxes.append(f"{_TITLES[module]}: {seen} mL beside {whole:.0f} mL that are segmented, on {slices:.0f} slices")
    chosen_on = [case for case in found if case["module"] == "renal"][:_CHOSEN_ON]
    others = [case for case in found if case["module"] == "renal" and case not in chosen_on]
    told = _to_a_tenth(removed(others, "perfect", TOLD[-1])[0]) if others else "nothing, for there are none"
    heads = [
        "structures",
        "cases",
        "wrong before, mL",
        "reviewer",
        *(f"removed after {n}" for n in TOLD),
        f"error of the volumes removed after {TOLD[-1]}",
    ]
    return f"""## What ten steps are worth
{len(found)} generated patients, segmented by the networks that ship; nothing here is from a real scan. One step is one place of the list, or one axial slice that is redrawn.
The perfect reviewer draws the truth inside the box of the place. The hasty one waves 30 % of the places through and draws boundaries that are off by about 1 mm (SD). The
third redraws whole slices without a mistake, but takes them at random among those that show a segment. What is counted is the volume of all voxels that are wrong in at least
one segment, which a full redraw would remove; shares are of all cases together / the median case. The last column is of the absolute errors of the volumes, summed over the segments.

{table(heads, rows)}

Goal: ten steps of a perfect reviewer remove at least {percent(GOAL)}. {"; ".join(verdicts)}; all cases together {_to_a_tenth(both)}.

![wrong volume that is left over the steps](pictures/review.png)

Mean of the cases and the middle half of them. A place is a box and so less than a slice or more: boxes of the first {", ".join(map(str, TOLD))} places hold, on average, {"; ".join(boxes)}.
The width of places in kidneys (17.5 mm) was chosen on the first {_CHOSEN_ON} of these kidneys; on the other {len(others)} ten steps of the perfect reviewer removed {told}.
What a list cannot show is where a network is wrong and sure of itself. A hasty reviewer of gliomas is stopped by two things: what was waved through stays, and a redrawn boundary
is about as far off as the network's was.
"""


def intervals_text(rows: list[dict[str, Any]]) -> str:
    shown = []
    for row in rows:
        steps = "all" if row["steps"] == _ALL else str(row["steps"])
        kind = _TITLES.get(row["kind"], f"simulated, {row['kind']}")
        shown.append(
            [
                kind,
                row["reviewer"],
                steps,
                f"{percent(row['coverage'])} of {row['intervals']}",
                percent(row["width"]),
                f"{row['error_ml']:.1f}",
            ]
        )
    heads = ["studies", "reviewer", "places reviewed", "intervals that hold the truth", "width left (median)", "mean error, mL"]
    return f"""## Do intervals still hold after a review?
The rule is in [uncertainty.md](uncertainty.md#intervals): a reviewed or edited voxel keeps a quarter of its stake. The intervals are made for 95 %. Simulated studies are balls with a displaced
boundary; "honest": the stated probability is that of the displacement; "too sure": it is half as large again as stated; "patchy": some parts of the boundary are far more doubtful than others. Their factor q
comes from calibration studies of the same kind. Below, the generated patients from above, with the q that ships.

{table(heads, shown)}

"0% kept": the same if reviewed voxels had no stake at all. With a quarter kept, a careful reviewer's keep what they promise; those of one who goes through
everything and waves a third through hold {_span(rows)} of the time in the simulations: no rule can know what was not looked at.
"""


def _span(rows: list[dict[str, Any]]) -> str:
    """Least and most coverage of the simulated studies that a sloppy reviewer went through."""
    found = [
        row["coverage"]
        for row in rows
        if row["kind"] not in _TITLES and "kept" not in row["kind"] and row["reviewer"] == "sloppy" and row["steps"] == _ALL
    ]
    return f"{100 * min(found):.0f} to {percent(max(found))}"


def latency_text(found: dict[str, Any]) -> str:
    """Times of a run of edit_latency.py with nothing beside it."""
    rows = [
        [name, *(f"{each[key]:.0f}" for key in ("median_ms", "worst_ms", "median_cpu_ms", "worst_cpu_ms")), str(each["times"])]
        for name, each in found.items()
    ]
    heads = ["what", "median ms", "worst ms", "median ms of the processor", "worst", "times"]
    return f"""## How quickly numbers follow an edit
A CT of 512 × 512 × 400 voxels with two kidneys and tumors (`Testing/Benchmarks/edit_latency.py`), from the edit in the segmentation to the row in the table, on two
cores with nothing else running. Where the time of the processor is longer, a library used both. Goal: 100 ms.

{table(heads, rows)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    parts = {
        "reviewers.json": reviewers_text,
        "intervals.json": intervals_text,
        "latency.json": latency_text,
    }
    texts = [write(json.loads((options.found / name).read_text())) for name, write in parts.items() if (options.found / name).exists()]
    head = "# What review is worth\n\nWritten by `Testing/Benchmarks/review_results.py`. Cases: `review_cases.py --cases 12` (12 patients each), then `reviewers.py`, `review_intervals.py` and `edit_latency.py`.\n"
    options.out.write_text("\n".join([head, *texts]), encoding="utf-8")


if __name__ == "__main__":
    main()
