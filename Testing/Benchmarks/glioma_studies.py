"""Make the synthesized studies that GliomaUncertainty is calibrated (fold 3) and reported (fold 4) on.

    python Testing/Benchmarks/glioma_studies.py --pack pack.npz --fold 4 --cases 24 --out studies

Heads are those that no network was trained on; tumors are grown in them, every eighth study has none if asked for. Writes
CASE_t1.nrrd, CASE_t1ce.nrrd, CASE_t2.nrrd, CASE_flair.nrrd, CASE_truth.nrrd, and cases.csv for ``deepvolumetry evaluate glioma``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from DeepVolumetryLib.image_io import write_volume
from GliomaUncertaintyLib.labels import SEQUENCES
from GliomaUncertaintyLib.synthesis import synthesize
from GliomaUncertaintyLib.training.pack import load_pack
from GliomaUncertaintyLib.training.tumor import grow

LABELS = "1=necrosis;2=edema;4=ET"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--healthy", action="store_true", help="every eighth study without a tumor")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(2)
    options.out.mkdir(parents=True, exist_ok=True)
    heads, _ = load_pack(options.pack, (options.fold,))
    rows = []
    for number in range(options.cases):
        head, seed = heads[number % len(heads)], 1000 * options.fold + number
        name = f"{head.name}_{number:02d}"
        files = {sequence: options.out / f"{name}_{sequence}.nrrd" for sequence in SEQUENCES}
        truth = options.out / f"{name}_truth.nrrd"
        healthy = options.healthy and number % 8 == 7
        if not truth.exists():
            tumor = None if healthy else grow(head, np.random.default_rng([seed, 7]))
            images, reference = synthesize(head, tumor, seed)
            for sequence, path in files.items():
                write_volume(path, images[sequence])
            write_volume(truth, reference)  # last, so that a study that was broken off is made again
            print(name, np.bincount(reference.voxels.ravel(), minlength=5)[1:] * reference.voxel_ml, flush=True)
        rows.append(
            (name, *(path.name for path in files.values()), truth.name, LABELS, "synthesized, no tumor" if healthy else "synthesized")
        )
    with (options.out / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", *SEQUENCES, "reference", "labels", "group"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
