"""A DICOM series with its true geometry: the positions of the slices decide, so gantry tilt is kept as shear."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..image import LPS_FROM_RAS, Image
from .itk import SERIES_UID, image_from_itk, make_image, open_with_itk, quiet, tag

_DESCRIPTION = "0008|103e"
_POSITION = "0020|0032"
_ORIENTATION = "0020|0037"
_PIXEL_SPACING = "0028|0030"
_GUESSED_FROM = {
    "SeriesDescription": _DESCRIPTION, "ProtocolName": "0018|1030", "ContrastBolusAgent": "0018|0010", "InversionTime": "0018|0082",
    "EchoTime": "0018|0081", "RepetitionTime": "0018|0080", "ScanningSequence": "0018|0020", "ImageType": "0008|0008",
}  # fmt: skip
_UNEVEN_MM = 0.1
_UNEVEN_SHARE = 0.02


@dataclass(frozen=True)
class _Slice:
    path: str
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray
    spacing: np.ndarray

    @property
    def height(self) -> float:
        """Place along the normal of the slice, in mm."""
        return float(np.cross(self.row, self.column) @ self.position)


def read_folder(folder: Path, called: str) -> Image:
    """The one image series in a folder and the folders in it; reports and other files beside it are left alone.

    Raises:
        InputError: if there is none or more than one, if slices are missing, or lie at the same place (a time series).
    """
    series: dict[str, list[sitk.ImageFileReader]] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if file := _header(path):
            series.setdefault(tag(file, SERIES_UID), []).append(file)
    if not series:
        raise InputError(f"{called}: the folder {folder.name} holds no DICOM images. Choose the folder that holds the slices, or a file.")
    if len(series) > 1:
        listed = "; ".join(f"“{tag(each[0], _DESCRIPTION) or 'without description'}” ({len(each)} slices)" for each in series.values())
        raise InputError(f"{called}: the folder holds {len(series)} series: {listed}. Put the one to use into a folder of its own.")
    (files,) = series.values()
    if len(files) == 1:
        return image_from_itk(open_with_itk(Path(files[0].GetFileName()), called), called)
    return _read_slices(files, called)


def read_tags(path: Path) -> dict[str, str]:
    """What a DICOM file, or the first one in a folder, says about how it was acquired, by keyword; {} if it is none."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    header = next((found for found in map(_header, files) if found), None)
    return {} if header is None else {keyword: tag(header, key) for keyword, key in _GUESSED_FROM.items() if tag(header, key)}


def _read_slices(files: list[sitk.ImageFileReader], called: str) -> Image:
    slices = sorted((_slice(file, called) for file in files), key=lambda each: each.height)
    matrix = np.eye(4)
    matrix[:3, 0] = slices[0].row * slices[0].spacing[1]
    matrix[:3, 1] = slices[0].column * slices[0].spacing[0]
    matrix[:3, 2] = _step(slices, called)
    matrix[:3, 3] = slices[0].position
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([each.path for each in slices])
    try:
        with quiet():
            volume = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{called}: the slices differ in size, or one is damaged. Copy the series again.") from error
    voxels = sitk.GetArrayFromImage(volume)
    if voxels.ndim == 4:
        voxels = np.moveaxis(voxels, -1, 0)
    return make_image(voxels, LPS_FROM_RAS @ matrix, called, files[0])


def _step(slices: list[_Slice], called: str) -> np.ndarray:
    """From one slice to the next, in mm; not along the normal if the gantry was tilted."""
    positions = np.array([each.position for each in slices])
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    gaps = np.diff([each.height for each in slices])
    if Counter(np.round([each.height for each in slices], 2)).most_common(1)[0][1] > 1:
        raise InputError(f"{called}: several slices lie at the same place (a time series or several echoes). Choose one of them.")
    expected = positions[0] + np.arange(len(slices))[:, None] * step
    if np.abs(positions - expected).max() > max(_UNEVEN_MM, _UNEVEN_SHARE * np.median(gaps)):
        raise InputError(
            f"{called}: slices are missing or unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm apart). "
            "Export the whole series, or resample it to even spacing."
        )
    if any(np.abs(each.row - slices[0].row).max() > 1e-3 or np.abs(each.column - slices[0].column).max() > 1e-3 for each in slices):
        raise InputError(f"{called}: the slices are turned against each other. Choose a series of parallel slices.")
    return step


def _slice(file: sitk.ImageFileReader, called: str) -> _Slice:
    try:
        position, orientation, spacing = (np.array(tag(file, key).split("\\"), float) for key in (_POSITION, _ORIENTATION, _PIXEL_SPACING))
        return _Slice(file.GetFileName(), position, orientation[:3], orientation[3:], spacing)
    except ValueError as error:
        raise InputError(f"{called}: a slice lacks its position or pixel size. Choose a series of CT or MR slices.") from error


def _header(path: Path) -> sitk.ImageFileReader | None:
    """What a DICOM image says about itself, without its pixels; None if the file is none."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError:
        return None
    return reader if all(reader.GetSize()) else None
