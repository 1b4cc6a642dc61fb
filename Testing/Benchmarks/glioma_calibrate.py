"""Calibrate the volume intervals of GliomaUncertainty on studies with known truth (fold 3) and store them in the bundle.

    python Testing/Benchmarks/glioma_calibrate.py --studies studies3 --bundle GliomaUncertainty/Resources/Models/glioma_spu

``--studies`` is a folder made by glioma_studies.py. Each study is one calibration case with all four sequences, and one more with FLAIR
and T1ce alone: the intervals that a scan with missing sequences gets. The residuals go to configs/inference.json, where the pipeline
reads them. Coverage is then measured on other heads by ``deepvolumetry evaluate``.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import torch

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from GliomaUncertaintyLib.labels import SEQUENCES, sub_regions, targets_of
from GliomaUncertaintyLib.measurements import calibration_residuals, measure_glioma
from GliomaUncertaintyLib.parameters import Parameters
from GliomaUncertaintyLib.pipeline import GliomaPipeline, create

WAYS = {"all": SEQUENCES, "any": ("t1ce", "flair")}
"""What is calibrated -> sequences that are given; "any" stands for scans where something is missing."""


def _residuals(pipeline: GliomaPipeline, folder: Path, row: dict[str, str], sequences: tuple[str, ...]) -> dict[str, list[float]]:
    images = {name: read_image(folder / row[name], name) for name in sequences}
    truth = read_image(folder / row["reference"])
    result = pipeline.run(images, Parameters(), RunProgress())
    measured = measure_glioma(result.segments, result.image, Parameters(), result.probability, result.extras["member_volumes_ml"])
    masks = targets_of(truth.voxels, "brats2021")
    volumes = {key: float(mask.sum()) * truth.voxel_ml for key, mask in (masks | sub_regions(masks)).items()}
    return calibration_residuals(measured, volumes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    torch.set_num_threads(2)
    pipeline = create(options.bundle, "cpu")
    memory = options.studies / "residuals.json"  # a run that was stopped goes on where it was, with the same weights
    known: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    if known.get("model") != pipeline.bundle.sha256:
        known = {"model": pipeline.bundle.sha256}
    with (options.studies / "cases.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    path = options.bundle / "configs" / "inference.json"
    for way in options.ways:
        collected: dict[str, list[float]] = {}
        for row in rows:
            name = f"{row['case']} {way}"
            if name not in known:
                known[name] = _residuals(pipeline, options.studies, row, WAYS[way])
                memory.write_text(json.dumps(known), encoding="utf-8")
            for key, values in known[name].items():
                collected.setdefault(key, []).extend(values)
            print(name, {key: [round(value, 2) for value in values] for key, values in known[name].items()}, flush=True)
        table = ConformalTable({key: ConformalEntry.from_residuals(values) for key, values in collected.items() if values})
        inference = json.loads(path.read_text(encoding="utf-8"))
        if way == "all":
            inference["conformal"] = table.to_dict()
        else:
            inference.setdefault("conformal_without", {})[way] = table.to_dict()
        path.write_text(json.dumps(inference, indent=2) + "\n", encoding="utf-8")
        for key, entry in table.entries.items():
            print(way, key, f"{len(entry.residuals)} studies, scale {entry.scale():.2f}: {entry.sentence}")


if __name__ == "__main__":
    main()
