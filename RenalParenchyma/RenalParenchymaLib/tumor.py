"""A renal mass in the words of surgical planning.

The components follow those of the R.E.N.A.L. nephrometry score (Kutikov and Uzzo 2009): size, exophytic or endophytic,
nearness to the sinus, anterior or posterior, place along the polar lines. They are read off masks by the simple rules
below, so no score is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, cKDTree

from DeepVolumetryLib.measure.volumes import Box, bounding_box, hull_points, max_diameter_mm, surface_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image

RIM_MM = 10.0
"""Parenchyma within this distance of the mass is counted as lost in a partial nephrectomy; our choice."""
_GRID_MM = 1.6  # planning does not need the full resolution; the diameter keeps it
_MIDDLE_MM = 5.0  # closer to the coronal plane of the kidney than this is neither anterior nor posterior


@dataclass(frozen=True)
class TumorDescription:
    """The largest mass of one kidney.

    Attributes:
        masses: number of separate masses in this kidney.
        diameter_mm: largest diameter.
        exophytic: share of the mass outside the convex hull of the rest of the kidney, 0-1.
        sinus_mm: distance to the sinus, 0 if they touch, NaN if no sinus is left.
        polar: "upper pole", "lower pole", "crosses the upper polar line", "crosses the lower polar line" or "between the polar
            lines"; polar lines are where the sinus begins and ends along the long axis of the kidney.
        face: "anterior", "posterior" or "".
        rim_fraction: share of this side's parenchyma within 10 mm of the mass, 0-1.
    """

    masses: int
    diameter_mm: float
    exophytic: float
    sinus_mm: float
    polar: str
    face: str
    rim_fraction: float

    @property
    def words(self) -> str:
        """One line for the report."""
        if self.exophytic >= 0.5:
            depth = f"mostly exophytic ({self.exophytic:.0%} outside the contour of the kidney)"
        elif self.exophytic >= 0.05:
            depth = f"mostly endophytic ({self.exophytic:.0%} outside the contour of the kidney)"
        else:
            depth = "entirely endophytic"
        parts = [f"{self.diameter_mm:.0f} mm", depth.replace("%", " %")]
        if math.isfinite(self.sinus_mm):
            parts.append("touches the sinus" if self.sinus_mm < 1 else f"{self.sinus_mm:.0f} mm from the sinus")
        parts += [part for part in (self.polar, self.face) if part]
        if self.masses > 1:
            parts.append(f"largest of {self.masses} masses")
        return ", ".join(parts)


def describe_tumor(side: str, masks: Mapping[str, NDArray[Any]], image: Image) -> TumorDescription | None:
    """Describe the largest mass of one side; None if there is none.

    Args:
        side: "left" or "right".
        masks: segment key -> (K, J, I); kidney, parenchyma, tumor and cyst of the side, missing ones count as empty.
        image: the grid.
    """
    tumor = masks.get(f"{side}_tumor")
    tumor_box = None if tumor is None else bounding_box(tumor)
    if tumor is None or tumor_box is None:
        return None
    mass, masses = _largest(tumor[tumor_box])
    diameter = max_diameter_mm(mass, image.cropped(*_ends(tumor_box)))

    kidney = masks.get(f"{side}_kidney")
    box = _union(tumor_box, None if kidney is None else bounding_box(kidney))
    stride = tuple(max(1, round(_GRID_MM / spacing)) for spacing in image.spacing[::-1])
    grid, parts = _coarse(side, masks, image, box, stride)
    whole_mass = np.zeros([s.stop - s.start for s in box], bool)
    whole_mass[tuple(slice(t.start - b.start, t.stop - b.start) for t, b in zip(tumor_box, box, strict=True))] = mass
    small = whole_mass[tuple(slice(None, None, step) for step in stride)]
    if not small.any():  # smaller than the planning grid: keep the voxel next to its middle
        at = np.argwhere(whole_mass).mean(axis=0) / stride
        small[tuple(np.minimum(np.rint(at).astype(int), np.array(small.shape) - 1))] = True

    rest = parts["kidney"] & ~parts["tumor"] & ~small
    sinus = _sinus(parts, small)
    around = _points(rest, grid)
    return TumorDescription(
        masses=masses,
        diameter_mm=diameter,
        exophytic=_outside_hull(small, rest, grid),
        sinus_mm=_gap(small, sinus, grid),
        polar=_polar(small, sinus, around, grid),
        face=_face(small, around, grid),
        rim_fraction=_rim_fraction(small, parts["parenchyma"], grid),
    )


def _largest(mask: NDArray[Any]) -> tuple[NDArray[np.bool_], int]:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    return labels == 1 + int(np.argmax(sizes)), count


def _union(box: Box, other: Box | None) -> Box:
    k, j, i = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other or box, strict=True))
    return k, j, i


def _ends(box: Box) -> tuple[list[int], list[int]]:
    return [s.start for s in box], [s.stop for s in box]


def _coarse(
    side: str, masks: Mapping[str, NDArray[Any]], image: Image, box: Box, stride: tuple[int, ...]
) -> tuple[Image, dict[str, NDArray[np.bool_]]]:
    """Masks of one side in the kidney's box on the planning grid, and that grid."""
    every = tuple(slice(s.start, s.stop, step) for s, step in zip(box, stride, strict=True))
    parts = {}
    for target in ("kidney", "parenchyma", "tumor", "cyst"):
        mask = masks.get(f"{side}_{target}")
        shape = tuple(len(range(*s.indices(n))) for s, n in zip(every, image.shape, strict=True))
        parts[target] = np.zeros(shape, bool) if mask is None else mask[every].astype(bool)
    matrix = image.cropped(*_ends(box)).ijk_to_ras.copy()
    matrix[:3, :3] *= stride[::-1]
    return type(image)(parts["kidney"], matrix), parts


