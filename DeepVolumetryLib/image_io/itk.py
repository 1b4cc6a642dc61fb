"""What ITK reads, as an Image; its errors in words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..image import LPS_FROM_RAS, Image

MODALITY = "0008|0060"
SERIES_UID = "0020|000e"
FRAME_UID = "0020|0052"
PATIENT_ID = "0010|0020"


@contextmanager
def quiet() -> Iterator[None]:
    """ITK's warnings are for developers; what matters is raised or checked."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def open_with_itk(path: Path, called: str) -> sitk.Image:
    """What ITK reads from one file; its errors in words."""
    try:
        with quiet():
            return sitk.ReadImage(str(path))
    except RuntimeError as error:
        if "Unable to determine ImageIO" in str(error):
            problem = "is not an image of a known kind. Choose a NRRD, NIfTI, MHA or DICOM file"
        elif "spacing" in str(error):
            problem = "has a voxel size of zero or less. Set the right spacing and export it again"
        else:
            problem = "cannot be read: it is damaged or cut short. Copy or export it again"
        raise InputError(f"{called}: {path.name} {problem}.") from error


def image_from_itk(volume: sitk.Image, called: str) -> Image:
    """Image from ITK's: its axes are LPS, its direction columns may be sheared."""
    dimension = volume.GetDimension()
    if dimension > 4 or (dimension == 4 and volume.GetNumberOfComponentsPerPixel() > 1):
        raise InputError(f"{called} has {dimension} axes and several values per voxel. Choose a 3D volume.")
    voxels = sitk.GetArrayFromImage(volume)
    if volume.GetNumberOfComponentsPerPixel() > 1:
        voxels = np.moveaxis(voxels, -1, 0)
    if dimension == 2:
        voxels = voxels[..., None, :, :]
    spatial = min(dimension, 3)
    lps = np.eye(4)
    direction = np.array(volume.GetDirection()).reshape(dimension, dimension)[:spatial, :spatial]
    lps[:spatial, :spatial] = direction * np.array(volume.GetSpacing())[:spatial]
    lps[:spatial, 3] = np.array(volume.GetOrigin())[:spatial]
    return make_image(voxels, LPS_FROM_RAS @ lps, called, volume)


def make_image(voxels: np.ndarray, ijk_to_ras: np.ndarray, called: str, header: sitk.Image | sitk.ImageFileReader | None = None) -> Image:
    """Image with what its DICOM header says about it, or a sentence if its grid is none."""
    try:
        return Image(
            voxels,
            ijk_to_ras,
            modality=tag(header, MODALITY),
            uid=tag(header, SERIES_UID),
            name=called,
            frame_uid=tag(header, FRAME_UID),
            patient=patient_mark(tag(header, PATIENT_ID)),
        )
    except ValueError as error:
        raise InputError(f"{called} has a broken geometry (a voxel size of zero or axes in one plane). Export it again.") from error


def patient_mark(patient_id: str) -> str:
    """What tells patients apart without naming them: the start of the ID's SHA-256, "" for no ID."""
    return hashlib.sha256(patient_id.encode()).hexdigest()[:16] if patient_id else ""


def tag(header: sitk.Image | sitk.ImageFileReader | None, key: str) -> str:
    """Text of a DICOM element ("0008|0060"), "" if it is not there."""
    return header.GetMetaData(key).strip(" \0") if header is not None and header.HasMetaDataKey(key) else ""
