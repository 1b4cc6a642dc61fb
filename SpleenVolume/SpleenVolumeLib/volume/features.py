"""Lengths and areas of outlines, and the formulas of the literature that make volumes from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .views import Mask, Views

ELLIPSOID = math.pi / 6
_ML = 1e-3  # mm³ to mL


@dataclass(frozen=True)
class Outline:
    """One outline in numbers.

    Attributes:
        area_mm2: area.
        height_mm, width_mm: extent along rows and along columns.
        longest_mm: largest diameter in any direction.
        across_mm: extent at right angles to the largest diameter.
        thickness_mm: chord at right angles to the largest diameter through the hilum, the deepest dent of the outline, or through the
            middle of the diameter where there is no dent of 3 mm.
        solidity: area over that of the convex hull.
        angle_deg: direction of the largest diameter against the rows, -90 to 90.
    """

    area_mm2: float
    height_mm: float
    width_mm: float
    longest_mm: float
    across_mm: float
    thickness_mm: float
    solidity: float
    angle_deg: float


def measure_outline(mask: Mask) -> Outline:
    """Lengths and areas of a mask with pixels of 1 mm; (rows, columns), not empty. Pixels count as squares."""
    rows, columns = np.nonzero(mask)
    points = _corners(mask)
    try:
        hull = ConvexHull(points)
        corners, hull_area = points[hull.vertices], float(hull.volume)
    except QhullError:
        corners, hull_area = points, float(rows.size)
    distances = squareform(pdist(corners))
    first, second = np.unravel_index(int(distances.argmax()), distances.shape)
    axis = (corners[second] - corners[first]) / max(float(distances.max()), 1e-9)
    if axis[0] < 0:
        axis = -axis
    normal = np.array([-axis[1], axis[0]])
    along, across = corners @ axis, corners @ normal
    return Outline(
        area_mm2=float(rows.size),
        height_mm=float(np.ptp(rows) + 1),
        width_mm=float(np.ptp(columns) + 1),
        longest_mm=float(distances.max()),
        across_mm=float(np.ptp(across)),
        thickness_mm=_thickness(rows, columns, axis, normal, float(along.mean())),
        solidity=float(rows.size) / max(hull_area, 1e-9),
        angle_deg=math.degrees(math.atan2(axis[1], axis[0])),
    )


def lengths(views: Views) -> dict[str, float]:
    """Length, width and thickness in mm as a reader would measure them in these views (papers.md §1: Prassopoulos 1997, Fig. 8).

    Returns:
        "length_mm": craniocaudal; from the caliper if there is one, else the longest of the heights in the coronal and sagittal views.
        "longest_mm": largest diameter of the coronal outline, which is what ultrasound calls length.
        "width_mm", "thickness_mm": largest diameter on the transverse view and the thickness at the hilum at right angles to it; without a
        transverse view the thickness comes from the coronal one and there is no width.
    """
    outlines = {plane: measure_outline(views.masks[plane]) for plane in views.planes}
    found = {
        "length_mm": views.calipers.get("length_mm", max(outlines[p].height_mm for p in ("coronal", "sagittal") if p in outlines)),
        "longest_mm": outlines["coronal"].longest_mm,
    }
    if "transverse" in outlines:
        found["width_mm"] = outlines["transverse"].longest_mm
        found["thickness_mm"] = outlines["transverse"].thickness_mm
    else:
        found["thickness_mm"] = outlines["coronal"].thickness_mm
    return found


def splenic_index_cm3(measured: Mapping[str, float]) -> float | None:
    """Length x width x thickness in cm³ (normal 120 to 480); None without a transverse view."""
    if "width_mm" not in measured:
        return None
    return measured["length_mm"] * measured["width_mm"] * measured["thickness_mm"] / 1000


def prassopoulos_ml(measured: Mapping[str, float]) -> float | None:
    """V = 30 + 0.58 · W · L · Th in mL (Prassopoulos 1997); None without a transverse view."""
    index = splenic_index_cm3(measured)
    return None if index is None else 30 + 0.58 * index


def ellipsoid_ml(measured: Mapping[str, float]) -> float:
    """V = π/6 · L · W · T in mL, L being the longest diameter; without a transverse view W is ``ellipsoid_width_mm``."""
    width = measured.get("width_mm", float(ellipsoid_width_mm(measured["longest_mm"])))
    return ELLIPSOID * measured["longest_mm"] * width * measured["thickness_mm"] * _ML


def ellipsoid_width_mm(longest_mm: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """What is taken for the width where no view shows it: 0.92 of the longest diameter (ours; the mean of the real spleens at hand)."""
    return 0.92 * longest_mm


def _corners(mask: Mask) -> NDArray[np.float64]:
    """Corners of the outermost pixels of each row, enough for the convex hull; (N, 2) as row, column."""
    rows = np.nonzero(mask.any(1))[0]
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(1)
    points = [np.stack([rows + down, side], 1) for down in (0, 1) for side in (first, last)]
    return np.concatenate(points).astype(np.float64)


def _thickness(rows: NDArray[np.int64], columns: NDArray[np.int64], axis: NDArray, normal: NDArray, middle: float) -> float:
    """Length of the outline across ``axis`` where the hilum is. Looks at profiles 1 mm wide and takes gaps as inside."""
    points = np.stack([rows + 0.5, columns + 0.5], 1)
    along, across = points @ axis, points @ normal
    start, length = along.min(), float(np.ptp(along))
    bins = np.minimum((along - start).astype(int), max(int(length) - 1, 0))
    count = bins.max() + 1
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, bins, across)
    np.maximum.at(high, bins, across)
    known = np.isfinite(low)
    low, high = (
        np.interp(np.arange(count), np.flatnonzero(known), low[known]),
        np.interp(np.arange(count), np.flatnonzero(known), high[known]),
    )
    central = slice(int(0.2 * count), max(int(0.8 * count), int(0.2 * count) + 1))
    # A dent is measured against the straight line between the outline's ends on that side.
    dents = [side - _lower_hull(side) for side in (low, -high)]
    side = int(np.argmax([dent[central].max() for dent in dents]))
    depth = dents[side][central]
    place = central.start + int(depth.argmax()) if depth.max() >= 3.0 else int(np.clip(middle - start, 0, count - 1))
    near = slice(max(place - 2, 0), place + 3)
    return float((high - low)[near].mean() + 1)


def _lower_hull(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest convex function below ``values`` at 0, 1, 2, …"""
    kept: list[int] = []
    for index, value in enumerate(values):
        while len(kept) > 1 and (values[kept[-1]] - values[kept[-2]]) * (index - kept[-1]) >= (value - values[kept[-1]]) * (
            kept[-1] - kept[-2]
        ):
            kept.pop()
        kept.append(index)
    return np.interp(np.arange(values.size), kept, values[kept])
