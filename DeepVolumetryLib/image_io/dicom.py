"""A DICOM series with its true geometry: the positions of the slices decide, so gantry tilt is kept as shear."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..image import LPS_FROM_RAS, Image
from .itk import MODALITY, SERIES_UID, image_from_itk, make_image, open_with_itk

_DESCRIPTION = "0008|103e"
_POSITION = "0020|0032"
_ORIENTATION = "0020|0037"
_PIXEL_SPACING = "0028|0030"
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
    """The one series in a folder.

    Raises:
        InputError: if there is none or more than one, if slices are missing, or lie at the same place (a time series).
    """
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise InputError(f"{called}: the folder {folder.name} holds no DICOM images. Choose the folder that holds the slices, or a file.")
    files = {uid: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in series}
    if len(series) > 1:
        listed = "; ".join(f"“{_text(paths[0], _DESCRIPTION) or 'without description'}” ({len(paths)} slices)" for paths in files.values())
        raise InputError(f"{called}: the folder holds {len(series)} series: {listed}. Put the one to use into a folder of its own.")
    (paths,) = files.values()
    if len(paths) == 1:
        return image_from_itk(open_with_itk(Path(paths[0]), called), called)
    return _read_slices(list(paths), called)


def _read_slices(paths: list[str], called: str) -> Image:
    slices = sorted((_slice(path, called) for path in paths), key=lambda each: each.height)
    matrix = np.eye(4)
    matrix[:3, 0] = slices[0].row * slices[0].spacing[1]
    matrix[:3, 1] = slices[0].column * slices[0].spacing[0]
    matrix[:3, 2] = _step(slices, called)
    matrix[:3, 3] = slices[0].position
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([each.path for each in slices])
    try:
        volume = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{called}: the slices differ in size, or one is damaged. Copy the series again.") from error
    voxels = sitk.GetArrayFromImage(volume)
    if voxels.ndim == 4:
        voxels = np.moveaxis(voxels, -1, 0)
    return make_image(voxels, LPS_FROM_RAS @ matrix, called, _text(paths[0], MODALITY), _text(paths[0], SERIES_UID))


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


def _slice(path: str, called: str) -> _Slice:
    reader = _information(path)
    try:
        position, orientation, spacing = (
            np.array(reader.GetMetaData(key).split("\\"), float) for key in (_POSITION, _ORIENTATION, _PIXEL_SPACING)
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{called}: a slice lacks its position or pixel size. Choose a series of CT or MR slices.") from error
    return _Slice(path, position, orientation[:3], orientation[3:], spacing)


def _text(path: str, key: str) -> str:
    reader = _information(path)
    return reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else ""


def _information(path: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    return reader
