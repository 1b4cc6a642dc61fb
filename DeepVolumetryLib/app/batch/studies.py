"""A folder of DICOM studies, however its files are sorted: headers decide what belongs together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..inputs import INPUTS
from .cohort import Case
from .series import TAGS, Series, cases_of, write_studies
from .sources import Source

_READ = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "NumberOfFrames", *TAGS)


def find_cases(
    folder: Path, module: str, options: Sequence[str], update: Callable[[float], None] = lambda _share: None, leave_out: Path | None = None
) -> list[Case]:
    """Cases of a folder and the folders in it; ``studies.csv`` in `leave_out` says which study each is.

    Args:
        folder: of studies.
        module: key.
        options: of ``segment``, for all cases.
        update: told how much of the files was looked at, 0-1.
        leave_out: folder of the results, which may lie in `folder`.

    Raises:
        InputError: if no image there is one that the module takes.
    """
    folder = folder.absolute()
    files = [path for path in _files(folder) if leave_out is None or not path.is_relative_to(leave_out.absolute())]
    one_each = INPUTS[module][0].flat
    headers: dict[tuple[str, str], list[tuple[Path, Any]]] = {}
    for number, path in enumerate(files, 1):
        header = _header(path)
        if header is not None:
            uid = header.get("SOPInstanceUID" if one_each else "SeriesInstanceUID", "")
            headers.setdefault((header.get("StudyInstanceUID", ""), uid), []).append((path, header))
        update(number / len(files))
    found = [_series(folder, study, uid, images) for (study, uid), images in sorted(headers.items())]
    cases = cases_of(found, module, options)
    if not cases:
        wanted = " or ".join(INPUTS[module][0].modalities)
        raise InputError(
            f"The folder holds {len(found)} DICOM series, but none that is {wanted} and more than a localizer. Check the folder."
        )
    if leave_out is not None:
        write_studies(leave_out / "studies.csv", cases, found)
    return cases


def _files(folder: Path) -> list[Path]:
    return sorted(Path(root) / name for root, _folders, names in os.walk(folder) for name in names if name != "DICOMDIR")


def _header(path: Path) -> Any:
    """What a file says; None if it is no DICOM image."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=[*_READ, "Rows"])
    except (InvalidDicomError, OSError, ValueError, AttributeError, EOFError):
        return None


def _series(folder: Path, study: str, uid: str, images: list[tuple[Path, Any]]) -> Series:
    first = images[0][1]
    tags = {keyword: _text(first.get(keyword, "")) for keyword in TAGS}
    files = tuple(path.relative_to(folder).as_posix() for path, _header in images)
    count = sum(int(header.get("NumberOfFrames", 1) or 1) for _path, header in images if "Rows" in header)
    source = Source(path=str(folder.absolute()), files=files)
    localizer = "LOCALIZER" in tags["ImageType"]
    return Series(study, uid, str(first.get("Modality", "")), count, source, {k: v for k, v in tags.items() if v}, localizer)


def _text(value: Any) -> str:
    return "\\".join(map(str, value)) if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else str(value or "")
