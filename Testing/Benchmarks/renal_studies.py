"""Make the synthesized studies that RenalParenchyma is calibrated (fold 3) and reported (fold 4) on.

    python Testing/Benchmarks/renal_studies.py --pack pack.npz --fold 4 --cases 24 --out studies

Kidneys are those of patients that no network was trained on. Every second study sets them into a real torso that the
training used too, the others into a procedural one that it never saw; ``group`` in cases.csv keeps the two apart.
Writes CASE_CT.nrrd, CASE_T2.nrrd, their truth, and cases.csv for ``deepvolumetry evaluate renal``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume
from RenalParenchymaLib.synthesis import synthesize
from RenalParenchymaLib.training.pack import load_pack
from RenalParenchymaLib.training.procedural import PREFIX, procedural_torso

RIGHT = 10  # added to the value of what is on the patient's right
LABELS = ";".join(
    f"{v + add}={side}_{n}"
    for side, add in (("left", 0), ("right", RIGHT))
    for v, n in enumerate(("parenchyma", "tumor", "cyst", "sinus"), 1)
)
_UNSEEN_SEED = 500
_UNSEEN_TORSOS = 4


def with_sides(truth: Image) -> Image:
    """Truth whose values tell the side. Studies are made with the spine at R = 0, so the sign of R is the side."""
    r = (truth.ijk_to_ras[0, 0] * np.arange(truth.size[0]) + truth.ijk_to_ras[0, 3])[None, None, :]
    return truth.with_voxels(np.where((truth.voxels > 0) & (r >= 0), truth.voxels + RIGHT, truth.voxels).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--modalities", nargs="+", default=["CT", "T2"])
    options = parser.parse_args()
    torch.set_num_threads(2)
    options.out.mkdir(parents=True, exist_ok=True)
    kidneys, torsos = load_pack(options.pack, (options.fold,))
    real = [torso for torso in torsos if not torso.name.startswith(PREFIX)]
    unseen = [procedural_torso(_UNSEEN_SEED + 10 * options.fold + n) for n in range(_UNSEEN_TORSOS)]
    patients = sorted({kidney.case for kidney in kidneys if sum(k.case == kidney.case for k in kidneys) == 2})
    patients = patients[:: max(1, len(patients) // options.cases)][: options.cases]
    rows = []
    for number, patient in enumerate(patients):
        own = [kidney for kidney in kidneys if kidney.case == patient]
        torso = (real if number % 2 == 0 else unseen)[number // 2 % (2 if number % 2 == 0 else _UNSEEN_TORSOS)]
        for modality in options.modalities:
            name = f"{patient}_{modality}"
            image, truth = options.out / f"{name}.nrrd", options.out / f"{name}_truth.nrrd"
            if not truth.exists():
                study, reference = synthesize(own, torso, modality, 1000 * options.fold + number)
                write_volume(image, study)
                write_volume(truth, with_sides(reference))
                print(name, torso.name, study.shape, flush=True)
            kind = "unseen torso" if number % 2 else "torso seen in training"
            rows.append((name, image.name, truth.name, LABELS, f"synthesized {modality}, {kind}"))
    with (options.out / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", "volume", "reference", "labels", "group"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
