"""Spleens from label maps, in the axes that shapes use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from DeepVolumetryLib.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_spleen(path: Path, value: int | None = None) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """Mask (superior→inferior, anterior→posterior, right→left) and spacing in mm of a label map.

    Args:
        value: of the spleen; None for everything that is not 0.

    Raises:
        InputError: if the file is missing or unreadable, is no 3D label map, or holds no such label.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"The label map {path.name} cannot be read. Check the path and the format.") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{path.name} is not a 3D label map.")
    return oriented(image, value)


def oriented(image: sitk.Image, value: int | None = None) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """As ``read_spleen``, of an image in memory. A tilted one is turned to the nearest axes, as its slices lie."""
    image = sitk.DICOMOrient(image, "LPS")
    labels = sitk.GetArrayFromImage(image)[::-1]
    mask = labels == value if value is not None else labels != 0
    if not mask.any():
        raise InputError("The label map holds no spleen. Check the value of its label.")
    spacing = image.GetSpacing()
    return mask, (spacing[2], spacing[1], spacing[0])
