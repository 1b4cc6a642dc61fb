"""A result as files: segmentation, maps and measurements, all of them or none."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image_io import write_atomically, write_segmentation, write_volume
from ..report.files import write_csv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..result import Result


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
        write_csv(result.measurements, folder / "measurements.csv")
        yield folder


def write_json(path: Path, document: Any) -> None:
    """Indented JSON without NaN, which other programs cannot read; written beside, then renamed."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    beside.replace(path)
