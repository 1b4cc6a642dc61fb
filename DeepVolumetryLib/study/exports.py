"""Files of a result as it is now, corrections included; the same files as the command line writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..image_io import write_atomically, write_segmentation, write_volume
from ..mrml.segmentation import algorithm_name
from ..report.files import write_csv, write_json
from ..report.report import InputRecord, Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..mrml.results import SceneNodes
    from ..result import Result


def writeCsv(result: Result, folder: Path) -> Path:
    """Write measurements.csv into a folder, which is made if need be."""
    with write_atomically(folder) as beside:
        write_csv(result.measurements, beside / "measurements.csv")
    return folder / "measurements.csv"


def writeJson(result: Result, folder: Path, inputs: Sequence[InputRecord] = ()) -> Path:
    """Write report.json into a folder, which is made if need be; ``inputs`` as for `Report.from_result`."""
    with write_atomically(folder) as beside:
        write_json(Report.from_result(result, inputs), beside / "report.json")
    return folder / "report.json"


def writePdf(
    result: Result, nodes: SceneNodes, folder: Path, names: Mapping[str, str], deidentify: bool = False, inputs: Sequence[InputRecord] = ()
) -> Path:
    """Write report.pdf, with pictures of what is in the scene, into a folder, which is made if need be.

    Args:
        nodes: what the result is in the scene.
        inputs: as for `Report.from_result`.
    """
    from ..report.anonymous import without_identity
    from ..report.pdf import write_pdf
    from .plates import platesOf

    report = Report.from_result(result, inputs)
    with write_atomically(folder) as beside:
        shown = without_identity(report) if deidentify else report
        write_pdf(shown, beside / "report.pdf", *platesOf(result, nodes), result.specs, names)
    return folder / "report.pdf"


def writeDicom(result: Result, folder: Path, names: Mapping[str, str], nodes: Mapping[str, Any], deidentify: bool = False) -> Path:
    """Write DICOM objects into the folder "dicom" of a folder.

    Args:
        nodes: the volume node of each part of the result, as it was loaded from DICOM.

    Raises:
        InputError: if a volume did not come from Slicer's DICOM database, or its files are gone.
    """
    from ..mrml.dicom_header import files_of
    from ..mrml.volumes import local_matrix
    from ..report.dicom import read_source, write_dicom

    sources, placed = {}, {}
    for name, part in result.parts.items():
        node = nodes.get(name)
        files = files_of(node) if node is not None else []
        # A transform above the volume is Slicer's: the files know only where the scanner saw the patient.
        image = part.image if node is None else replace(part.image, ijk_to_ras=local_matrix(node))
        placed[name] = replace(part, image=image, companions={})
        if files:
            sources[name] = read_source(files, node.GetName())
    whole = replace(placed.pop(""), companions=placed)
    with write_atomically(folder) as beside:
        write_dicom(whole, sources, beside / "dicom", names, deidentify)
    return folder / "dicom"


def writeLabelMap(result: Result, folder: Path, labelMap: Mapping[str, NDArray[Any]]) -> Path:
    """Write one volume of label values, given under the name of its file; returns its path."""
    (name, labels), *_ = labelMap.items()
    with write_atomically(folder, labels.nbytes) as beside:
        write_volume(beside / f"{name}.nrrd", result.image.with_voxels(labels))
    return folder / f"{name}.nrrd"


def writeAll(result: Result, folder: Path, more: Mapping[str, NDArray[Any]] | None = None, inputs: Sequence[InputRecord] = ()) -> Path:
    """Write segmentation, probability and uncertainty maps, CSV and JSON, and more volumes under their names.

    Files of a companion of the result have its name at the end; ``inputs`` as for `Report.from_result`.

    Raises:
        ResourceError: if there is not enough space; nothing is left half-written.
    """
    maps = {name: _maps(part) for name, part in result.parts.items()}
    maps[""] |= more or {}
    with write_atomically(folder, sum(voxels.nbytes for part in maps.values() for voxels in part.values())) as beside:
        for name, part in result.parts.items():
            suffix, edited = f"_{name}" if name else "", part.extras.get("edited_segments", ())
            path = beside / f"segmentation{suffix}.seg.nrrd"
            write_segmentation(path, part.image, part.specs, part.segments, algorithm_name(part.provenance), edited)
            for kind, voxels in maps[name].items():
                write_volume(beside / f"{kind}{suffix}.nrrd", part.image.with_voxels(voxels))
        write_csv(result.measurements, beside / "measurements.csv")
        write_json(Report.from_result(result, inputs), beside / "report.json")
    return folder


def _maps(result: Result) -> dict[str, NDArray[Any]]:
    maps = {f"{kind}_{target}": voxels for kind in ("probability", "uncertainty") for target, voxels in getattr(result, kind).items()}
    return maps | {title.split(" [")[0].replace(" ", "_"): voxels for title, voxels in result.maps.items()}
