"""Write docs/results.md from what the other programs measured; no figure in it is typed by hand.

    python Testing/Benchmarks/renal_results.py --real real/metrics.json --synthesized synth/metrics.json \
        --paper table/table.json --speed speed.json --bundle BUNDLE --notes Testing/Benchmarks/renal_notes.txt --out docs/results.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

_METRICS = (
    ("dice", "Dice"),
    ("hd95_mm", "HD95 mm"),
    ("qu_brats", "QU-BraTS"),
    ("target_error_share_first_10", "error in first 10 regions"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("real", "synthesized", "paper", "speed", "bundle", "notes"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sections = [_text(options.notes, "intro")]
    if options.real:
        sections += ["## Real scans", _text(options.notes, "real"), _groups(_read(options.real)), _per_scan(_read(options.real))]
    if options.synthesized:
        sections += [
            "## Synthesized from held-out label maps (fold 4)",
            _text(options.notes, "synthesized"),
            _groups(_read(options.synthesized)),
            _volumes(_read(options.synthesized)),
        ]
    if options.paper:
        sections += ["## The paper's question: does CT help MR?", _text(options.notes, "paper"), _paper(_read(options.paper))]
    else:
        sections.append(_text(options.notes, "paper page"))
    if options.speed:
        sections += ["## Speed and memory", _text(options.notes, "speed"), _speed(_read(options.speed))]
    if options.bundle:
        sections += ["## Sizes", _sizes(options.bundle, _read(options.speed)["work"]["pipeline"] if options.speed else {})]
    sections.append(_text(options.notes, "end"))
    options.out.write_text("\n\n".join(part for part in sections if part).rstrip() + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _text(path: Path | None, name: str) -> str:
    """The part of the notes that is headed ``<!-- name -->``."""
    if path is None:
        return ""
    parts = path.read_text(encoding="utf-8").split("<!-- ")
    return next((part.split("-->", 1)[1].strip() for part in parts if part.startswith(f"{name} -->")), "")


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _groups(metrics: dict[str, Any]) -> str:
    rows = []
    for group, found in metrics["groups"].items():
        for target, numbers in found["targets"].items():
            cells = []
            for key, _ in _METRICS:
                entry = numbers.get(key) or {}
                text = _number(entry.get("mean"), 1 if key == "hd95_mm" else 3)
                if key == "dice" and entry.get("cases", 0) > 1:
                    text += f" ± {_number(entry['sd'])} [{_number(entry['low'])}, {_number(entry['high'])}]"
                cells.append(text)
            rows.append([group, target.replace("_", " "), str(numbers["dice"]["cases"]), *cells])
    return (
        _table(["group", "target", "n", *(f"{title}" for _, title in _METRICS)], rows)
        + "\n\nDice: mean ± SD [95 % bootstrap interval of the mean]."
    )


def _per_scan(metrics: dict[str, Any]) -> str:
    rows = []
    for case in metrics["cases"]:
        for target, found in case["targets"].items():
            volumes = [_number(found[key], 1) for key in ("volume_ml", "interval_low_ml", "interval_high_ml", "reference_ml")]
            rows.append([case["case"], target.replace("_", " "), _number(found["dice"]), *volumes, _number(case["seconds"], 1)])
    return "Per scan:\n\n" + _table(["scan", "target", "Dice", "volume mL", "low", "high", "reference mL", "seconds"], rows)


def _volumes(metrics: dict[str, Any]) -> str:
    rows = []
    for group, found in metrics["groups"].items():
        for target, numbers in found["targets"].items():
            volume, interval = numbers["volume_agreement"], numbers["interval"]
            limits = " to ".join(_number(volume.get(f"limit_{end}"), 1) for end in ("low", "high"))
            cells = [str(volume["cases"]), _number(volume.get("pearson_r")), _number(volume.get("bias"), 1), limits, _covered(interval)]
            rows.append([group, target.replace("_", " "), *cells, _number(interval.get("mean_width"), 1)])
    head = ["group", "target", "n", "Pearson r", "bias mL", "limits of agreement mL", "95 % interval held the truth", "mean width mL"]
    return "Volumes:\n\n" + _table(head, rows)


def _covered(interval: dict[str, Any]) -> str:
    if interval.get("share") is None:
        return "–"
    share, low, high = (100 * interval[key] for key in ("share", "low", "high"))
    return f"{share:.0f} % of {interval['cases']} [{low:.0f}, {high:.0f}]"


def _paper(table: dict[str, Any]) -> str:
    names = list(next(iter(table.values()))["mean"])
    head = ["training set", *(f"Dice on {modality} (n = {found['patients']})" for modality, found in table.items())]
    rows = [[name, *(f"{found['mean'][name]:.3f} ± {found['sd'][name]:.3f}" for found in table.values())] for name in names]
    lines = [_table(head, rows)]
    for modality, found in table.items():
        anova = found["anova"]
        lines.append(
            f"RM-ANOVA over the sets on {modality}: F({anova['df'][0]:.0f}, {anova['df'][1]:.0f}) = {anova['F']:.1f}, p = {anova['p']:.2g}."
        )
        pairs = [[pair, f"{entry['difference']:+.3f}", f"{entry['p_holm']:.2g}"] for pair, entry in found["mixed_minus_mr"].items()]
        lines.append(_table([f"on {modality}: mixed minus MR alone", "difference", "p (paired t, Holm)"], pairs))
    return "\n\n".join(lines)


def _speed(document: dict[str, Any]) -> str:
    """What ``renal.py --out`` wrote."""
    image, memory = document["image"], document["peak_memory_mb"]
    rows = [[f"{name}, seconds", _number(seconds, 2), ""] for name, seconds in document["median_s"].items()]
    rows += [[f"whole pipeline / bare networks, {name}", _number(value, 2), "<= 1.25"] for name, value in document["overhead"].items()]
    rows.append(["MONAI's route over the whole volume / pipeline", _number(document["speedup"], 2), ">= 4"])
    rows += [[f"Dice between the two, {way}, {name}", _number(value, 4), "" if way == "whole volume" else ">= 0.995"]
             for way, found in document["dice"].items() for name, value in found.items()]  # fmt: skip
    rows += [[f"peak memory, {name}, MB", _number(value, 0), ""] for name, value in memory.items()]
    rows += [[f"worker, {name.replace('_', ' ')}", _number(value, 2), ""] for name, value in document["worker"].items()]
    rows += [[f"Cancel to idle, {phase}, seconds", _number(value, 2), "<= 1"] for phase, value in document["cancel_s"].items()]
    size = " x ".join(map(str, image["size"]))
    head = f"{image['modality']} of {size} voxels, {document['threads']} threads, median of {document['repeats']} runs each."
    return head + "\n\n" + _table(["what", "measured", "goal"], rows)


def _sizes(bundle: Path, work: dict[str, Any]) -> str:
    """Parameters and bytes of the networks of a bundle, and what they compute on one box and on the study of the speed test."""
    from safetensors import safe_open

    rows = []
    for path in sorted((bundle / "models").glob("*.safetensors")):
        with safe_open(path, "pt") as weights:
            count = sum(weights.get_tensor(name).numel() for name in weights.keys() if "running" not in name and "num_batches" not in name)  # noqa: SIM118
        study = f"{work[path.stem]['gflop']:.0f} ({work[path.stem]['tiles']} tiles)" if path.stem in work else "–"
        rows.append([path.stem, f"{count:,}", f"{path.stat().st_size:,}", f"{_gflop(bundle, path.stem):.1f}", study])
    return _table(["network", "parameters", "bytes (fp16)", "GFLOP for a 64x64x64 box", "GFLOP for the study of the speed test"], rows)


def _gflop(bundle: Path, name: str) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from RenalParenchymaLib.networks import build

    network = build(_read(bundle / "configs" / "inference.json")["networks"][name]).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 1, 64, 64, 64))
    return counter.get_total_flops() / 1e9


if __name__ == "__main__":
    main()
