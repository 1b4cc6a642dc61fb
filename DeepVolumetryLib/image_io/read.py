"""Reading an image from NRRD, NIfTI, MetaImage, DICOM or a picture file."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from ..image import Image
from . import dicom, nifti


def read_image(path: str | os.PathLike, name: str = "") -> Image:
    """An image from a file, or from a folder that holds one DICOM series.

    Args:
        path: NRRD, NIfTI, MHA/MHD, DICOM or picture file, or a DICOM folder.
        name: what messages call it; the name of the file if "".

    Returns:
        Voxels as stored (rescaled where the file says so), (K, J, I), or (C, K, J, I) for several values per voxel or time points.

    Raises:
        InputError: if the file is missing, empty, cut short or not an image; if a folder holds no series or several.
    """
    path = Path(path)
    called = name or path.name
    if not path.exists():
        raise InputError(f"{called}: {path} was not found. Check the path.")
    if path.is_dir():
        return dicom.read_folder(path, called)
    if path.stat().st_size == 0:
        raise InputError(f"{called}: {path.name} is empty (0 bytes). Copy or export it again.")
    if nifti.is_nifti(path):
        return nifti.read(path, called)
    return dicom.read_file(path, called)
