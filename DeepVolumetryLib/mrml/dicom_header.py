"""The DICOM header of a volume that was loaded from Slicer's database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import slicer

from ..errors import InputError

TAGS = {
    "ContrastBolusAgent": "0018,0010",
    "EchoTime": "0018,0081",
    "ImageType": "0008,0008",
    "InversionTime": "0018,0082",
    "ProtocolName": "0018,1030",
    "RepetitionTime": "0018,0080",
    "ScanningSequence": "0018,0020",
    "SeriesDescription": "0008,103E",
}
_INSTANCES = "DICOM.instanceUIDs"


def header_of(node: Any, keywords: Iterable[str] = TAGS) -> dict[str, str]:
    """Values of the first file of a volume: keyword -> text; empty if it did not come from the database.

    Args:
        node: the volume node.
        keywords: which of `TAGS` to read.
    """
    instances = (node.GetAttribute(_INSTANCES) or "").split()
    database = slicer.app.dicomDatabase() if instances else None
    if database is None or not database.isOpen:
        return {}
    values = {keyword: database.instanceValue(instances[0], TAGS[keyword]) for keyword in keywords}
    return {keyword: value for keyword, value in values.items() if value}


def files_of(node: Any) -> list[Path]:
    """The files that a volume was loaded from; empty if it did not come from the database.

    Raises:
        InputError: if some of them are not there any more.
    """
    instances = (node.GetAttribute(_INSTANCES) or "").split()
    database = slicer.app.dicomDatabase() if instances else None
    if database is None or not database.isOpen:
        return []
    files = [database.fileForInstance(instance) for instance in instances]
    missing = [file for file in files if not file or not Path(file).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(files)} DICOM files of {node.GetName()} are not in Slicer's database any more. Import the study again."
        )
    return [Path(file) for file in files]
