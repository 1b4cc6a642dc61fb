"""All DICOM objects of a result: segmentations, parametric maps and the structured report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from . import deidentify as anonymous
from .parametric_map import build_map
from .segmentation import build_segmentation
from .source import Source
from .stamp import Stamp
from .structured_report import Written, build_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

    from ...result import Result

SEGMENTS, MAPS, REPORT = 3001, 3101, 3201  # series numbers


def write_dicom(
    result: Result, sources: Mapping[str, Source], folder: Path, names: Mapping[str, str] | None = None, deidentify: bool = False
) -> list[Path]:
    """Write one SEG per image of the result, one parametric map per target, and one TID 1500 report.

    Args:
        result: as it is now; keys of corrected segments are in the ``edited_segments`` of its extras.
        sources: the images by the name of the part ("" is the first), and further inputs by their names.
        folder: made if need be.
        names: what sums and other keys without a segment are called.
        deidentify: leave out patient, dates, people and places; replace UIDs.

    Returns:
        Paths of the files.

    Raises:
        InputError: if an image is missing, or a picture has another size than its result.
    """
    for name, part in result.parts.items():
        if name not in sources:
            raise InputError(
                f"{name or part.image.name or 'The image'} was not loaded from DICOM, and DICOM results must name the images that "
                "they belong to. Export CSV, PDF or files instead."
            )
    given = {name: anonymous.without_identity(source) for name, source in sources.items()} if deidentify else dict(sources)
    stamp = Stamp.of(result, given, "deidentified" if deidentify else "")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with _quiet():
        for file, dataset in _objects(result, given, stamp, names or {}):
            if deidentify:
                anonymous.mark(dataset)
            paths.append(folder / file)
            dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def _objects(result: Result, sources: Mapping[str, Source], stamp: Stamp, names: Mapping[str, str]) -> Iterator[tuple[str, Dataset]]:
    """One after the other, so that only one map is in memory."""
    written: dict[str, Written] = {}
    for n, (name, part) in enumerate(result.parts.items()):
        suffix = f"_{name}" if name else ""
        built = build_segmentation(part, sources[name], stamp, name, SEGMENTS + n, part.extras.get("edited_segments", ()))
        if built:
            written[name] = Written(*built)
            yield f"segmentation{suffix}.dcm", built[0]
    number = MAPS
    for name, part in result.parts.items():
        suffix = f"_{name}" if name else ""
        for target in part.uncertainty:
            chart = build_map(part, target, sources[name], stamp, name, number)
            number += 1
            if chart is not None:
                yield f"uncertainty_{target}{suffix}.dcm", chart
    yield "report.dcm", build_report(result, sources, written, stamp, names, REPORT)


@contextmanager
def _quiet() -> Iterator[None]:
    """highdicom logs each attribute that it copies."""
    logger = logging.getLogger("highdicom")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
