"""Where the slices of a DICOM series, or the frames of one DICOM file (Enhanced CT, MR), lie.

ITK reads the frames of a file in their order there and with the place of the first one; the functional groups of each frame say where
it really is (PS3.3 C.7.6.16.2.3 to .5).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..image import LPS_FROM_RAS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

UNEVEN_MM = 0.1
UNEVEN_SHARE = 0.02
_PREFIX = slice(128, 132)


def read_header(path: Path) -> Dataset | None:
    """The header of a DICOM file, without its pixels; None if it is no DICOM file."""
    import pydicom  # imported where DICOM is read: NRRD and NIfTI need none of it
    from pydicom.errors import InvalidDicomError

    try:
        with path.open("rb") as file:
            if file.read(_PREFIX.stop)[_PREFIX] != b"DICM":
                return None
        return pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, EOFError, OSError, ValueError):
        return None


def frame_planes(header: Dataset) -> list[NDArray[np.float64]]:
    """For each frame the 4x4 matrix from (column, row, 0, 1) to mm in LPS; its third column is the unit normal.

    An image of one frame says it at its top level. Empty if the places are not stated.
    """
    count = int(header.get("NumberOfFrames", None) or 1)
    groups = header.get("PerFrameFunctionalGroupsSequence", None)
    if groups is None:
        plane = _plane(header, header, header)
        return [plane] if plane is not None and count == 1 else []
    shared = (header.get("SharedFunctionalGroupsSequence", None) or [None])[0]
    planes = []
    for group in groups:
        parts = (_macro(group, shared, name) for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"))
        plane = _plane(*parts)
        if plane is None:
            return []
        planes.append(plane)
    return planes if len(planes) == count else []


def plane_matrix(position: NDArray, orientation: NDArray, spacing: NDArray) -> NDArray[np.float64]:
    """The 4x4 matrix of `frame_planes` from the three attributes of an image plane.

    Raises:
        ValueError: if they have other counts of numbers than 3, 6 and 2.
    """
    row, column = orientation.reshape(2, 3)
    down, across = spacing
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = row * across, column * down, np.cross(row, column), position.reshape(3)
    return matrix


def stacked(planes: list[NDArray[np.float64]], called: str) -> tuple[list[int], NDArray[np.float64]]:
    """Parallel planes as one grid.

    Args:
        planes: as `frame_planes` gives them, of all files of a series.
        called: what messages call the image.

    Returns:
        Position in ``planes`` of each slice, along the normal; and the 4x4 matrix from (i, j, k, 1) to RAS, sheared if the slices are
        shifted against each other. The step of a single slice is 1 mm along its normal.

    Raises:
        InputError: if the planes are turned against each other, lie at the same place or are spaced unevenly.
    """
    normal = planes[0][:3, 2]
    if any(np.abs(plane[:3, :3] - planes[0][:3, :3]).max() > 1e-3 for plane in planes):
        raise InputError(f"{called}: the slices are turned against each other. Choose a series of parallel slices.")
    heights = np.array([plane[:3, 3] @ normal for plane in planes])
    order = [int(n) for n in np.argsort(heights, kind="stable")]
    matrix = planes[order[0]].copy()
    if len(planes) > 1:
        places = np.array([planes[n][:3, 3] for n in order])
        gaps = np.diff(heights[order])
        if gaps.min() < 0.005:
            raise InputError(f"{called}: several slices lie at the same place (a time series or several echoes). Choose one of them.")
        step = (places[-1] - places[0]) / (len(planes) - 1)
        drift = np.abs(places - (places[0] + np.arange(len(planes))[:, None] * step)).max()
        if drift > max(UNEVEN_MM, UNEVEN_SHARE * float(np.median(gaps))):
            raise InputError(
                f"{called}: slices are missing or unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm apart). "
                "Export the whole series, or resample it to even spacing."
            )
        matrix[:3, 2] = step
    return order, LPS_FROM_RAS @ matrix


def _macro(group: Dataset, shared: Dataset | None, name: str) -> Any:
    """The item of a functional group of a frame, or of all frames; None if neither has it."""
    for each in (group, shared):
        sequence = None if each is None else each.get(name, None)
        if sequence:
            return sequence[0]
    return None


def _plane(position: Any, orientation: Any, measures: Any) -> NDArray[np.float64] | None:
    try:
        values = (position.ImagePositionPatient, orientation.ImageOrientationPatient, measures.PixelSpacing)
        return plane_matrix(*(np.array(value, float) for value in values))
    except (AttributeError, TypeError, ValueError):
        return None
