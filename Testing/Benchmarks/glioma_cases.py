"""List the real scans that GliomaUncertainty is reported on, for ``deepvolumetry evaluate glioma --cases``.

    python Testing/Benchmarks/glioma_cases.py --data ../shared/data --out real.csv

BraTS 2013: four patients with FLAIR and T1ce and expert labels. TCGA-FG-6692: four sequences; its reference is a fusion of five
algorithms (SIMPLE; the majority vote is voxel by voxel the same), so it shows agreement with algorithms, not accuracy.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image_io import read_image
from GliomaUncertaintyLib.labels import SEQUENCES, TARGETS, targets_of

COLUMNS = ("case", *SEQUENCES, "reference", "labels", "group")
BRATS, TCGA = "real BraTS-2013, expert labels", "TCGA-FG-6692, fusion of five algorithms"
ALGORITHMS = ("hnfnetv1-20", "isen-20", "sanet0-20", "scan-20", "yixinmpl-20")
FUSION = "simple"
_BRATS_2013 = "1=necrosis;2=edema;3=necrosis;4=ET"
_BRATS_2021 = "1=necrosis;2=edema;4=ET"


def rows(data: Path) -> list[dict[str, str]]:
    """What ``COLUMNS`` name, one dictionary per case; paths are absolute, "" for a sequence that there is not."""
    folder = data / "glioma"
    listed = [_row(case, case / "labels.nii.gz", _BRATS_2013, BRATS) for case in sorted(folder.glob("brats_2013_*"))]
    tcga = folder / "TCGA-FG-6692"
    if tcga.is_dir():
        listed.append(_row(tcga, tcga / f"algorithm_{FUSION}.nii.gz", _BRATS_2021, TCGA))
    return listed


def disagreement(folder: Path) -> dict[str, NDArray[np.bool_]]:
    """Where the five algorithms do not all say the same: target -> bool (K, J, I).

    Args:
        folder: TCGA-FG-6692, with ``algorithm_<name>.nii.gz``.
    """
    return disputed([targets_of(read_image(folder / f"algorithm_{name}.nii.gz", name).voxels, "brats2021") for name in ALGORITHMS])


def disputed(opinions: Sequence[dict[str, NDArray[np.bool_]]]) -> dict[str, NDArray[np.bool_]]:
    """Target -> where some opinions hold the voxel and others do not."""
    found = {}
    for target in TARGETS:
        votes = np.sum([opinion[target] for opinion in opinions], axis=0)
        found[target] = (votes > 0) & (votes < len(opinions))
    return found


def _row(case: Path, reference: Path, labels: str, group: str) -> dict[str, str]:
    files = {name: case / f"{name}.nii.gz" for name in SEQUENCES}
    inputs = {name: str(path.resolve()) if path.exists() else "" for name, path in files.items()}
    return {"case": case.name, **inputs, "reference": str(reference.resolve()), "labels": labels, "group": group}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(options.data))


if __name__ == "__main__":
    main()
