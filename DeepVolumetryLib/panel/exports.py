"""Files of a result as it is now, corrections included; the same files as the command line writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..image_io import write_atomically, write_segmentation, write_volume
from ..mrml.segmentation import algorithm_name
from ..report.files import write_csv, write_json
from ..report.report import Report

if TYPE_CHECKING:
    from ..result import Result


def writeCsv(result: Result, folder: Path) -> Path:
    """Write measurements.csv into a folder, which is made if need be."""
    with write_atomically(folder) as beside:
        write_csv(result.measurements, beside / "measurements.csv")
    return folder / "measurements.csv"


def writeJson(result: Result, folder: Path) -> Path:
    """Write report.json into a folder, which is made if need be."""
    with write_atomically(folder) as beside:
        write_json(Report.from_result(result), beside / "report.json")
    return folder / "report.json"


def writeAll(result: Result, folder: Path) -> Path:
    """Write segmentation, probability and uncertainty maps, CSV and JSON.

    Raises:
        ResourceError: if there is not enough space; nothing is left half-written.
    """
    maps = {f"{kind}_{target}": voxels for kind in ("probability", "uncertainty") for target, voxels in getattr(result, kind).items()}
    with write_atomically(folder, sum(voxels.nbytes for voxels in maps.values())) as beside:
        edited = result.extras.get("edited_segments", ())
        write_segmentation(
            beside / "segmentation.seg.nrrd", result.image, result.specs, result.segments, algorithm_name(result.provenance), edited
        )
        for name, voxels in maps.items():
            write_volume(beside / f"{name}.nrrd", result.image.with_voxels(voxels))
        write_csv(result.measurements, beside / "measurements.csv")
        write_json(Report.from_result(result), beside / "report.json")
    return folder
