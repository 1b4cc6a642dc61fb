"""Write the section on segmentation of docs/results-femur.md from what femur_evaluate.py measured; no figure in it is typed by hand.

    python Testing/Benchmarks/femur_results.py --metrics metrics.json --bundle FemurQCT/Resources/Models/femur_vnet \
        --speed speed.json --out docs/results-femur.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from femur_text import number, put_section, table

from DeepVolumetryLib.measure.agreement import agreement, coverage, summarize

GOALS = {"dice": (0.985, True), "sensitivity": (0.99, True), "specificity": (0.9993, True), "hd_mm": (5.0, False)}
PAPER = {"dice": "0.9815", "sensitivity": "0.9852", "specificity": "0.9992", "hd_mm": "9.144 (ST-V-Net 5.917)", "r2": "0.9956"}
TITLES = {
    "dice": "Dice",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "hd_mm": "Hausdorff distance, mm",
    "hd95_mm": "HD95, mm",
}
_R2_GOAL = 0.998
_ENOUGH = 3
_SPREAD_ML = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--speed", type=Path, help="what femur.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    document = json.loads(options.metrics.read_text(encoding="utf-8"))
    rows = document["rows"]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    parts = [
        "## Segmentation, volume and density",
        _training(options.bundle),
        "Generated and real data are never put together. *Generated*: scans composed from draws of the shape model that were in no "
        "training (fold 4), in the surroundings that training used too. *Real mesh*: `femur_target.stl`, a femur that no draw is made "
        "from, rendered to CT in such surroundings. *Real CT*: TotalSegmentator's example, 3 mm; its labels are the output of another "
        "model, its femora are cut below the lesser trochanter, and the left one holds a screw.",
    ]
    for group in groups:
        parts += [f"### {group[0].upper()}{group[1:]}", _summary([row for row in rows if row["group"] == group])]
        parts.append(_each([row for row in rows if row["group"] == group]))
    folder, cases = options.out.parent / "pictures", list(dict.fromkeys(row["case"] for row in rows))
    pictures = [path for case in cases if (path := folder / f"femur-{case}.png").exists()]
    parts += [f"![{path.stem.removeprefix('femur-')}: reference blue, result red](pictures/{path.name})" for path in pictures]
    put_section(options.out, "segmentation", "\n\n".join(part for part in parts if part))
    if options.speed:
        put_section(options.out, "speed", _speed(json.loads(options.speed.read_text(encoding="utf-8"))))


def _training(bundle: Path) -> str:
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    steps = "; ".join(f"{name} {_steps(state)}" for name, state in metadata["training"].items())
    beside = "beside other work on two CPU cores, where a minute is a fraction of one core's"
    return f"Weights {metadata['version']} of {bundle.name}: {steps} {beside}."


def _steps(state: dict[str, Any]) -> str:
    text = f"{state['step']} steps in {state['seconds'] / 60:.0f} minutes"
    return f"{_steps(state['started_from'])}, then {text}" if "started_from" in state else text


def _met(value: float, goal: float, higher: bool) -> str:
    return "met" if (value >= goal if higher else value <= goal) else "**missed**"


def _summary(rows: list[dict[str, Any]]) -> str:
    """Means over femora with the paper's figures and the goals beside."""
    head = ["what", f"ours (n = {len(rows)} femora)", "paper", "goal", ""]
    lines = []
    for key, title in TITLES.items():
        values = [row[key] for row in rows if row[key] is not None]
        if not values:
            continue
        found = summarize(values)
        digits = 1 if key.endswith("_mm") else 4
        text = f"{number(found.mean, digits)} ± {number(found.sd, digits)}" if len(values) > 1 else number(found.mean, digits)
        goal = GOALS.get(key)
        sign = "" if goal is None else f"{'≥' if goal[1] else '≤'} {goal[0]:g}"
        lines.append([title, text, PAPER.get(key, "–"), sign or "–", "" if goal is None else _met(found.mean, *goal)])
    pairs = [(row["volume_ml"], row.get("true_ml") or row["reference_ml"]) for row in rows if row["volume_ml"] is not None]
    if len(pairs) >= _ENOUGH and float(np.std([true for _, true in pairs])) > _SPREAD_ML:  # one femur over and over correlates with nothing
        found = agreement(*np.array(pairs).T)
        r2 = found.pearson_r**2
        lines.append(["R² of the volume", number(r2, 4), PAPER["r2"], f"≥ {_R2_GOAL}", _met(r2, _R2_GOAL, True)])
        lines.append(["bias of the volume, mL", number(found.bias, 2), "–", "–", ""])
    stated = [row for row in rows if row["low"] is not None]
    if len(stated) >= _ENOUGH:
        truth = [row.get("true_ml") or row["reference_ml"] for row in stated]
        held = coverage([row["low"] for row in stated], [row["high"] for row in stated], truth)
        lines.append(["95 % interval of the volume held the truth", f"{100 * held.share:.0f} % of {len(stated)}", "–", "95 %", ""])
    lines += _densities(rows)
    return table(head, lines)


def _densities(rows: list[dict[str, Any]]) -> list[list[str]]:
    """How far integral density is off: through the outline (same scan, true outline), and through everything (blur of the edges too)."""
    known = [row for row in rows if row.get("density") is not None]
    if not known:
        return []
    off: dict[str, Callable[[dict[str, Any]], float]] = {
        "integral vBMD against the unblurred truth, %": lambda row: 100 * (row["density"] / row["true_density"] - 1),
        "BMC against the truth, %": lambda row: 100 * (row["bmc"] / row["true_bmc"] - 1),
    }
    lines = []
    for title, error in off.items():
        values = [error(row) for row in known]
        lines.append([title, f"{number(float(np.mean(values)), 1)} ± {number(float(np.std(values, ddof=1)), 1)}", "–", "–", ""])
    return lines


def _each(rows: list[dict[str, Any]]) -> str:
    head = ["scan", "side", "voxels, mm", "Dice", "HD, mm", "volume, mL", "interval", "truth, mL", "seconds"]
    lines = []
    for row in rows:
        interval = "–" if row["low"] is None else f"{number(row['low'], 0)}–{number(row['high'], 0)}"
        voxels = "×".join(f"{step:.2g}" for step in row["spacing"])
        truth = row.get("true_ml") or row["reference_ml"]
        figures = [number(row["dice"], 4), number(row["hd_mm"], 1), number(row["volume_ml"], 1), interval]
        lines.append([row["case"], row["side"], voxels, *figures, number(truth, 1), number(row["seconds"], 0)])
    return table(head, lines)


def _speed(document: dict[str, Any]) -> str:
    size = " × ".join(map(str, document["size"]))
    rows = [[phase, number(seconds, 1)] for phase, seconds in document["seconds"].items()]
    goal = _met(document["seconds"]["total"], 30.0, False)
    load = document.get("load")
    beside = "" if load is None else f" Beside other work: {load:.1f} processes wanted the cores, so an idle computer is faster."
    if "processor_s" in document:
        beside += f" The run took {document['processor_s']:.0f} s of processor time, over all threads."
    what = f"Hip CT of {size} voxels to the table, {document['threads']} threads, median of {document['repeats']}"
    memory = f"Peak memory {document['peak_memory_mb']:.0f} MB."
    return f"## Speed\n\n{what}; goal ≤ 30 s on two CPU cores: {goal}.{beside}\n\n{table(['phase', 'seconds'], rows)}\n\n{memory}"


if __name__ == "__main__":
    main()
