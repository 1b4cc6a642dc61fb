"""Calibrate the volume intervals of FemurQCT on scans of draws of fold 3 and store them in the bundle.

    python Testing/Benchmarks/femur_calibrate.py --pack pack.npz --count 12 --bundle FemurQCT/Resources/Models/femur_vnet --memory FILE

Each femur is one calibration case; the residuals go to configs/inference.json, where the pipeline reads them. A run that was stopped goes
on where it was (``--memory``), with the same weights. Coverage is then measured on fold 4 by femur_evaluate.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from femur_studies import generated

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from FemurQCTLib.measurements import TARGET, calibration_residuals, measure_femora
from FemurQCTLib.parameters import Parameters
from FemurQCTLib.pipeline import create

FOLD = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--memory", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long; the next call goes on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = create(options.bundle, "cpu")
    known = json.loads(options.memory.read_text(encoding="utf-8")) if options.memory.exists() else {}
    known = known if known.get("model") == pipeline.bundle.sha256 else {"model": pipeline.bundle.sha256, "cases": {}}
    import time

    began = time.monotonic()
    for case in generated(options.pack, FOLD, options.count):
        if case.name in known["cases"]:
            continue
        if time.monotonic() - began > options.seconds:
            break
        result = pipeline.run({"volume": case.image}, Parameters(), RunProgress())
        masks = {name: mask for name, mask in result.segments.items() if name.endswith("_femur")}
        measured = measure_femora(
            masks, result.image, Parameters(), None, "", result.probability[TARGET], result.extras["member_volumes_ml"]
        )
        assert case.study is not None
        truth = {f"{side}_femur": true.volume_ml for side, true in case.study.truth.items()}
        known["cases"][case.name] = calibration_residuals(measured, result.image.voxel_ml, truth)
        options.memory.write_text(json.dumps(known), encoding="utf-8")
        print(case.name, known["cases"][case.name], flush=True)
    values = [value for found in known["cases"].values() for value in found]
    path = options.bundle / "configs" / "inference.json"
    inference = json.loads(path.read_text(encoding="utf-8"))
    entry = ConformalEntry.from_residuals(values)
    inference["conformal"] = ConformalTable({TARGET: entry}).to_dict()
    path.write_text(json.dumps(inference, indent=2) + "\n", encoding="utf-8")
    print(f"{len(values)} femora, scale {entry.scale():.2f}: {entry.sentence}")


if __name__ == "__main__":
    main()
