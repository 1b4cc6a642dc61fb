"""A result as files: segmentation, maps, measurements and report, all of them or none."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image_io import write_atomically, write_segmentation, write_volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..result import Result

SCHEMA = 1
SECONDS = ("import", "load", "preprocess", "inference", "postprocess", "write", "total")


def report(result: Result, inputs: Sequence[dict[str, Any]], seconds: dict[str, float]) -> dict[str, Any]:
    """``report.json`` as docs/cli.md describes it.

    Args:
        result: what was found.
        inputs: one dictionary per input file, see ``inputs.InputFile.described``.
        seconds: what the command measured itself; the pipeline's own are taken from the provenance.
    """
    made = result.provenance
    spent = {**made.seconds, **seconds}
    return {
        "schema": SCHEMA,
        "module": made.module,
        "version": made.version,
        "model": {"name": made.model_name, "version": made.model_version, "sha256": made.model_sha256, "license": made.model_license},
        "device": made.device,
        "parameters": made.parameters,
        "seconds": {name: round(spent.get(name, 0.0), 3) for name in SECONDS},
        "inputs": list(inputs),
        "measurements": [
            {
                "segment": m.segment,
                "name": m.name,
                "value": _finite(m.value),
                "unit": m.unit,
                "low": _finite(m.low),
                "high": _finite(m.high),
                "level": m.level,
                "code": asdict(m.code) if m.code else None,
                "verdict": m.verdict,
            }
            for m in result.measurements
        ],
        "review": [
            {
                "rank": region.rank,
                "target": region.target,
                "at_stake_ml": region.at_stake_ml,
                "center_ras_mm": list(region.center_ras_mm),
                "volume_ml": region.volume_ml,
            }
            for region in result.regions
        ],
        "warnings": list(result.warnings),
        "peak_memory_mb": round(made.peak_memory_mb, 1),
    }


@contextmanager
def written(directory: Path, result: Result) -> Iterator[Path]:
    """Write the files of a result beside `directory`; they appear there when the block, which may add its own, ends well.

    Raises:
        ResourceError: if the disk has too little room; it is asked before anything is written.
        InputError: if nothing can be written there.
    """
    voxels = int(np.prod(result.image.shape))
    maps = len(result.probability) + len(result.uncertainty)
    with write_atomically(directory, needed_bytes=voxels * (4 * maps + 2)) as folder:
        algorithm = f"DeepVolumetry {result.provenance.module} {result.provenance.version}"
        write_segmentation(folder / "segmentation.seg.nrrd", result.image, result.specs, result.segments, algorithm)
        for kind, targets in (("probability", result.probability), ("uncertainty", result.uncertainty)):
            for target, values in targets.items():
                write_volume(folder / f"{kind}_{target}.nrrd", result.image.with_voxels(values.astype(np.float32, copy=False)))
        _write_measurements(folder / "measurements.csv", result)
        yield folder


def write_json(path: Path, document: Any) -> None:
    """Indented JSON without NaN, which other programs cannot read; written beside, then renamed."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    beside.replace(path)


def _write_measurements(path: Path, result: Result) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("segment", "name", "value", "unit", "low", "high", "level"))
        for m in result.measurements:
            writer.writerow((m.segment, m.name, *map(_cell, (m.value,)), m.unit, *map(_cell, (m.low, m.high, m.level))))


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
