"""One B-mode picture from a DICOM ultrasound file or a picture file, with the size of its pixels where the file states it.

A picture without a stated size gets none: a guess would enter a volume with its third power.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from .itk import open_with_itk, patient_mark
from .ultrasound_regions import Calibrated, calibrated_region, pixel_spacing, plausible

if TYPE_CHECKING:
    from pydicom import Dataset

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in the Y of YBR_FULL
_COLORED = 25  # difference between channels from which a pixel counts as colored
_COLORED_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class UltrasoundFrame:
    """A B-mode picture.

    Attributes:
        gray: uint8, (J, I); what lies outside of the calibrated region of the picture is 0.
        pixel_mm: height and width of a pixel (between rows, between columns) in mm; None if the file does not state them.
        spacing_source: where they come from, in words; "" if they are not known.
        frames: how many pictures the file holds.
        warnings: sentences for the user.
        uid: DICOM series instance UID, or "".
        patient: something that differs between patients and names none of them, or "".
    """

    gray: NDArray[np.uint8]
    pixel_mm: tuple[float, float] | None
    spacing_source: str
    frames: int
    warnings: tuple[str, ...] = ()
    uid: str = ""
    patient: str = ""


def read_ultrasound(path: str | os.PathLike, frame: int = 0) -> UltrasoundFrame:
    """One frame of a DICOM ultrasound file, or a picture (PNG, JPEG, BMP, TIFF; NRRD, MHA or NIfTI with one slice).

    Args:
        path: the file, or a folder that holds nothing else.
        frame: number of the frame, from 0.

    Raises:
        InputError: if there is no such file or frame; if it is no ultrasound, holds no pixels, is cut short or packed in a way that
            cannot be read; if it shows a Doppler spectrum or M-mode only.
    """
    path = _only_file(Path(path))
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty (0 bytes). Copy or export it again.")
    if _is_dicom(path):
        return _read_dicom(path, frame)
    return _read_picture(path, frame)


def _only_file(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path} was not found. Check the path.")
    if not path.is_dir():
        return path
    files = sorted(each for each in path.rglob("*") if each.is_file())
    if len(files) != 1:
        raise InputError(f"The folder {path.name} holds {len(files)} files. Choose the one file that shows the spleen.")
    return files[0]


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom", ".ima")


def _read_dicom(path: Path, frame: int) -> UltrasoundFrame:
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ModuleNotFoundError as error:
        raise InputError("DICOM ultrasound needs the Python package pydicom. Install the module's requirements.txt.") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings are for developers; what matters is checked
        try:
            header = pydicom.dcmread(path, force=True)
        except (InvalidDicomError, OSError, EOFError, ValueError, KeyError) as error:
            raise InputError(f"{path.name} cannot be read as DICOM: it is damaged or cut short. Copy or export it again.") from error
        _require_ultrasound(header, path.name)
        frames = _frame_count(header)
        if not 0 <= frame < frames:
            raise InputError(f"{path.name} has {_counted(frames)}, numbered from 0; there is no frame {frame}. Choose another one.")
        gray, notes = _gray(_pixels(header, frame, path.name))
    region = calibrated_region(header, gray, path.name)
    return _framed(gray, region, frames, notes, header)


def _framed(gray: NDArray[np.uint8], region: Calibrated | None, frames: int, notes: list[str], header: Dataset) -> UltrasoundFrame:
    if region is None:
        region = pixel_spacing(header)
    else:
        kept = np.zeros_like(gray)
        kept[region.box] = gray[region.box]
        gray = kept
    return UltrasoundFrame(
        gray,
        region.pixel_mm,
        region.source,
        frames,
        (*notes, *region.warnings),
        uid=str(header.get("SeriesInstanceUID", "")),
        patient=patient_mark(str(header.get("PatientID", ""))),
    )


def _require_ultrasound(header: Dataset, name: str) -> None:
    if "SOPClassUID" not in header and "Modality" not in header:
        raise InputError(f"{name} is not a DICOM image. Choose an ultrasound picture.")
    modality = str(header.get("Modality", ""))
    if modality != "US":
        found = f"DICOM modality {modality}" if modality else "no modality stated"
        raise InputError(f"{name} is not ultrasound ({found}). Choose a B-mode picture of the spleen.")
    if "PixelData" not in header or "Rows" not in header or "Columns" not in header:
        raise InputError(f"{name} holds no picture (a report or measurements only, perhaps). Choose another file of the study.")


def _frame_count(header: Dataset) -> int:
    try:
        return max(1, int(header.get("NumberOfFrames", 1) or 1))
    except (TypeError, ValueError):
        return 1


def _counted(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"


def _pixels(header: Dataset, frame: int, name: str) -> NDArray[Any]:
    """Gray values scaled to 0-255, (J, I), or RGB, (J, I, 3)."""
    from pydicom.pixels import apply_color_lut, pixel_array

    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    try:
        values = pixel_array(header, index=frame)  # YBR becomes RGB here
        if photometric == "PALETTE COLOR":
            values = apply_color_lut(values, header)
            bits = int(values.dtype.itemsize * 8)
        else:
            bits = int(header.get("BitsStored", 8))
    except (RuntimeError, NotImplementedError) as error:
        packing = getattr(header.file_meta.get("TransferSyntaxUID", ""), "name", "") if hasattr(header, "file_meta") else ""
        raise InputError(f"{name} is packed as {packing or 'an unknown kind'}, which cannot be read. Export it uncompressed.") from error
    except Exception as error:  # decoders raise what they like for damaged bytes
        raise InputError(f"{name}: the pixels are damaged or cut short. Copy or export it again.") from error
    scaled = values.astype(np.float32) * (255 / (2**bits - 1)) if bits != 8 else values
    return 255 - scaled if photometric == "MONOCHROME1" else scaled


def _gray(values: NDArray[Any]) -> tuple[NDArray[np.uint8], list[str]]:
    """Luma of a picture (J, I) or (J, I, 3 or 4), and a warning if much of it is in color."""
    if values.ndim == 2:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8), []
    color = values[..., :3].astype(np.float32)
    spread = color.max(-1) - color.min(-1)
    notes = []
    if (spread > _COLORED).mean() > _COLORED_SHARE:
        notes.append("Part of the picture is in color (Doppler, perhaps), which hides the tissue there. Better use plain B-mode.")
    return np.clip(np.rint(color @ _LUMA), 0, 255).astype(np.uint8), notes


def _read_picture(path: Path, frame: int) -> UltrasoundFrame:
    volume = open_with_itk(path, path.name)
    values = sitk.GetArrayFromImage(volume)
    channels = volume.GetNumberOfComponentsPerPixel()
    if volume.GetDimension() > 3 or channels not in (1, 3, 4):
        raise InputError(f"{path.name} is no picture: it has {volume.GetDimension()} axes and {channels} values per pixel.")
    frames = values.shape[0] if volume.GetDimension() == 3 else 1
    if not 0 <= frame < frames:
        raise InputError(f"{path.name} has {_counted(frames)}, numbered from 0; there is no frame {frame}. Choose another one.")
    if volume.GetDimension() == 3:
        values = values[frame]
    if values.dtype == np.uint16:
        values = values / np.float32(257) if values.max() > 4095 else values * np.float32(255 / max(255, int(values.max())))
    elif values.dtype != np.uint8:
        values = np.nan_to_num(values.astype(np.float32))
        if values.min() < 0 or values.max() > 255:
            values = (values - values.min()) * (255 / max(float(np.ptp(values)), 1e-6))
    gray, notes = _gray(values)
    if path.suffix.lower() in _PICTURES:  # what such files state is for print
        return UltrasoundFrame(gray, None, "", frames, tuple(notes))
    spacing = (float(volume.GetSpacing()[1]), float(volume.GetSpacing()[0]))
    if spacing == (1.0, 1.0):
        notes.append(f"{path.name} states pixels of exactly 1×1 mm, which is what programs write that do not know; it was not used.")
        return UltrasoundFrame(gray, None, "", frames, tuple(notes))
    if not plausible(spacing):
        notes.append(f"{path.name} states pixels of {spacing[0]:.4g}×{spacing[1]:.4g} mm, which cannot be right; they were not used.")
        return UltrasoundFrame(gray, None, "", frames, tuple(notes))
    return UltrasoundFrame(gray, spacing, "spacing stated in the file", frames, tuple(notes))
