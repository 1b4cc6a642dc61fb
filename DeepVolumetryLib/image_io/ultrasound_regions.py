"""Size of the pixels of a DICOM ultrasound picture: SequenceOfUltrasoundRegions (0018,6011), DICOM PS3.3 C.8.5.5.

A file may have several regions: two pictures side by side, a color box on the B-mode picture, a Doppler spectrum, an ECG. Only
two-dimensional ones with both deltas in centimeters measure anything on a picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_TWO_DIMENSIONAL, _TISSUE, _CENTIMETER = 1, 1, 3
_SPECTRAL = {2: "M-mode", 3: "a Doppler spectrum", 4: "a waveform", 5: "a graphic"}
_UNITS = {1: "percent", 2: "dB", 4: "seconds", 5: "Hz", 6: "dB/second", 7: "cm/second", 8: "cm²", 9: "cm²/second", 12: "degrees"}
_PIXEL_MM = (0.01, 3.0)
_AGREE = 0.02
_SAME_PLACE = 0.5
_SHOWS = 8  # gray value from which a pixel is taken to show something


@dataclass(frozen=True)
class Calibrated:
    """Pixel size, (row, column) in mm or None, where it comes from, the part of the picture it holds for, and what is to be said."""

    pixel_mm: tuple[float, float] | None
    source: str
    box: tuple[slice, slice] = (slice(None), slice(None))
    warnings: tuple[str, ...] = ()


def plausible(pixel_mm: Sequence[float]) -> bool:
    """True if pixels of an abdominal picture can have this size."""
    return all(math.isfinite(step) and _PIXEL_MM[0] <= step <= _PIXEL_MM[1] for step in pixel_mm)


def calibrated_region(header: Dataset, gray: NDArray[np.uint8], name: str) -> Calibrated | None:
    """The region that holds the picture; None if the file has no regions.

    Of several calibrated ones tissue comes before color flow, then the one that shows most.

    Raises:
        InputError: if the regions are a Doppler spectrum, M-mode or the like only.
    """
    stated = (_Region.of(item, gray) for item in header.get("SequenceOfUltrasoundRegions", None) or ())
    regions = [region for region in stated if region is not None]
    if not regions:
        return None
    pictures = [region for region in regions if region.format in (0, _TWO_DIMENSIONAL)]
    if not pictures:
        shown = _SPECTRAL.get(regions[0].format, "no two-dimensional picture")
        raise InputError(f"{name} shows {shown} only. Choose a B-mode picture of the spleen.")
    measured = [region for region in pictures if region.pixel_mm is not None]
    if not measured:
        best = max(pictures, key=_Region.rank)
        return Calibrated(None, "", best.box, (f"{name} has no usable pixel size: {best.problem}.",))
    best = max(measured, key=_Region.rank)
    others = [region for region in measured if best.shares(region) > _SAME_PLACE and not _agree(best.pixel_mm, region.pixel_mm)]
    if others:
        sizes = " and ".join(f"{region.pixel_mm[0]:.4g}×{region.pixel_mm[1]:.4g} mm" for region in (best, others[0]) if region.pixel_mm)
        text = f"{name} contradicts itself: regions at the same place state pixels of {sizes}; none was used."
        return Calibrated(None, "", best.box, (text,))
    notes: list[str] = []
    spaced = pixel_spacing(header)
    if spaced.pixel_mm is not None and not _agree(best.pixel_mm, spaced.pixel_mm):
        notes.append(
            f"{name} states two pixel sizes: {_size(best.pixel_mm)} in its ultrasound regions and {_size(spaced.pixel_mm)} as pixel "
            "spacing. That of the regions was used; check it against the depth scale."
        )
    if len({region.box_tuple for region in measured}) > 1:
        notes.append(f"{name} has {len(measured)} calibrated regions; the one that shows most was used.")
    return Calibrated(best.pixel_mm, "ultrasound region of the file (DICOM)", best.box, tuple(notes))


def pixel_spacing(header: Dataset) -> Calibrated:
    """Pixel size from PixelSpacing (0028,0030), if it says more than the 1×1 that is written when nothing is known."""
    try:
        steps = [float(step) for step in header.get("PixelSpacing", None) or ()]
    except (TypeError, ValueError):
        steps = []
    if len(steps) != 2:
        return Calibrated(None, "")
    if steps == [1.0, 1.0]:
        text = "The file states pixels of exactly 1×1 mm, which is what is written when the size is not known; it was not used."
        return Calibrated(None, "", warnings=(text,))
    if not plausible(steps):
        return Calibrated(None, "", warnings=(f"The file states pixels of {_size((steps[0], steps[1]))}, which cannot be right.",))
    return Calibrated((steps[0], steps[1]), "pixel spacing of the file (DICOM)")


@dataclass(frozen=True)
class _Region:
    format: int
    tissue: bool
    box_tuple: tuple[int, int, int, int]  # first and last row + 1, first and last column + 1
    pixel_mm: tuple[float, float] | None
    problem: str
    shows: int

    @classmethod
    def of(cls, item: Any, gray: NDArray[np.uint8]) -> _Region | None:
        """What an item of the sequence says; None if it lies outside of the picture."""
        rows, columns = gray.shape
        x0, y0 = _whole(item, "RegionLocationMinX0", 0), _whole(item, "RegionLocationMinY0", 0)
        x1, y1 = _whole(item, "RegionLocationMaxX1", columns - 1), _whole(item, "RegionLocationMaxY1", rows - 1)
        box = (max(0, y0), min(rows, y1 + 1), max(0, x0), min(columns, x1 + 1))
        if box[0] >= box[1] or box[2] >= box[3]:
            return None
        pixel_mm, problem = _deltas(item)
        shows = int((gray[box[0] : box[1], box[2] : box[3]] > _SHOWS).sum())
        tissue = _whole(item, "RegionDataType", _TISSUE) == _TISSUE
        return cls(_whole(item, "RegionSpatialFormat", 0), tissue, box, pixel_mm, problem, shows)

    @property
    def box(self) -> tuple[slice, slice]:
        return slice(*self.box_tuple[:2]), slice(*self.box_tuple[2:])

    def rank(self) -> tuple[bool, int]:
        return self.tissue, self.shows

    def shares(self, other: _Region) -> float:
        """Overlap as a share of the smaller one."""
        a, b = self.box_tuple, other.box_tuple
        overlap = max(0, min(a[1], b[1]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[2], b[2]))
        return overlap / min((each[1] - each[0]) * (each[3] - each[2]) for each in (a, b))


def _deltas(item: Any) -> tuple[tuple[float, float] | None, str]:
    """Pixel size (row, column) in mm, or None and why not."""
    units = [_whole(item, f"PhysicalUnits{axis}Direction", 0) for axis in "YX"]
    if any(unit != _CENTIMETER for unit in units):
        found = " and ".join(dict.fromkeys(_UNITS.get(unit, "no unit") for unit in units if unit != _CENTIMETER))
        return None, f"its region is in {found}, not in centimeters" if found != "no unit" else "its region has no unit of length"
    try:
        steps = [abs(float(item.get(f"PhysicalDelta{axis}", 0))) * 10 for axis in "YX"]  # some write a negative delta for an axis upwards
    except (TypeError, ValueError):
        steps = [0.0, 0.0]
    if not plausible(steps):
        return None, f"its region states pixels of {_size((steps[0], steps[1]))}, which cannot be right"
    return (steps[0], steps[1]), ""


def _whole(item: Any, key: str, default: int) -> int:
    try:
        return int(item.get(key, default))
    except (TypeError, ValueError):
        return default


def _agree(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    return one is not None and other is not None and all(abs(a - b) <= _AGREE * max(a, b) for a, b in zip(one, other, strict=True))


def _size(pixel_mm: Sequence[float] | None) -> str:
    return "×".join(f"{step:.4g}" for step in pixel_mm or ()) + " mm"
