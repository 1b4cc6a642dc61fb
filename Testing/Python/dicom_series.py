"""Synthetic DICOM images: CT and MR series, one Enhanced MR file, and an ultrasound picture, of any grid.

They are what a scanner might write, with a patient's name, so that tests can see what becomes of it. UIDs follow from the content.
"""

from __future__ import annotations

from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, UltrasoundImageStorage

from DeepVolumetryLib.image import LPS_FROM_RAS, Image

PATIENT_NAME = "Müller^Jörg"
PATIENT_ID = "MRN-0042"
STUDY_DATE = "20260314"


def uid(*words: str) -> str:
    """The same UID for the same words."""
    return f"2.25.{uuid5(NAMESPACE_OID, '/'.join(words)).int}"


def write_series(folder: Path, image: Image, study: str = "study", series: str = "series", **attributes: str) -> list[Path]:
    """One file per slice; the file names and instance numbers say nothing about the order of the slices.

    Args:
        folder: made if need be.
        image: (K, J, I) of any affine matrix whose I and J are perpendicular; its modality is CT or MR.
        study, series: words that the UIDs follow from.
        attributes: keywords and values that replace those below, None leaves one out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lps = LPS_FROM_RAS @ image.ijk_to_ras
    paths = []
    for number, k in enumerate(np.random.default_rng(1).permutation(len(image.voxels)), 1):
        dataset = _header(image.modality, study, series, str(number))
        _place(dataset, lps, int(k))
        gap = abs(np.linalg.det(lps[:3, :3])) / (image.spacing[0] * image.spacing[1])  # across the slices, also where they are shifted
        dataset.SpacingBetweenSlices = dataset.SliceThickness = _ds(gap)
        dataset.PixelSpacing = [_ds(image.spacing[1]), _ds(image.spacing[0])]
        dataset.InstanceNumber = number
        _pixels(dataset, image.voxels[k], image.modality == "CT")
        _set(dataset, attributes)
        paths.append(_save(dataset, folder / f"{number:04d}.dcm"))
    return paths


def write_enhanced_mr(path: Path, image: Image, study: str = "study", series: str = "enhanced") -> Path:
    """All slices in one file, in an order of frames that is not that of the slices."""
    lps = LPS_FROM_RAS @ image.ijk_to_ras
    dataset = _header("MR", study, series, "1")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    dataset.InstanceNumber = 1
    order = np.random.default_rng(2).permutation(len(image.voxels))
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [_ds(image.spacing[1]), _ds(image.spacing[0])]
    measures.SliceThickness = _ds(image.spacing[2])
    orientation.ImageOrientationPatient = _orientation(lps)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number, k in enumerate(order, 1):
        frame, position, content = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = _position(lps, int(k))
        content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", int(k) + 1, [1, number]
        frame.PlanePositionSequence, frame.FrameContentSequence = [position], [content]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames = len(frames)
    _pixels(dataset, image.voxels[order], signed=False)
    return _save(dataset, path)


def write_ultrasound(
    path: Path, gray: np.ndarray, pixel_mm: tuple[float, float] = (0.3, 0.3), study: str = "study", frames: int = 1
) -> Path:
    """A color picture of (rows, columns) whose region states the size of its pixels; with several frames, all alike."""
    dataset = _header("US", study, path.stem, "1")
    del dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator
    dataset.InstanceNumber = 1
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = gray.shape[1] - 1, gray.shape[0] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = pixel_mm[0] / 10, pixel_mm[1] / 10
    dataset.SequenceOfUltrasoundRegions = [region]
    picture = np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = gray.shape
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    if frames > 1:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
        dataset.NumberOfFrames, dataset.FrameTime = frames, "40"
    pixels = np.repeat(picture[None], frames, axis=0).tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return _save(dataset, path)


def _header(modality: str, study: str, series: str, instance: str) -> Dataset:
    """What every image of the study says."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    kind = {"CT": CTImageStorage, "MR": MRImageStorage, "US": UltrasoundImageStorage}[modality]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = kind
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(study, series, instance)
    values = {
        "SpecificCharacterSet": "ISO_IR 100", "ImageType": ["ORIGINAL", "PRIMARY", {"CT": "AXIAL"}.get(modality, "M")],
        "Modality": modality,
        "StudyDate": STUDY_DATE, "SeriesDate": STUDY_DATE, "AcquisitionDate": STUDY_DATE, "ContentDate": STUDY_DATE,
        "StudyTime": "101500", "SeriesTime": "101730", "AcquisitionTime": "101800", "ContentTime": "101815",
        "AccessionNumber": "A-77", "Manufacturer": "Phantom Scanners", "InstitutionName": "St. Phantom Hospital",
        "ReferringPhysicianName": "Doe^Jane", "StudyDescription": "Abdomen of Mr Mueller", "SeriesDescription": f"phantom {series}",
        "PatientName": PATIENT_NAME, "PatientID": PATIENT_ID, "PatientBirthDate": "19600102", "PatientSex": "M", "PatientAge": "066Y",
        "StudyInstanceUID": uid(study), "SeriesInstanceUID": uid(study, series), "StudyID": "S1", "SeriesNumber": 3,
        "FrameOfReferenceUID": uid(study, "frame"), "PositionReferenceIndicator": "",
        "BodyPartExamined": "ABDOMEN", "PatientPosition": "HFS",
    }  # fmt: skip
    own = {
        "CT": {"KVP": "120", "AcquisitionNumber": 1, "RescaleIntercept": "0", "RescaleSlope": "1", "RescaleType": "HU"},
        "MR": {"ScanningSequence": "SE", "SequenceVariant": "NONE", "ScanOptions": "", "MRAcquisitionType": "3D", "EchoTime": "10",
               "RepetitionTime": "500", "EchoTrainLength": 1},
        "US": {"ImageType": ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"], "PatientOrientation": "", "LossyImageCompression": "00"},
    }  # fmt: skip
    _set(dataset, {**values, **own[modality]})
    return dataset


def _place(dataset: Dataset, lps: np.ndarray, k: int) -> None:
    dataset.ImageOrientationPatient = _orientation(lps)
    dataset.ImagePositionPatient = _position(lps, k)


def _orientation(lps: np.ndarray) -> list[str]:
    directions = lps[:3, :2] / np.linalg.norm(lps[:3, :2], axis=0)
    return [_ds(value) for value in directions.T.ravel()]


def _position(lps: np.ndarray, k: int) -> list[str]:
    return [_ds(value) for value in (lps @ (0, 0, k, 1))[:3]]


def _pixels(dataset: Dataset, voxels: np.ndarray, signed: bool) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = voxels.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, int(signed)
    dataset.PixelData = np.ascontiguousarray(voxels.astype("<i2" if signed else "<u2")).tobytes()


def _set(dataset: Dataset, attributes: dict) -> None:
    for keyword, value in attributes.items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)


def _ds(number: float) -> str:
    """A decimal string of at most 16 characters."""
    return np.format_float_positional(number, precision=10, trim="-")[:16]


def _save(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
