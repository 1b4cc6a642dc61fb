"""Headers and reports without anything that says whose they are.

What is kept of a header is a list, all else is left out: geometry, sizes and kinds of objects. UIDs are replaced by ones that follow from
them, so that objects made of the same study still belong together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .stamp import NO_DATE, NO_TIME, uid

if TYPE_CHECKING:
    from pydicom import Dataset

    from .source import Source

METHOD = "DeepVolumetry: patient and dates removed, UIDs replaced"
_KEPT = (
    "SOPClassUID", "Modality", "ImageType", "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "InstanceNumber", "SamplesPerPixel", "PhotometricInterpretation",
    "BodyPartExamined", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "LossyImageCompression",
)  # fmt: skip
_MAPPED = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_KEPT_OF_FRAMES = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")


def mapped(original: str) -> str:
    """What stands for a UID; always the same for the same one."""
    return uid("deidentified", original)


def without_identity(source: Source) -> Source:
    """The same images without patient, dates, places and people."""
    grid = None if source.grid is None else replace(source.grid, uid=mapped(source.uid))
    return replace(source, headers=tuple(_anonymous(header) for header in source.headers), grid=grid)


def mark(dataset: Dataset) -> None:
    """Say in an object that it was de-identified, and how."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _anonymous(header: Dataset) -> Dataset:
    from pydicom import Dataset

    found = Dataset()
    for keyword in _KEPT:
        if keyword in header:
            setattr(found, keyword, header[keyword].value)
    for keyword in _MAPPED:
        if header.get(keyword, None):
            setattr(found, keyword, mapped(str(header[keyword].value)))
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if keyword in header:
            setattr(found, keyword, [_planes_of(item) for item in header[keyword].value])
    # From the study, not from the patient's ID: those who know how IDs are built could try them all.
    pseudonym = mapped(str(header.StudyInstanceUID))[-8:]
    found.PatientName, found.PatientID, found.StudyID = f"Anonymous^{pseudonym}", pseudonym, pseudonym
    found.StudyDate, found.StudyTime = NO_DATE, NO_TIME
    for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"):
        setattr(found, keyword, "")
    return found


def _planes_of(item: Dataset) -> Dataset:
    from pydicom import Dataset

    found = Dataset()
    for keyword in _KEPT_OF_FRAMES:
        if keyword in item:
            setattr(found, keyword, item[keyword].value)
    return found