def _points(mask: NDArray[np.bool_], grid: Image) -> NDArray[np.float64]:
    kji = np.argwhere(mask).astype(float)
    return kji[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def _sinus(parts: Mapping[str, NDArray[np.bool_]], mass: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of the kidney is nothing else: its largest piece, without the thin films that imperfect contours leave."""
    rest = parts["kidney"] & ~(parts["parenchyma"] | parts["tumor"] | parts["cyst"] | mass)
    core = ndimage.binary_opening(rest)
    if not core.any():
        return core
    return _largest(core)[0]


def _long_axis(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector along the points of a kidney, towards the head."""
    if len(points) < 4:
        return np.array([0.0, 0.0, 1.0])
    axis = np.linalg.eigh(np.cov(points.T))[1][:, -1]
    return axis if axis[2] >= 0 else -axis


def _outside_hull(mass: NDArray[np.bool_], rest: NDArray[np.bool_], grid: Image) -> float:
    if np.count_nonzero(rest) < 8:
        return math.nan
    planes = np.unique(ConvexHull(hull_points(rest, grid)).equations.round(9), axis=0)  # a flat side is many triangles
    points = _points(mass, grid)
    points = points[:: max(1, len(points) // 4_000)]
    return float((points @ planes[:, :3].T + planes[:, 3] > 1e-6).any(axis=1).mean())


def _gap(mass: NDArray[np.bool_], sinus: NDArray[np.bool_], grid: Image) -> float:
    if not sinus.any():
        return math.nan
    return float(cKDTree(surface_points(sinus, grid)).query(surface_points(mass, grid))[0].min())


def _polar(mass: NDArray[np.bool_], sinus: NDArray[np.bool_], around: NDArray[np.float64], grid: Image) -> str:
    if not len(around):
        return ""
    axis = _long_axis(around)
    if sinus.any():
        lower, upper = np.percentile(_points(sinus, grid) @ axis, (5, 95))
    else:
        lower, upper = np.linspace((around @ axis).min(), (around @ axis).max(), 4)[1:3]
    along = _points(mass, grid) @ axis
    above, below = float((along > upper).mean()), float((along < lower).mean())
    for share, pole in ((above, "upper"), (below, "lower")):
        if share >= 0.95:
            return f"{pole} pole"
    if max(above, below) > 0.05:
        return f"crosses the {'upper' if above >= below else 'lower'} polar line"
    return "between the polar lines"


def _face(mass: NDArray[np.bool_], around: NDArray[np.float64], grid: Image) -> str:
    if not len(around):
        return ""
    forward = float(_points(mass, grid)[:, 1].mean() - around[:, 1].mean())
    return "" if abs(forward) < _MIDDLE_MM else "anterior" if forward > 0 else "posterior"


def _rim_fraction(mass: NDArray[np.bool_], parenchyma: NDArray[np.bool_], grid: Image) -> float:
    total = np.count_nonzero(parenchyma)
    if not total:
        return math.nan
    surface, points = surface_points(mass, grid), _points(parenchyma, grid)
    points = points[((points >= surface.min(axis=0) - RIM_MM) & (points <= surface.max(axis=0) + RIM_MM)).all(axis=1)]
    distance, _ = cKDTree(surface).query(points, distance_upper_bound=RIM_MM)
    return float(np.isfinite(distance).sum() / total)
