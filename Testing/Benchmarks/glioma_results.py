"""Write docs/results-glioma.md from what the other programs measured; no figure of ours in it is typed by hand.

    python Testing/Benchmarks/glioma_results.py --real real --synthesized synthesized --speed speed.json \
        --notes Testing/Benchmarks/glioma_notes.txt --out docs/results-glioma.md

``--real`` and ``--synthesized`` are folders that ``glioma_compare.py`` wrote, ``--speed`` is what ``glioma.py --out`` wrote. Real and
synthesized cases are never put together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

TARGETS = ("ET", "TC", "WT")
METHODS = {
    "spu": "SPU-Net",
    "unet": "U-Net",
    "tta": "U-Net + TTA",
    "lsu": "LSU-Net",
    "mcdropout": "MC dropout",
    "ensemble": "ensemble",
}
MAPS = {"spu_spread": "spread of the members", "spu_entropy": "entropy"}
PAPER = {"spu": (0.826, 0.848, 0.936), "tta": (0.784, 0.643, 0.872), "lsu": (0.743, 0.702, 0.876)}
"""Uncertainty scores of the paper for ET, TC, WT on BraTS 2020; how it defined its score is not public."""
GOALS = (0.86, 0.88, 0.95)
"""Ours for SPU-Net on real cases: ET, TC, WT."""
SHARE_GOAL = 0.8
SPEED_GOALS = {"speedup": ">= 10", "overhead": "<= 1.2", "cpu_s": "<= 90", "gpu_s": "<= 3"}
_COLUMNS = (
    ("dice", "Dice", 3), ("hd95_mm", "HD95 mm", 1), ("qu_brats", "QU-BraTS", 3), ("qu_brats_dice_auc", "Dice AUC", 3),
    ("qu_brats_ftp_auc", "FTP AUC", 3), ("qu_brats_ftn_auc", "FTN AUC", 3), ("ece", "ECE", 4), ("error_auroc", "AUROC of errors", 3),
    ("target_error_share_first_10", "error in first 10 places", 3),
)  # fmt: skip
Metrics = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("real", "synthesized", "speed", "notes"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.write_text(page(options.real, options.synthesized, options.speed, options.notes), encoding="utf-8")


def page(real: Path | None, synthesized: Path | None, speed: Path | None, notes: Path | None) -> str:
    """The whole text; parts without a source are left out."""
    sections = ["# Results: glioma", _text(notes, "intro")]
    for title, name, folder in (("Real cases", "real", real), ("Synthesized cases", "synthesized", synthesized)):
        if folder is None:
            continue
        by_method = {method: _read(folder / method / "metrics.json") for method in METHODS if (folder / method / "metrics.json").exists()}
        sections += [f"## {title}", _text(notes, name)]
        for group in _groups_of(by_method):
            sections += [f"### {group}", scores(by_method, group), places(by_method, group), paired(by_method, group)]
            sections += [coverage(by_method, group), other_maps(folder, by_method, group)]
        sections += [f"### {title}: one sequence removed", _text(notes, "missing"), missing(folder, by_method)]
        sections += [disagreements(folder, _text(notes, "disagreement"))]
    if real is not None:
        sections += ["## Goals and the paper", _text(notes, "paper"), goals(real)]
    if speed is not None:
        sections += ["## Speed and memory", _text(notes, "speed"), speeds(_read(speed))]
    sections.append(_text(notes, "end"))
    return "\n\n".join(part for part in sections if part).rstrip() + "\n"


def scores(by_method: Mapping[str, Metrics], group: str, titles: Mapping[str, str] = METHODS) -> str:
    """Means over the cases of a group: one row per target and method.

    The last column is what the same masks would score with no uncertainty anywhere: their Dice at every threshold, nothing thrown away.
    """
    rows = []
    for target in TARGETS:
        for method, metrics in by_method.items():
            found = _target(metrics, group, target)
            if found is None:
                continue
            cells = [_number((found.get(key) or {}).get("mean"), digits) for key, _, digits in _COLUMNS]
            if found["dice"]["cases"] > 1:
                cells[0] += f" ± {_number(found['dice']['sd'])}"
            rows.append([target, titles[method], str(found["dice"]["cases"]), *cells, _number((found["dice"]["mean"] + 2) / 3)])
    return _table(["target", "method", "n", *(title for _, title, _ in _COLUMNS), "score of a map of zeros"], rows)


def other_maps(folder: Path, by_method: Mapping[str, Metrics], group: str) -> str:
    """SPU-Net with each definition of what its map shows."""
    found = {"spu": by_method.get("spu")} | {kind: _read(path) for kind in MAPS if (path := folder / kind / "metrics.json").exists()}
    known = {kind: metrics for kind, metrics in found.items() if metrics}
    return "SPU-Net by what its map shows:\n\n" + scores(known, group, {"spu": "chance of error", **MAPS}) if len(known) > 1 else ""


def coverage(by_method: Mapping[str, Metrics], group: str) -> str:
    """How often the stated interval of a volume held the true one."""
    rows = []
    for target in TARGETS:
        found = _target(by_method["spu"], group, target) if "spu" in by_method else None
        interval = found["interval"] if found else None
        if interval and interval["cases"]:
            rows.append([target, str(interval["cases"]), _number(interval["share"], 2), _number(interval["mean_width"], 1)])
    return "95 % intervals of SPU-Net:\n\n" + _table(["target", "n", "held the truth", "mean width mL"], rows) if rows else ""


def places(by_method: Mapping[str, Metrics], group: str) -> str:
    """Share of the error inside the boxes of the first ten review places, all targets together, and what those boxes hold."""
    rows = []
    for method, metrics in by_method.items():
        found = metrics["groups"].get(group)
        if found is None:
            continue
        cells = [
            _number(found[key]["mean"], digits) for key, digits in (("error_share_first_10", 3), ("shown_first_10_ml", 0), ("seconds", 1))
        ]
        rows.append([METHODS[method], *cells])
    head = ["method", f"error in first 10 places, all targets (goal {SHARE_GOAL})", "mL in their boxes", "seconds per case"]
    return _table(head, rows)


def paired(by_method: Mapping[str, Metrics], group: str) -> str:
    """SPU-Net against each comparator on the same cases: mean difference and the p of Wilcoxon's signed-rank test, two-sided."""
    if "spu" not in by_method:
        return ""
    rows, least = [], 10**9
    for method, metrics in by_method.items():
        if method == "spu":
            continue
        for target in TARGETS:
            pairs = {metric: _pairs(by_method["spu"], metrics, group, target, metric) for metric in ("dice", "qu_brats")}
            if not pairs["dice"]:
                continue
            least = min(least, len(pairs["dice"]))
            cells = []
            for mean, p in map(signed_rank, pairs.values()):
                cells += [_signed(mean), "–" if p is None else f"{p:.2g}"]
            rows.append([METHODS[method], target, str(len(pairs["dice"])), *cells])
    if not rows:
        return ""
    note = ""
    if 2 / 2**least > 0.05:
        note = f"\n\nWith n = {least} the smallest p that this test can give is {2 / 2**least:.2g}: nothing can be significant at 0.05."
    head = ["SPU-Net minus", "target", "n", "Dice", "p", "QU-BraTS", "p"]
    return "Paired (Wilcoxon signed-rank, two-sided, not corrected for the number of tests):\n\n" + _table(head, rows) + note


