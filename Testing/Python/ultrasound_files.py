"""Synthetic DICOM ultrasound files: any color space, any number of frames, with regions or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import convert_color_space
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage, generate_uid

CM, HZ, SECONDS = 3, 5, 4
TISSUE, SPECTRUM = 1, 3


def region(
    delta_cm: tuple[float, float] | None = (0.05, 0.05),
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    units: tuple[int, int] = (CM, CM),
    spatial: int = TISSUE,
    data: int = 1,
) -> Dataset:
    """An item of SequenceOfUltrasoundRegions.

    Args:
        delta_cm: (y, x) for a pixel; left out if None.
        box: first and last row, first and last column.
        units: (y, x) as in PhysicalUnitsYDirection.
        spatial, data: RegionSpatialFormat and RegionDataType.
    """
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = spatial, data, 0
    item.RegionLocationMinY0, item.RegionLocationMaxY1, item.RegionLocationMinX0, item.RegionLocationMaxX1 = box
    item.PhysicalUnitsYDirection, item.PhysicalUnitsXDirection = units
    if delta_cm is not None:
        item.PhysicalDeltaY, item.PhysicalDeltaX = delta_cm
    return item


def write_ultrasound(
    path: Path, gray: np.ndarray, regions: Sequence[Dataset] = (), photometric: str = "MONOCHROME2", **elements: Any
) -> Path:
    """Write gray values, (J, I) or (frames, J, I), as a DICOM file in the wanted color space.

    Args:
        elements: further elements by keyword; None removes one.
    """
    frames = gray[None] if gray.ndim == 2 else gray
    header = _header(path, len(frames), frames.shape[1:])
    if regions:
        header.SequenceOfUltrasoundRegions = list(regions)
    stored = _stored(frames, photometric, header)
    header.PhotometricInterpretation = photometric
    header.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for key, value in elements.items():
        if value is None:
            delattr(header, key)
        else:
            setattr(header, key, value)
    header.save_as(path, enforce_file_format=True)
    return path


def _header(path: Path, frames: int, shape: Sequence[int]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage if frames == 1 else UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = generate_uid(), ExplicitVRLittleEndian
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    values: Mapping[str, Any] = {
        "SOPClassUID": meta.MediaStorageSOPClassUID, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "SeriesInstanceUID": "1.2.3.4",
        "PatientID": "P1", "Modality": "US", "Rows": shape[0], "Columns": shape[1], "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
        "PixelRepresentation": 0, "SamplesPerPixel": 1,
    }  # fmt: skip
    for key, value in values.items():
        setattr(header, key, value)
    if frames > 1:
        header.NumberOfFrames = frames
    return header


def _stored(frames: np.ndarray, photometric: str, header: FileDataset) -> np.ndarray:
    if photometric == "MONOCHROME1":
        return 255 - frames
    if photometric == "PALETTE COLOR":  # the indices run backwards, so that only the palette makes the right gray values of them
        ramp = (np.arange(255, -1, -1, dtype=np.uint16) * 257).tobytes()
        for color in ("Red", "Green", "Blue"):
            setattr(header, f"{color}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(header, f"{color}PaletteColorLookupTableData", ramp)
        return 255 - frames
    if photometric in ("RGB", "YBR_FULL", "YBR_FULL_422"):
        header.SamplesPerPixel, header.PlanarConfiguration = 3, 0
        color = np.stack([frames] * 3, -1)
        if photometric == "RGB":
            return color
        full = convert_color_space(color, "RGB", "YBR_FULL")
        if photometric == "YBR_FULL":
            return full
        pairs = full.reshape(*full.shape[:2], -1, 2, 3)  # Y0 Y1 Cb Cr for two pixels
        return np.stack([pairs[..., 0, 0], pairs[..., 1, 0], pairs[..., 0, 1], pairs[..., 0, 2]], -1)
    return frames
