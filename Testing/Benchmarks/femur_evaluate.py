"""How well FemurQCT does on scans whose truth is known, and on one real CT: masks, volumes, intervals, densities.

    python Testing/Benchmarks/femur_evaluate.py --pack pack.npz --count 8 --femur data/femur --real data/totalsegmentator_example \
        --bundle FemurQCT/Resources/Models/femur_vnet --out metrics.json --pictures docs/pictures

A run that was stopped goes on where it was, with the same weights. ``femur_results.py`` writes what was found into docs/results-femur.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from femur_studies import Case, generated, real, target

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.measure.overlap import overlap
from DeepVolumetryLib.measure.volumes import bounding_box
from FemurQCTLib.parameters import Parameters
from FemurQCTLib.pipeline import FemurPipeline, create
from FemurQCTLib.products import DENSITY_MAP

AROUND_MM = 20.0
"""Specificity counts the background of the box of the reference widened by this: a wider box would only flatter it."""


def measured(case: Case, pipeline: FemurPipeline, pictures: Path | None) -> list[dict[str, Any]]:
    """One row for each femur of the reference."""
    began = time.perf_counter()
    result = pipeline.run({"volume": case.image}, Parameters(phantom=case.phantom), RunProgress())
    seconds = time.perf_counter() - began
    if pictures is not None:
        _draw(case, result, pictures)
    rows = []
    density = result.maps.get(DENSITY_MAP)
    for value, side in ((1, "left"), (2, "right")):
        truth = case.reference.voxels == value
        if not truth.any():
            continue
        mask = result.segments.get(f"{side}_femur", np.zeros(truth.shape, bool))
        margin = int(np.ceil(AROUND_MM / min(case.image.spacing)))
        box = bounding_box(truth, margin=margin)
        part = case.image.cropped([axis.start for axis in box], [axis.stop for axis in box])
        found = overlap(mask[box], truth[box], part)
        volume = next((m for m in result.measurements if m.segment == f"{side}_femur" and m.name == "Volume"), None)
        row: dict[str, Any] = {
            "case": case.name, "group": case.group, "side": side, "sex": case.sex, "spacing": list(case.image.spacing), "seconds": seconds,
            **{name: _plain(number) for name, number in asdict(found).items()},
            "volume_ml": None if volume is None else volume.value, "low": None if volume is None else volume.low,
            "high": None if volume is None else volume.high, "reference_ml": float(truth.sum()) * case.image.voxel_ml,
            "warnings": list(result.warnings),
        }  # fmt: skip
        if case.study is not None:
            true = case.study.truth[side]
            row |= {"true_ml": true.volume_ml, "true_density": true.density, "true_bmc": true.mineral_g}
            row["true_density_in_reference"] = float(case.study.density.voxels[truth].mean())
            if density is not None and mask.any():
                row["density"] = float(density[mask].mean())
                row["bmc"] = float(density[mask].sum()) * case.image.voxel_ml / 1000
        rows.append(row)
    return rows


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _draw(case: Case, result: Any, folder: Path) -> None:
    """Coronal and axial slices through each head with both outlines."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    image = case.image.canonical()
    truth = case.reference.canonical().voxels
    masks = {value: result.image.with_voxels(result.segments[name]).canonical().voxels if name in result.segments else None
             for value, name in ((1, "left_femur"), (2, "right_femur"))}  # fmt: skip
    figure, axes = plt.subplots(2, 2, figsize=(9, 9))
    for row, value in enumerate((1, 2)):
        at = np.argwhere(truth == value)
        if not len(at):
            continue
        low, high = np.maximum(at.min(0) - 12, 0), np.minimum(at.max(0) + 13, truth.shape)
        head = at[at[:, 0] > at[:, 0].max() - 30 / image.spacing[2]].mean(0).round().astype(int)
        for column, axis in enumerate((1, 0)):
            place = tuple(head[n] if n == axis else slice(low[n], high[n]) for n in range(3))
            aspect = image.spacing[2] / image.spacing[0] if axis == 1 else 1.0
            panel = axes[row, column]
            panel.imshow(image.voxels[place], origin="lower", cmap="gray", vmin=-200, vmax=700, aspect=aspect)
            panel.contour(truth[place] == value, [0.5], colors="#35c4ff", linewidths=1.0)
            if masks[value] is not None:
                panel.contour(masks[value][place], [0.5], colors="#ff4040", linewidths=1.0)
            panel.set_axis_off()
            panel.set_title(f"{('left', 'right')[value - 1]}, {('axial', 'coronal')[axis]}", fontsize=9)
    figure.suptitle(f"{case.name} ({case.group}): reference blue, result red", fontsize=10)
    figure.tight_layout()
    figure.savefig(folder / f"femur-{case.name}.png", dpi=75)
    plt.close(figure)


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    parts = [generated(options.pack, 4, options.count)]
    if options.femur:
        parts.append(target(options.pack, options.femur))
    if options.real:
        parts.insert(0, real(options.real))
    return itertools.chain(*parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--femur", type=Path, help="folder of the shape model and femur_target.stl")
    parser.add_argument("--real", type=Path, help="folder of TotalSegmentator's example")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the real scan, the target and the first generated one")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long; the next call goes on")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = create(options.bundle, "cpu")
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    if document.get("model") != pipeline.bundle.sha256:
        document = {"model": pipeline.bundle.sha256, "version": pipeline.bundle.version, "rows": []}
    done = {row["case"] for row in document["rows"]}
    shown: set[str] = {row["group"] for row in document["rows"]}
    began = time.monotonic()
    for case in _cases(options):
        if case.name in done:
            continue
        if time.monotonic() - began > options.seconds:
            break
        pictures = options.pictures if case.group not in shown else None
        shown.add(case.group)
        document["rows"] += measured(case, pipeline, pictures)
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(case.name, [round(row["dice"], 4) for row in document["rows"] if row["case"] == case.name], flush=True)


if __name__ == "__main__":
    main()
