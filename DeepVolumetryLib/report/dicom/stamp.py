"""UIDs and times that follow from the images and the result, so that the same run writes the same bytes.

An object has the date and time of the images that it belongs to, not of the moment at which it was written; see docs/dicom.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from ... import __version__
from .codes import SCHEME, SCHEME_NAME
from .source import items_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from ...result import Result
    from .source import Source

MANUFACTURER = "DeepVolumetry"
NO_DATE, NO_TIME = "19000101", "000000"  # content date and time must be there: what stands for unknown, or removed
_DATES = ("ContentDate", "SeriesDate")
_TIMES = ("ContentTime", "SeriesTime")
_ONLY_NOW = ("InstanceCreationDate", "InstanceCreationTime", "ContributionDateTime", "ObservationDateTime", "TimezoneOffsetFromUTC")
_TAKEN_FROM = ("Content", "Acquisition", "Series", "Study")


def uid(*words: str) -> str:
    """The same UID for the same words: a version 5 UUID as PS3.5 B.2 writes it."""
    return f"2.25.{uuid5(NAMESPACE_OID, '/'.join(('DeepVolumetry', *words))).int}"


@dataclass(frozen=True)
class Stamp:
    """What makes the objects of one result its own.

    Attributes:
        digest: of the images' UIDs and of everything in the result that is written.
        date, time: of the images.
    """

    digest: str
    date: str = NO_DATE
    time: str = NO_TIME

    @classmethod
    def of(cls, result: Result, sources: Mapping[str, Source], *words: str) -> Stamp:
        """Stamp of a result on its images; ``words`` are what else is written."""
        digest = hashlib.blake2b(digest_size=32)
        for name in sorted(sources):
            for header in sources[name].headers:
                digest.update(f"{name} {header.SOPInstanceUID} ".encode())
        for name, part in result.parts.items():
            for kind, arrays in (("segment", part.segments), ("uncertainty", part.uncertainty)):
                for key in sorted(arrays):
                    digest.update(f"{kind} {name} {key} {part.image.ijk_to_ras.tolist()} ".encode())
                    for plane in arrays[key]:
                        digest.update(np.packbits(plane) if plane.dtype == bool else np.ascontiguousarray(plane))
        made = result.provenance
        facts: list[Any] = [made.module, made.version, made.model_name, made.model_sha256, made.device, dict(made.parameters), *words]
        facts += [measurement.to_dict() for measurement in result.measurements]
        digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
        date, time = _when(sources[""].headers[0])
        return cls(digest.hexdigest(), date, time)

    def uid(self, *words: str) -> str:
        """UID of something of this result."""
        return uid(self.digest, *words)

    def settle(self, dataset: Dataset) -> None:
        """Replace what is new at each writing, here and in all items: random UIDs, and the present time."""
        from pydicom import Dataset

        dataset.SpecificCharacterSet = "ISO_IR 192"
        made: dict[str, str] = {}
        own = False
        for holder in list(items_of(dataset)):
            own |= holder.get("CodingSchemeDesignator", None) == SCHEME
            if "DimensionOrganizationUID" in holder:
                random = str(holder.DimensionOrganizationUID)
                holder.DimensionOrganizationUID = made.setdefault(
                    random, self.uid("dimensions", str(dataset.SOPInstanceUID), str(len(made)))
                )
            for keyword in _ONLY_NOW:
                if keyword in holder:
                    delattr(holder, keyword)
        if own:
            item = Dataset()
            item.CodingSchemeDesignator, item.CodingSchemeName = SCHEME, SCHEME_NAME
            item.CodingSchemeResponsibleOrganization = MANUFACTURER
            dataset.CodingSchemeIdentificationSequence = [item]
        for keywords, value in ((_DATES, self.date), (_TIMES, self.time)):
            for keyword in keywords:
                setattr(dataset, keyword, value)


def device() -> dict[str, Any]:
    """Who wrote the object, as highdicom takes it."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "DeepVolumetry for 3D Slicer",
        "software_versions": __version__,
        "device_serial_number": "none",
    }


def _when(header: Dataset) -> tuple[str, str]:
    for kind in _TAKEN_FROM:
        if header.get(f"{kind}Date", None):
            return str(header[f"{kind}Date"].value), str(header.get(f"{kind}Time", None) or NO_TIME)
    return NO_DATE, NO_TIME
