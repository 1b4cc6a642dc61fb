"""A single picture (2D ultrasound) as an Image, with the size of its pixels and where that comes from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..image import Image
from .read import read_image
from .ultrasound import read_ultrasound

_VOLUMES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".hdr", ".img", ".img.gz")
_PICTURE = np.diag([-1.0, -1.0, 1.0, 1.0])  # rows run to the back and columns to the left, as Slicer lays pictures without a position
_SAME = 0.02
_PIXEL_MM = (0.02, 5.0)
GIVEN = "the command line"


def read_flat(
    path: str | os.PathLike, name: str = "", spacing: tuple[float, float] | None = None, frame: int | None = None
) -> tuple[Image, list[str]]:
    """A picture from a DICOM, PNG, JPEG, TIFF, NRRD, NIfTI or MetaImage file.

    Args:
        path: the file, or a folder that holds nothing else.
        name: what messages call it; the name of the file if "".
        spacing: width and height of a pixel in mm as the user gave them; None if not.
        frame: which one of several frames, from 0.

    Returns:
        The image, one slice; its ``spacing_source`` is "" where nobody stated the size of a pixel. And sentences for the user.

    Raises:
        InputError: if the file cannot be read or has no such frame; if it has several and none was chosen; if the pixel size that was
            given cannot be right, or contradicts the one that the file states.
    """
    path = Path(path)
    called = name or path.name
    if not path.exists():
        raise InputError(f"{called}: {path} was not found. Check the path.")
    if path.is_file() and path.name.lower().endswith(_VOLUMES):
        image, notes = _from_volume(path, called, frame)
    else:
        image, notes = _from_picture(path, called, frame)
    return _with_spacing(image, called, spacing), notes


def _from_picture(path: Path, called: str, frame: int | None) -> tuple[Image, list[str]]:
    found = read_ultrasound(path, frame or 0)
    if found.frames > 1 and frame is None:
        raise InputError(f"{called}: {path.name} has {found.frames} frames. Choose one: --frame {called}=N, from 0 to {found.frames - 1}.")
    height, width = found.pixel_mm or (1.0, 1.0)
    matrix = _PICTURE @ np.diag([width, height, 1.0, 1.0])
    source = found.spacing_source if found.pixel_mm else ""
    return Image(found.gray[None], matrix, "US", found.uid, called, patient=found.patient, spacing_source=source), list(found.warnings)


def _from_volume(path: Path, called: str, frame: int | None) -> tuple[Image, list[str]]:
    image = read_image(path, called)
    count = min(image.shape)
    if frame is not None:
        axis = int(np.argmin(image.shape))
        if not 0 <= frame < count:
            raise InputError(f"{called}: {path.name} has {count} frames, numbered from 0; there is no frame {frame}. Choose another one.")
        low, high = [0, 0, 0], list(image.shape)
        low[axis], high[axis] = frame, frame + 1
        image = image.cropped(low, high)
    elif count > 1:
        raise InputError(f"{called}: {path.name} has {count} slices or frames. Choose one: --frame {called}=N, from 0 to {count - 1}.")
    sides = np.delete(image.spacing, int(np.argmin(image.size)))
    if np.allclose(sides, 1.0, atol=1e-9):
        return image, [f"{path.name} states pixels of exactly 1×1 mm, which is what programs write that do not know; it was not used."]
    return replace(image, spacing_source="spacing stated in the file"), []


def _with_spacing(image: Image, called: str, spacing: tuple[float, float] | None) -> Image:
    if spacing is None:
        return image
    low, high = _PIXEL_MM
    if not all(low <= size <= high for size in spacing):
        raise InputError(
            f"{called}: pixels of {spacing[0]:g}×{spacing[1]:g} mm cannot be right. "
            f"Give --spacing in mm per pixel, {low:g} to {high:g} for ultrasound."
        )
    axes = [n for n in range(3) if n != int(np.argmin(image.size))]
    stated = tuple(image.spacing[axis] for axis in axes)
    if image.spacing_source:
        if any(abs(given / known - 1) > _SAME for given, known in zip(spacing, stated, strict=True)):
            raise InputError(
                f"{called}: the file states pixels of {stated[0]:.4g}×{stated[1]:.4g} mm ({image.spacing_source}), but --spacing says "
                f"{spacing[0]:g}×{spacing[1]:g} mm. Leave --spacing out, or correct it."
            )
        return image
    matrix = image.ijk_to_ras.copy()
    for axis, given, known in zip(axes, spacing, stated, strict=True):
        matrix[:3, axis] *= given / known
    return replace(image, ijk_to_ras=matrix, spacing_source=GIVEN)
