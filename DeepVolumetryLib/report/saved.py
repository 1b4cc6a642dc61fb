"""A result folder, as `segment` writes it, back as a Result that can be reviewed, corrected and measured again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..image_io import read_image, read_segmentation
from ..result import Result
from .files import read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..image import Image
    from ..result import SegmentSpec
    from .report import Report

REPORT = "report.json"
_SEGMENTATION = "segmentation"
_SUFFIX = ".seg.nrrd"


def read_result(
    folder: Path, specs: Sequence[SegmentSpec], images: Mapping[str, Image] | None = None, maps: Sequence[str] = ()
) -> tuple[Result, Report]:
    """Masks, maps, numbers and places to review of a saved result.

    Args:
        folder: holds report.json, segmentation.seg.nrrd and the maps.
        specs: the segments of the module.
        images: the inputs, by the names in the report, as far as they are at hand. One of a part of the result that is missing is
            replaced by an image of zeros.
        maps: titles of further maps of the module ("density [mg/cm3]"), which are read where they are there.

    Returns:
        The result, with what the module needs to measure it again in its extras, and the report.

    Raises:
        InputError: if a file is missing or damaged, or an image does not lie on the grid of the masks.
    """
    report = read_json(folder / REPORT)
    names = [path.name.removesuffix(_SUFFIX).removeprefix(_SEGMENTATION).lstrip("_") for path in folder.glob(f"{_SEGMENTATION}*{_SUFFIX}")]
    if "" not in names:
        raise InputError(f"{folder} has no {_SEGMENTATION}{_SUFFIX}. Choose a folder that “deepvolumetry segment” wrote.")
    parts = {name: _part(folder, name, specs, images or {}, report, sorted(names), maps) for name in sorted(names)}
    result = parts.pop("")
    result.companions = parts
    result.measurements = list(report.measurements)
    result.warnings = list(report.warnings)
    result.extras = {**report.details, **result.extras, "notes": list(report.notes)}
    if report.response is not None:
        result.extras["response"] = dict(report.response)
    return result, report


def has_image(result: Result) -> bool:
    """False where the image was not at hand when the result was read."""
    return bool(result.image.voxels.any())


def _part(
    folder: Path,
    name: str,
    specs: Sequence[SegmentSpec],
    images: Mapping[str, Image],
    report: Report,
    names: list[str],
    maps: Sequence[str],
) -> Result:
    suffix = f"_{name}" if name else ""
    grid, masks, edited = read_segmentation(folder / f"{_SEGMENTATION}{suffix}{_SUFFIX}")
    image = _image_of(name, grid, images, [other for other in names if other], report)
    others = tuple(f"_{other}.nrrd" for other in names if other != name and other)
    read = {kind: _maps(folder, kind, suffix, others, image) for kind in ("probability", "uncertainty")}
    regions = [
        replace(region, target=region.target.removeprefix(f"{name} ").strip())
        for region in report.review
        if name == next((other for other in names if other and region.target.startswith(f"{other} ")), "")
    ]
    further = {title: path for title in maps if (path := folder / f"{title.split(' [')[0].replace(' ', '_')}{suffix}.nrrd").is_file()}
    result = Result(
        image,
        tuple(specs),
        {spec.key: masks[spec.key] for spec in specs if spec.key in masks},
        read["probability"],
        read["uncertainty"],
        [],
        regions,
        report.provenance,
        maps={title: read_image(path, title).voxels.astype(np.float32, copy=False) for title, path in further.items()},
    )
    if edited:
        result.extras["edited_segments"] = sorted(edited)
    return result


def _image_of(name: str, grid: Image, images: Mapping[str, Image], companions: list[str], report: Report) -> Image:
    """The input that a part lies on: of a companion the one of its name; else what the module says, or the first on the grid."""
    candidates = [name] if name else [record.name for record in report.inputs if record.name not in companions]
    candidates.sort(key=lambda candidate: candidate != report.details.get("reference"))
    there = [images[candidate] for candidate in candidates if candidate in images]
    for image in there:
        if image.shape == grid.shape and np.allclose(image.ijk_to_ras, grid.ijk_to_ras, atol=1e-3):
            return image
    if there and len(there) == len(candidates):
        sizes = " or ".join("×".join(map(str, image.size)) for image in there)
        raise InputError(f"The image ({sizes} voxels) is not the one that was segmented: its grid is another one. Choose the right one.")
    return replace(grid, name=next(iter(candidates), "volume"))


def _maps(folder: Path, kind: str, suffix: str, others: tuple[str, ...], image: Image) -> dict[str, NDArray[np.float32]]:
    found = {}
    for path in sorted(folder.glob(f"{kind}_*{suffix}.nrrd")):
        if others and path.name.endswith(others) and not (suffix and path.name.endswith(f"{suffix}.nrrd")):
            continue
        voxels = read_image(path, path.name).voxels.astype(np.float32, copy=False)
        if voxels.shape != image.shape:
            raise InputError(f"{path.name} does not fit to the segmentation beside it. Segment again.")
        found[path.name.removesuffix(f"{suffix}.nrrd").removeprefix(f"{kind}_")] = voxels
    return found