def signed_rank(pairs: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Mean difference first - second, and the p of the signed-rank test; p is 1 where nothing differs, None without pairs."""
    if not pairs:
        return None, None
    difference = np.array([a - b for a, b in pairs])
    if not difference.any():
        return 0.0, 1.0
    return float(difference.mean()), float(stats.wilcoxon(difference).pvalue)


def missing(folder: Path, by_method: Mapping[str, Metrics]) -> str:
    """Dice and width of the interval with one sequence removed, beside the same cases with all of theirs."""
    rows = []
    for sequence in ("t1", "t1ce", "t2", "flair"):
        path = folder / f"without_{sequence}" / "metrics.json"
        if not path.exists() or "spu" not in by_method:
            continue
        fewer = _read(path)
        for group in fewer["groups"]:
            for target in TARGETS:
                dice = _pairs(by_method["spu"], fewer, group, target, "dice")
                widths = _pairs(by_method["spu"], fewer, group, target, "interval_width_ml")
                if dice:
                    cells = [_number(_mean(dice, side)) for side in (0, 1)] + [_number(_mean(widths, side), 1) for side in (0, 1)]
                    rows.append([group, sequence, target, str(len(dice)), *cells])
    head = ["group", "removed", "target", "n", "Dice with all", "Dice without", "interval mL with all", "interval mL without"]
    return _table(head, rows) if rows else ""


def disagreements(folder: Path, note: str) -> str:
    """AUROC of the uncertainty for finding where algorithms disagree."""
    rows = []
    for method, title in METHODS.items():
        path = folder / method / "disagreement.json"
        if path.exists():
            found = _read(path)
            rows.append([found["case"], title, *(_number(found["targets"][target]["auroc"]) for target in TARGETS)])
    if not rows:
        return ""
    return f"### Where five algorithms disagree\n\n{note}\n\n".replace("\n\n\n\n", "\n\n") + _table(["case", "method", *TARGETS], rows)


def goals(real: Path) -> str:
    """The uncertainty score of every group of real cases beside our goals and the paper's figures."""
    rows = [["paper", METHODS[method], *(_number(value) for value in values)] for method, values in PAPER.items()]
    rows.append(["goal", METHODS["spu"], *(f">= {value}" for value in GOALS)])
    for method, title in METHODS.items():
        path = real / method / "metrics.json"
        if not path.exists():
            continue
        metrics = _read(path)
        for group in metrics["groups"]:
            found = [_target(metrics, group, target) for target in TARGETS]
            rows.append([group, title, *(_number(entry and entry["qu_brats"]["mean"]) for entry in found)])
    return _table(["source", "method", *TARGETS], rows)


def speeds(document: Metrics) -> str:
    """Every number of the benchmark; goals beside those that have one."""
    rows = []
    for path, value in _leaves(document):
        goal = next((text for name, text in SPEED_GOALS.items() if path[-1] == name or path[0] == name), "")
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        rows.append([", ".join(part.replace("_", " ") for part in path), shown, goal])
    return _table(["what", "measured", "goal"], rows)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _leaves(entry, (*path, str(name)))
    elif isinstance(value, list):
        yield path, " × ".join(map(str, value))
    elif value is not None:
        yield path, value


def _groups_of(by_method: Mapping[str, Metrics]) -> list[str]:
    return list(dict.fromkeys(group for metrics in by_method.values() for group in metrics["groups"]))


def _target(metrics: Metrics, group: str, target: str) -> Metrics | None:
    found: Metrics | None = metrics["groups"].get(group, {}).get("targets", {}).get(target)
    return found if found and found["dice"]["cases"] else None


def _pairs(first: Metrics, second: Metrics, group: str, target: str, metric: str) -> list[tuple[float, float]]:
    """A number of the cases that both have, where the reference has the target."""
    values: list[dict[str, float]] = []
    for metrics in (first, second):
        cases = (case for case in metrics["cases"] if case["group"] == group and target in case["targets"])
        known = {case["case"]: _value(case["targets"][target], metric) for case in cases if case["targets"][target]["reference_ml"] > 0}
        values.append({name: value for name, value in known.items() if value is not None})
    return [(value, values[1][name]) for name, value in values[0].items() if name in values[1]]


def _value(found: Metrics, metric: str) -> float | None:
    if metric != "interval_width_ml":
        return found.get(metric)
    low, high = found["interval_low_ml"], found["interval_high_ml"]
    return None if low is None or high is None else high - low


def _mean(pairs: Sequence[tuple[float, float]], side: int) -> float | None:
    return float(np.mean([pair[side] for pair in pairs])) if pairs else None


def _read(path: Path) -> Metrics:
    document: Metrics = json.loads(path.read_text(encoding="utf-8"))
    return document


def _text(path: Path | None, name: str) -> str:
    """The part of the notes that is headed ``<!-- name -->``."""
    if path is None:
        return ""
    parts = path.read_text(encoding="utf-8").split("<!-- ")
    return next((part.split("-->", 1)[1].strip() for part in parts if part.startswith(f"{name} -->")), "")


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    main()
