"""Write docs/results-spleen-ultrasound.md from what spleen_ultrasound.py measured; no figure of ours in it is typed by hand.

    python Testing/Benchmarks/spleen_ultrasound_results.py --measured ultrasound --notes Testing/Benchmarks/spleen_ultrasound_notes.txt \
        --out docs/results-spleen-ultrasound.md

``--measured`` is the folder that was given as ``--out`` there; what spleen_fans.py, spleen_pictures.py and spleen.py wrote lies in it as
fans.json, frames.json and speed.json. Simulated pictures and those of USDM are never put together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = {"simulator": "simulator", "usdm": "USDM"}
VIEWS = ("coronal", "transverse")
SETS = {"single": "coronal", "dual": "coronal + transverse"}
GOAL_SINGLE, PAPER_SINGLE = 85.0, 83.0
Case = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--notes", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    measured = {source: list(_cases(options.measured / source)) for source in SOURCES}
    found, real = _read(options.measured / "fans.json", []), _read(options.measured / "frames.json", {})
    took = _read(options.measured / "speed.json", {})
    text_of_page = page({source: cases for source, cases in measured.items() if cases}, options.notes, found, real, took)
    options.out.write_text(text_of_page, encoding="utf-8")


def page(measured: dict[str, list[Case]], notes: Path | None, found: list[Case], real: dict[str, float], took: dict[str, Any]) -> str:
    """The whole text; parts without a source are left out."""
    sections = [
        "# Results: ultrasound of the spleen", text(notes, "intro"),
        "## The fan", text(notes, "fan"), fans(found),
        "## Outlines (the paper's Table 4)", text(notes, "outlines"), outlines(measured),
        "## Volumes (the paper's Table 5)", text(notes, "volumes"), volumes(measured), goal(measured),
        "## Real frames", text(notes, "frames"), frames(real),
        "## From click to table", text(notes, "speed"), speed(took),
        text(notes, "end"),
    ]  # fmt: skip
    return "\n\n".join(part for part in sections if part).rstrip() + "\n"


def fans(found: list[Case]) -> str:
    """Overlap of the found fan with the true one, and what is left of the writing."""
    if not found:
        return ""
    values = {key: np.array([case[key] for case in found], float) for key in found[0]}
    row = [
        str(len(found)), f"{values['iou'].mean():.3f}", f"{np.percentile(values['iou'], 5):.3f}", f"{values['iou'].min():.3f}",
        f"{100 * values['missed'].mean():.1f}", f"{100 * values['spleen_missed'].mean():.2f}",
        f"{100 * values['written_inside'].sum() / max(1, values['written'].sum()):.2f}", f"{values['seconds'].mean():.2f}",
    ]  # fmt: skip
    head = ["n", "overlap (IoU)", "5th percentile", "worst", "fan missed %", "spleen missed %", "writing left inside %", "CPU s"]
    return table(head, [row])


def frames(real: dict[str, float]) -> str:
    """Shares over all real frames."""
    if not real:
        return ""
    head = ["frames", "n", "fan found %", "marked as spleen in %", "share of the fan marked %"]
    rows = [
        [kind, f"{real[f'{kind}_frames']:.0f}", f"{100 * real[f'{kind}_fan_found']:.0f}", f"{100 * real[f'{kind}_marked']:.0f}",
         f"{100 * real[f'{kind}_share_of_fan']:.0f}"]
        for kind in ("spleen", "kidney")
    ]  # fmt: skip
    return table(head, rows)


def speed(took: dict[str, Any]) -> str:
    """Seconds for one study on a warm worker, and those of an edit."""
    if not took:
        return ""
    warm, edit = took["warm_s"], took["edit_s"]
    rows = [
        ["first click, with the start of the worker", f"{took['first_s']:.2f}", ""],
        ["click to table, warm: median", f"{warm['median']:.2f}", _against(warm["median"], took["goal_s"])],
        ["click to table, warm: least", f"{warm['least']:.2f}", ""],
        *([f"of it {phase}", f"{seconds:.2f}", ""] for phase, seconds in took["phases_s"].items()),
        ["estimators, loaded once before the first edit", f"{took['estimators_load_s']:.2f}", ""],
        ["stroke to table: median", f"{edit['median']:.3f}", _against(edit["median"], took["edit_goal_s"])],
        ["stroke to table: largest", f"{edit['largest']:.3f}", ""],
    ]
    return table([f"{' + '.join(took['views'])}, {took['members']} predictions, {took['threads']} threads", "seconds", "goal"], rows)


def _against(seconds: float, goal: float) -> str:
    return f"<= {goal:g}, {'reached' if seconds <= goal else '**missed**'}"


def outlines(measured: dict[str, list[Case]]) -> str:
    """Dice and Hausdorff distance per source and view."""
    rows = []
    for source, cases in measured.items():
        for view in VIEWS:
            found = [case["views"][view] for case in cases]
            dice = np.array([each["dice"] for each in found])
            one = np.array([each["one_member_dice"] for each in found])
            far = np.array([np.nan if each["hd_mm"] is None else each["hd_mm"] for each in found])
            missed, median = int((dice < 0.5).sum()), f"{np.median(dice):.3f}"
            rows.append(
                [
                    SOURCES[source], view, str(len(found)), _spread(dice, 3), median, f"{one.mean():.3f}", _spread(far, 1),
                    f"{np.nanmedian(far):.1f}", str(missed), f"{np.mean([each['seconds'] for each in found]):.2f}",
                ]
            )  # fmt: skip
    head = ["pictures", "view", "n", "Dice", "median", "one member", "HD mm", "median", "Dice < 0.5", "CPU s"]
    return table(head, rows)


def volumes(measured: dict[str, list[Case]]) -> str:
    """MRVA per source, views and method: from the outlines that were found, and from the true ones."""
    rows = []
    for source, cases in measured.items():
        for key, views in SETS.items():
            kinds = {kind: [case["estimates"][f"{kind} {key}"] for case in cases] for kind in ("found", "true")}
            methods = dict.fromkeys(method for each in kinds["true"] for method in each if method not in ("default", "failed"))
            default = default_method(kinds["true"])
            for method in methods:
                cells = []
                for kind in ("found", "true"):
                    accuracy, bias, _ = scores(kinds[kind], cases, method)
                    cells += [_spread(accuracy, 1), f"{bias:+.1f}"]
                name = f"**{method}**" if method == default else method
                rows.append([SOURCES[source], views, name, str(len(cases)), *cells])
    return table(["pictures", "views", "method", "n", "MRVA %", "bias %", "MRVA %, true outlines", "bias %"], rows)


def goal(measured: dict[str, list[Case]]) -> str:
    """What the default reaches with one view, against the goal."""
    sentences = []
    for source, cases in measured.items():
        for key, views in SETS.items():
            estimates = [case["estimates"][f"found {key}"] for case in cases]
            accuracy, _, inside = scores(estimates, cases, "default")
            failed = sum("failed" in each for each in estimates)
            sentence = f"{SOURCES[source]}, {views}: MRVA {accuracy.mean():.1f} % with the default method"
            if key == "single":
                verdict = "reached" if accuracy.mean() >= GOAL_SINGLE else "missed"
                sentence += f" (goal {GOAL_SINGLE:.0f} %: {verdict}; paper {PAPER_SINGLE:.1f} %)"
            known = inside[~np.isnan(inside)]
            if known.size:
                sentence += f"; its interval, for a true outline, held {100 * known.mean():.0f} % of the volumes"
            if failed:
                sentence += f"; {failed} without a usable outline count as 0 %"
            sentences.append(f"- {sentence}.")
    return "\n".join(sentences)


def default_method(estimates: list[dict[str, Any]]) -> str:
    """The method whose numbers are those of "default" in most cases."""
    names = [next(name for name, bounds in each.items() if name != "default" and bounds == each["default"]) for each in estimates]
    return max(set(names), key=names.count)


def scores(estimates: list[dict[str, Any]], cases: list[Case], method: str) -> tuple[np.ndarray, float, np.ndarray]:
    """Relative volume accuracy of each case in percent (0 where nothing was estimated), mean signed error, and interval hits."""
    accuracy, errors, inside = [], [], []
    for each, case in zip(estimates, cases, strict=True):
        true = case["volume_ml"]
        if method not in each or not np.isfinite(each[method][0]):
            accuracy.append(0.0)
            continue
        volume, low, high = each[method]
        errors.append(100 * (volume - true) / true)
        accuracy.append(100 * (1 - abs(volume - true) / true))
        inside.append(float(low <= true <= high) if np.isfinite([low, high]).all() else np.nan)
    return np.array(accuracy), float(np.mean(errors)) if errors else float("nan"), np.array(inside)


def text(notes: Path | None, name: str) -> str:
    """The words under ``<!-- name -->`` in the notes."""
    if notes is None:
        return ""
    _, _, after = notes.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    return after.partition("\n<!-- ")[0].strip()


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _spread(values: np.ndarray, digits: int) -> str:
    return f"{np.nanmean(values):.{digits}f} ± {np.nanstd(values):.{digits}f}"


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else otherwise


def _cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("case_*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
