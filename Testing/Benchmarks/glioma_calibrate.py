"""Calibrate probabilities and volume intervals of GliomaUncertainty on studies with known truth (fold 3); store both in the bundle.

    python Testing/Benchmarks/glioma_calibrate.py --studies studies3 --bundle GliomaUncertainty/Resources/Models/glioma_spu

``--studies`` is a folder made by glioma_studies.py. Each study is one calibration case with all four sequences, and one more with FLAIR and
T1ce alone: the intervals that a scan with missing sequences gets. ``--temperature 8`` first fits the temperature of the probabilities on
eight studies, over the voxels that are not settled. For the weights that ship it was 2.1 and did harm: those are the doubtful ones by
choice, and over the whole brain the calibration error rose tenfold (TCGA-FG-6692, whole tumor: 0.002 to 0.025). The residuals go to
configs/inference.json, where the pipeline reads them. Coverage is then measured on other heads by ``deepvolumetry evaluate``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.uncertainty.calibrate import Calibration, fit_temperature
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from GliomaUncertaintyLib.labels import SEQUENCES, sub_regions, targets_of
from GliomaUncertaintyLib.measurements import calibration_residuals, measure_glioma
from GliomaUncertaintyLib.parameters import Parameters
from GliomaUncertaintyLib.pipeline import GliomaPipeline, create

SETTLED = 0.001
"""Voxels whose probability is this near to 0 or 1 say nothing about the temperature: nearly all of the brain, and right."""
WAYS = {"all": SEQUENCES, "any": ("t1ce", "flair")}
"""What is calibrated -> sequences that are given; "any" stands for scans where something is missing."""


def _fitted(pipeline: GliomaPipeline, folder: Path, rows: list[dict[str, str]], members: int) -> Calibration:
    """The temperature under which the truth of these studies is most likely."""
    pipeline.calibration = Calibration()
    probability, truth = [], []
    for row in rows:
        images = {name: read_image(folder / row[name], name) for name in SEQUENCES}
        result = pipeline.run(images, Parameters(members=members), RunProgress())
        masks = targets_of(read_image(folder / row["reference"]).voxels, "brats2021")
        for target, values in result.probability.items():
            unsettled = (values > SETTLED) & (values < 1 - SETTLED)
            probability.append(values[unsettled])
            truth.append(masks[target][unsettled])
    return fit_temperature(np.concatenate(probability), np.concatenate(truth))


def _residuals(
    pipeline: GliomaPipeline, folder: Path, row: dict[str, str], sequences: tuple[str, ...], members: int
) -> dict[str, list[float]]:
    images = {name: read_image(folder / row[name], name) for name in sequences}
    truth = read_image(folder / row["reference"])
    result = pipeline.run(images, Parameters(members=members), RunProgress())
    measured = measure_glioma(result.segments, result.image, Parameters(), result.probability, result.extras["member_volumes_ml"])
    masks = targets_of(truth.voxels, "brats2021")
    volumes = {key: float(mask.sum()) * truth.voxel_ml for key, mask in (masks | sub_regions(masks)).items()}
    return calibration_residuals(measured, volumes)


def _store(path: Path, entries: dict[str, Any]) -> None:
    """Put entries into a JSON file and keep what else it says."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | entries, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument(
        "--temperature", type=int, default=0, help="studies that it is fitted on; 0 keeps the one that is there (%(default)s)"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    pipeline = create(options.bundle, "cpu")
    path = options.bundle / "configs" / "inference.json"
    with (options.studies / "cases.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if options.temperature:
        pipeline.calibration = _fitted(pipeline, options.studies, rows[: options.temperature], options.members)
        _store(path, {"calibration": pipeline.calibration.to_dict()})
        print(f"temperature {pipeline.calibration.temperature:.3f}", flush=True)
    memory = options.studies / "residuals.json"  # a run that was stopped goes on where it was, with the same weights
    known: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    made_by = {"model": pipeline.bundle.sha256, "temperature": pipeline.calibration.temperature, "members": options.members}
    if {name: known.get(name) for name in made_by} != made_by:
        known = dict(made_by)
    for way in options.ways:
        collected: dict[str, list[float]] = {}
        for row in rows:
            name = f"{row['case']} {way}"
            if name not in known:
                known[name] = _residuals(pipeline, options.studies, row, WAYS[way], options.members)
                memory.write_text(json.dumps(known), encoding="utf-8")
            for key, values in known[name].items():
                collected.setdefault(key, []).extend(values)
            print(name, {key: [round(value, 2) for value in values] for key, values in known[name].items()}, flush=True)
        table = ConformalTable({key: ConformalEntry.from_residuals(values) for key, values in collected.items() if values})
        _store(path, {"conformal": table.to_dict()} if way == "all" else {"conformal_without": {way: table.to_dict()}})
        for key, entry in table.entries.items():
            print(way, key, f"{len(entry.residuals)} studies, scale {entry.scale():.2f}: {entry.sentence}")


if __name__ == "__main__":
    main()
