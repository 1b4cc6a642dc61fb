"""Calibrate the volume intervals of RenalParenchyma on studies with known truth (fold 3) and store them in the bundle.

    python Testing/Benchmarks/renal_calibrate.py --studies studies3 --bundle RenalParenchyma/Resources/Models/renal_kidney_parenchyma

``--studies`` is a folder made by renal_studies.py. Each kidney is one calibration case; the residuals go to
configs/inference.json, where the pipeline reads them. Coverage is then measured on other patients by ``deepvolumetry evaluate``.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from renal_studies import RIGHT

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from RenalParenchymaLib.labels import CYST, PARENCHYMA, TUMOR
from RenalParenchymaLib.measurements import calibration_residuals, measure_kidneys
from RenalParenchymaLib.parameters import Parameters
from RenalParenchymaLib.pipeline import RenalPipeline, create
from RenalParenchymaLib.segments import TARGETS, key


def true_volumes(truth: Image) -> dict[str, float]:
    """Segment key -> mL, from labels as renal_studies.py writes them."""
    counts = np.bincount(truth.voxels.ravel(), minlength=RIGHT + 5) * truth.voxel_ml
    volumes = {}
    for side, add in (("left", 0), ("right", RIGHT)):
        volumes[key(side, "kidney")] = float(counts[add + 1 : add + 5].sum())
        for target, value in (("parenchyma", PARENCHYMA), ("tumor", TUMOR), ("cyst", CYST)):
            volumes[key(side, target)] = float(counts[add + value])
    return volumes


def _residuals(pipeline: RenalPipeline, folder: Path, row: dict[str, str]) -> dict[str, list[float]]:
    image, truth = read_image(folder / row["volume"]), read_image(folder / row["reference"])
    result = pipeline.run({"volume": image}, Parameters(), RunProgress())
    measured = measure_kidneys(result.segments, result.image, Parameters(), result.probability, result.extras["member_volumes_ml"])
    return calibration_residuals(measured, true_volumes(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(2)
    pipeline = create(options.bundle, "cpu")
    memory = options.studies / "residuals.json"  # a run that was stopped goes on where it was, with the same weights
    known = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    known = known if known.get("model") == pipeline.bundle.sha256 else {"model": pipeline.bundle.sha256}
    residuals: dict[str, list[float]] = {target: [] for target in TARGETS}
    with (options.studies / "cases.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["case"] not in known:
            known[row["case"]] = _residuals(pipeline, options.studies, row)
            memory.write_text(json.dumps(known), encoding="utf-8")
        found = known[row["case"]]
        for target, values in found.items():
            residuals[target] += values
        print(row["case"], {target: [round(value, 2) for value in values] for target, values in found.items()}, flush=True)
    path = options.bundle / "configs" / "inference.json"
    inference = json.loads(path.read_text(encoding="utf-8"))
    table = ConformalTable({target: ConformalEntry.from_residuals(values) for target, values in residuals.items() if values})
    inference["conformal"] = table.to_dict()
    path.write_text(json.dumps(inference, indent=2) + "\n", encoding="utf-8")
    for target, entry in table.entries.items():
        print(target, f"{len(entry.residuals)} kidneys, scale {entry.scale():.2f}: {entry.sentence}")


if __name__ == "__main__":
    main()
