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

    from numpy.typing import NDArray

    from ..result import Result


@contextmanager
def written(directory: Path, result: Result) -> Iterator[Path]:
    """Write the files of a result beside `directory`; they appear there when the block, which may add its own, ends well.

    Files of a companion of the result have its name at the end.

    Raises:
        ResourceError: if the disk has too little room; it is asked before anything is written.
        InputError: if nothing can be written there.
    """
    needed = sum(int(np.prod(part.image.shape)) * (4 * len(_maps(part)) + 2) for part in result.parts.values())
    with write_atomically(directory, needed_bytes=needed) as folder:
        algorithm = f"DeepVolumetry {result.provenance.module} {result.provenance.version}"
        for name, part in result.parts.items():
            suffix = f"_{name}" if name else ""
            write_segmentation(folder / f"segmentation{suffix}.seg.nrrd", part.image, part.specs, part.segments, algorithm)
            for kind, values in _maps(part).items():
                write_volume(folder / f"{kind}{suffix}.nrrd", part.image.with_voxels(values.astype(np.float32, copy=False)))
        write_csv(result.measurements, folder / "measurements.csv")
        yield folder


def _maps(result: Result) -> dict[str, NDArray[Any]]:
    maps = {f"{kind}_{target}": values for kind in ("probability", "uncertainty") for target, values in getattr(result, kind).items()}
    return maps | {name.split(" [")[0].replace(" ", "_"): values for name, values in result.maps.items()}


def write_json(path: Path, document: Any) -> None:
    """Indented JSON without NaN, which other programs cannot read; written beside, then renamed."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    beside.replace(path)
