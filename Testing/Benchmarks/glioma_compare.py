"""Evaluate every method of GliomaUncertainty, and the default one without each sequence, over a list of cases.

    python Testing/Benchmarks/glioma_compare.py --cases real.csv --out real --disagreement ../shared/data/glioma/TCGA-FG-6692
    python Testing/Benchmarks/glioma_compare.py --cases real.csv --bundles folds.json --out real-leave-one-out

Writes OUT/METHOD/metrics.json and OUT/without_SEQUENCE/metrics.json, each as ``deepvolumetry evaluate`` does. It goes on where it was
stopped. The default method runs once more for each ``--maps``, into OUT/spu_MAP: other definitions of what the uncertainty shows.
``--bundles`` names a JSON file {"case": "bundle folder"} for cases that the shipped weights have seen in training: each is evaluated by
the bundle that has not. ``--disagreement`` is the folder of TCGA-FG-6692: OUT/METHOD/disagreement.json then says how well the
uncertainty of the method finds where the five algorithms differ.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from glioma_cases import COLUMNS, disagreement

from DeepVolumetryLib.app.evaluation.summary import summarize_groups
from DeepVolumetryLib.app.main import main as deepvolumetry
from DeepVolumetryLib.app.results import write_json
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.uncertainty.score import auroc
from GliomaUncertaintyLib.alignment import REFERENCES
from GliomaUncertaintyLib.labels import SEQUENCES, TARGETS
from GliomaUncertaintyLib.parameters import METHODS, UNCERTAINTIES

_PATHS = (*SEQUENCES, "reference")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a list of cases; paths become absolute, so that parts of the list can be written elsewhere."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        listed = [{key: (value or "").strip() for key, value in row.items()} for row in csv.DictReader(stream)]
    for row in listed:
        for column in _PATHS:
            if row.get(column):
                row[column] = str((path.parent / row[column]).resolve())
    return listed


def without(rows: Sequence[Mapping[str, str]], sequence: str) -> list[dict[str, str]]:
    """The cases that have a sequence and can do without it, with that sequence taken away."""
    left = [{**row, sequence: ""} for row in rows if row.get(sequence)]
    return [row for row in left if any(row.get(name) for name in REFERENCES)]


def evaluate(
    rows: Sequence[Mapping[str, str]], out: Path, bundles: Mapping[str, str], method: str, options: Sequence[str], keep: str = ""
) -> None:
    """One metrics.json over all cases, each evaluated by its bundle; maps are kept of the case named ``keep``."""
    runs: dict[tuple[str, bool], list[Mapping[str, str]]] = {}
    for row in rows:
        runs.setdefault((bundles.get(row["case"], ""), row["case"] == keep), []).append(row)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    document: dict[str, Any] = {}
    for number, ((bundle, kept), part) in enumerate(sorted(runs.items())):
        folder = out / f"run_{number}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(part)
        (folder / "metrics.json").unlink(missing_ok=True)  # the cases themselves are remembered beside it
        arguments = [
            "evaluate",
            "glioma",
            "--cases",
            str(folder / "cases.csv"),
            "--out",
            str(folder),
            "--method",
            method,
            "--quiet",
            *options,
        ]
        code = deepvolumetry([*arguments, *(("--bundle", bundle) if bundle else ()), *(("--keep",) if kept else ())])
        if not (folder / "metrics.json").exists():
            sys.exit(code)
        document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        done += document["cases"]
        failed += document["failed"]
    order = {row["case"]: number for number, row in enumerate(rows)}
    done.sort(key=lambda case: order[case["case"]])
    write_json(out / "metrics.json", {**document, "groups": summarize_groups(done), "cases": done, "failed": failed})


def judge_disagreement(kept: Path, folder: Path, images: Sequence[str]) -> dict[str, Any]:
    """How well the kept uncertainty maps of a case find where algorithms differ.

    Args:
        kept: folder with ``uncertainty_<target>.nrrd``.
        folder: labels of the algorithms.
        images: skull-stripped sequences of the case: the brain is where one of them is not 0.
    """
    brain = np.logical_or.reduce([read_image(Path(path), "image").voxels != 0 for path in images])
    found = {}
    for target, disputed in disagreement(folder).items():
        uncertainty = read_image(kept / f"uncertainty_{target}.nrrd", target).voxels
        found[target] = {"auroc": auroc(uncertainty, disputed, brain), "disputed_ml": float(disputed.sum() / 1000)}
    return {"case": folder.name, "brain_ml": float(brain.sum() / 1000), "targets": {target: found[target] for target in TARGETS}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--without", nargs="*", choices=SEQUENCES, default=list(SEQUENCES), help="sequences that are left out in turn")
    parser.add_argument("--maps", nargs="*", choices=UNCERTAINTIES, default=["spread", "entropy"], help="other maps of the default method")
    parser.add_argument("--bundle", default="", help="bundle of the cases that --bundles does not name")
    parser.add_argument("--bundles", type=Path, help="JSON: case -> bundle folder")
    parser.add_argument("--disagreement", type=Path, help="folder of TCGA-FG-6692")
    parser.add_argument("--members", default="10")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    rows = read_rows(given.cases)
    named = json.loads(given.bundles.read_text(encoding="utf-8")) if given.bundles else {}
    bundles = {row["case"]: str(named.get(row["case"], given.bundle)) for row in rows}
    options = ["--members", given.members, "--device", given.device]
    disputed = given.disagreement.name if given.disagreement else ""
    for method in given.methods:
        print(method, flush=True)
        evaluate(rows, given.out / method, bundles, method, options, keep=disputed)
        for kept in (given.out / method).glob(f"run_*/results/{disputed}") if disputed else ():
            row = next(row for row in rows if row["case"] == disputed)
            found = judge_disagreement(kept, given.disagreement, [row[name] for name in SEQUENCES if row.get(name)])
            write_json(given.out / method / "disagreement.json", found)
    for kind in given.maps:
        print(f"map: {kind}", flush=True)
        evaluate(rows, given.out / f"spu_{kind}", bundles, "spu", [*options, "--uncertainty", kind])
    for sequence in given.without:
        fewer = without(rows, sequence)
        if fewer:
            print(f"without {sequence}", flush=True)
            evaluate(fewer, given.out / f"without_{sequence}", bundles, "spu", options)


if __name__ == "__main__":
    main()
