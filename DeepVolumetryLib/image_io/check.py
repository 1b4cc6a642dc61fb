"""Whether an image can be measured; if not, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import InputError
from ..image import Image

_SPACING_MM = (0.01, 50.0)
_LEAST_PIXELS = 32  # along the shorter side of a single picture
_MODALITIES = {
    "US": "ultrasound", "PT": "PET", "NM": "nuclear medicine", "CR": "radiography", "DX": "radiography", "MG": "mammography",
    "XA": "angiography", "SEG": "a segmentation", "RTDOSE": "a dose", "CT": "CT", "MR": "MR",
}  # fmt: skip


def check_usable(image: Image, modalities: Iterable[str] = (), flat: bool = False) -> None:
    """Refuse an image that no volume can be measured on.

    Args:
        image: what the user chose; ``image.name`` is used in the sentence.
        modalities: DICOM modalities that the module takes; any if empty. An unknown modality ("") passes.
        flat: True if a single picture is wanted, gray or in color (2D ultrasound), instead of a volume.

    Raises:
        InputError: for several values per voxel, less than two slices (flat: more than one), a broken voxel size, voxels that are not
            numbers, one value everywhere, or another modality. Not-a-number voxels are not repaired: what belongs there is not known.
    """
    called = image.name or "The image"
    wanted = tuple(modalities)
    if wanted and image.modality and image.modality not in wanted:
        found = _MODALITIES.get(image.modality, image.modality)
        needed = " or ".join(_MODALITIES.get(each, each) for each in wanted)
        raise InputError(f"{called} is {found} (DICOM modality {image.modality}), but this needs {needed}. Choose another image.")
    if 0 in image.voxels.shape:
        raise InputError(f"{called} holds no voxels. Choose another image.")
    if flat:
        _check_flat(image, called)
    elif image.voxels.ndim == 4:
        count = image.voxels.shape[0]
        raise InputError(f"{called} has {count} values per voxel (4D, RGB or vector). Choose a volume with one value per voxel.")
    if image.voxels.size == 1 and not flat:
        raise InputError(f"{called} is a single voxel. Choose a whole volume.")
    if min(image.shape) < 2 and not flat:
        raise InputError(f"{called} is a single slice ({_times(image.size)} voxels). Choose the whole series, not one of its slices.")
    low, high = _SPACING_MM
    if not all(low <= step <= high for step in image.spacing):
        raise InputError(
            f"{called} has voxels of {_times(f'{step:.4g}' for step in image.spacing)} mm, which cannot be right. "
            "Set the right spacing in the Volumes module, or export it again."
        )
    _check_values(image.voxels, called)


def _check_flat(image: Image, called: str) -> None:
    if image.voxels.ndim == 4 and image.voxels.shape[0] not in (3, 4):
        raise InputError(f"{called} has {image.voxels.shape[0]} values per pixel. Choose a gray or color picture.")
    slices, *sides = sorted(image.shape)
    if slices > 1:
        raise InputError(f"{called} has several slices or frames ({_times(image.size)} voxels). Choose one picture of it.")
    if sides[0] < _LEAST_PIXELS:
        raise InputError(f"{called} has only {_times(sorted(sides))} pixels. Choose the whole picture.")


def _check_values(voxels: np.ndarray, called: str) -> None:
    if voxels.dtype.kind not in "biuf":
        raise InputError(f"{called} holds {voxels.dtype} voxels. Choose a volume of numbers.")
    low, high = voxels.min(), voxels.max()  # both are NaN if any voxel is
    if not (np.isfinite(low) and np.isfinite(high)):
        count = int(np.size(voxels) - np.isfinite(voxels).sum())
        raise InputError(
            f"{called} has {count} voxels that are not numbers (NaN or infinite). "
            "Replace them, for example by the value of air, or export it again."
        )
    if low == high:
        raise InputError(f"{called} is empty: every voxel is {low:g}. Choose another image.")


def _times(numbers: Iterable[object]) -> str:
    return "×".join(str(number) for number in numbers)
