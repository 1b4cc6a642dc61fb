"""A DICOM series with its true geometry: the positions of the slices decide, so gantry tilt is kept as shear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..image import Image
from .frames import frame_planes, plane_matrix, read_header, stacked
from .itk import SERIES_UID, image_from_itk, make_image, open_with_itk, quiet, tag

_DESCRIPTION = "0008|103e"
_POSITION = "0020|0032"
_ORIENTATION = "0020|0037"
_PIXEL_SPACING = "0028|0030"
_GUESSED_FROM = {
    "SeriesDescription": _DESCRIPTION, "ProtocolName": "0018|1030", "ContrastBolusAgent": "0018|0010", "InversionTime": "0018|0082",
    "EchoTime": "0018|0081", "RepetitionTime": "0018|0080", "ScanningSequence": "0018|0020", "ImageType": "0008|0008",
}  # fmt: skip


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
        return read_file(Path(files[0].GetFileName()), called)
    return _read_slices(files, called)


def read_file(path: Path, called: str) -> Image:
    """An image from one file that ITK reads; the frames of a DICOM file are put where their headers say.

    Raises:
        InputError: if it is no image, or its frames make no volume.
    """
    image = image_from_itk(open_with_itk(path, called), called)
    header = read_header(path)
    planes = [] if header is None else frame_planes(header)
    if len(planes) < 2 or image.voxels.ndim != 3 or len(planes) != len(image.voxels):
        return image
    order, matrix = stacked(planes, called)
    return replace(image, voxels=image.voxels[order], ijk_to_ras=matrix)


def read_tags(path: Path) -> dict[str, str]:
    """What a DICOM file, or the first one in a folder, says about how it was acquired, by keyword; {} if it is none."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    header = next((found for found in map(_header, files) if found), None)
    return {} if header is None else {keyword: tag(header, key) for keyword, key in _GUESSED_FROM.items() if tag(header, key)}


def _read_slices(files: list[sitk.ImageFileReader], called: str) -> Image:
    order, matrix = stacked([_plane(file, called) for file in files], called)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([files[n].GetFileName() for n in order])
    try:
        with quiet():
            volume = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{called}: the slices differ in size, or one is damaged. Copy the series again.") from error
    voxels = sitk.GetArrayFromImage(volume)
    if voxels.ndim == 4:
        voxels = np.moveaxis(voxels, -1, 0)
    return make_image(voxels, matrix, called, files[order[0]])


def _plane(file: sitk.ImageFileReader, called: str) -> np.ndarray:
    try:
        position, orientation, spacing = (np.array(tag(file, key).split("\\"), float) for key in (_POSITION, _ORIENTATION, _PIXEL_SPACING))
        return plane_matrix(position, orientation, spacing)
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
