"""Bidimensional size of lesions: the longest diameter in an axial slice and the longest line perpendicular to it there.

RANO 2.0 (Wen et al. 2023) leaves cavities out of a measurement, so a line must stay in the lesion: it may cut across dents
and gaps of up to two pixels, but not across a necrotic center. A lesion is a connected component (26 neighbors); its ends are
half way to the next pixel, as in ``DeepVolumetryLib.measure.volumes``. The slice with the largest product counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.measure.volumes import bounding_box

from .outline import Lines, Outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image

MEASURABLE_MM = 10.0
"""Least length of both diameters of a measurable lesion, on two slices (RANO 2010 and 2.0)."""
THICK_MM = 5.0
"""Where slices are thicker than this, both diameters must reach twice their thickness."""
LEAST_LESION_ML = 0.05
"""Smaller components are not counted as lesions; our choice."""
_REMEMBERED = 2000  # slices


@dataclass(frozen=True)
class Diameters:
    """Two lines in one slice, in mm.

    Attributes:
        longest_mm, perpendicular_mm: their lengths.
        ends_ras_mm: both ends of the longest, then both of the perpendicular one, shape (4, 3).
    """

    longest_mm: float
    perpendicular_mm: float
    ends_ras_mm: tuple[tuple[float, float, float], ...] = ()

    @property
    def product_mm2(self) -> float:
        """Bidimensional product."""
        return self.longest_mm * self.perpendicular_mm


@dataclass(frozen=True)
class Lesion:
    """One connected component.

    Attributes:
        volume_ml: its volume.
        diameters: in the slice with the largest product.
        measurable: both diameters reach the least length in at least two slices.
    """

    volume_ml: float
    diameters: Diameters
    measurable: bool


@dataclass(frozen=True)
class Calipers:
    """Measures slices and remembers them, so that after an edit only the slices that changed are measured again.

    A slice is known by its pixels and their geometry, not by where it lies.
    """

    _known: dict[tuple[Any, ...], Outline] = field(default_factory=dict, repr=False)

    def outline(self, mask: NDArray[np.bool_], to_mm: NDArray[np.float64]) -> Outline:
        """Outline of one slice of one lesion.

        Args:
            mask: (rows, columns), bool, not empty.
            to_mm: 2x2, (row, column) to orthogonal millimeters in the plane.
        """
        key = (mask.shape, np.packbits(mask).tobytes(), to_mm.tobytes())
        if key not in self._known:
            while len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = Outline(mask, to_mm)
        return self._known[key]


def lesions(mask: NDArray[Any], image: Image, calipers: Calipers | None = None) -> list[Lesion]:
    """Lesions of a mask, the largest volume first.

    Args:
        mask: (K, J, I), nonzero is tumor. Leave necrosis and cavities out.
        image: the grid. The stack of slices that is nearest to axial is measured, oblique or not.
        calipers: what earlier calls measured; pass the same one after an edit.
    """
    calipers = calipers or Calipers()
    box = bounding_box(mask)
    if box is None:
        return []
    grid = image.cropped([s.start for s in box], [s.stop for s in box])
    labels, _ = ndimage.label(mask[box], structure=np.ones((3, 3, 3)))
    counts = np.bincount(labels.ravel())
    found = []
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        if counts[number] * image.voxel_ml >= LEAST_LESION_ML:
            part = grid.cropped([s.start for s in place], [s.stop for s in place])
            found.append(_lesion(labels[place] == number, part, calipers))
    return sorted(found, key=lambda lesion: (-lesion.volume_ml, -lesion.diameters.product_mm2))


def least_diameter_mm(image: Image) -> float:
    """What both diameters of a measurable lesion must reach on this grid."""
    _, thickness = _plane(image)
    return 2 * thickness if thickness > THICK_MM else MEASURABLE_MM


def axial_axis(image: Image) -> int:
    """Array axis (0 = K, 1 = J, 2 = I) that runs most nearly from feet to head, so that the others span the slices."""
    toward_head = np.abs(image.ijk_to_ras[2, :3]) / np.asarray(image.spacing)
    return 2 - int(np.argmax(toward_head))


def _plane(image: Image) -> tuple[NDArray[np.float64], float]:
    """Of the axial slices: (row, column) to orthogonal millimeters in the plane (2x2), and their distance in mm."""
    axis = axial_axis(image)
    steps = image.ijk_to_ras[:3, :3][:, ::-1]  # K, J, I
    axes, to_mm = np.linalg.qr(np.delete(steps, axis, axis=1))
    return to_mm, float(abs(np.cross(axes[:, 0], axes[:, 1]) @ steps[:, axis]))


def _lesion(mask: NDArray[np.bool_], grid: Image, calipers: Calipers) -> Lesion:
    to_mm, _ = _plane(grid)
    axis, least = axial_axis(grid), least_diameter_mm(grid)
    planes = {number: np.ascontiguousarray(mask.take(number, axis)) for number in range(mask.shape[axis])}
    outlines = {number: calipers.outline(plane, to_mm) for number, plane in planes.items() if plane.any()}
    best, best_slice, enough = Lines(0.0, 0.0, np.zeros((4, 2))), -1, 0
    for number in sorted(outlines, key=lambda number: (not outlines[number].solid, -outlines[number].most_mm2, number)):
        outline = outlines[number]
        product = best.longest_mm * best.perpendicular_mm
        counts = enough < 2 and outline.most_mm2 >= least**2
        if best_slice >= 0 and not counts and outline.most_mm2 <= product:
            continue
        lines = outline.lines(min(math.sqrt(product), least) if counts else math.sqrt(product))
        if lines is None:
            continue
        enough += lines.perpendicular_mm >= least
        if best_slice < 0 or lines.longest_mm * lines.perpendicular_mm > product:
            best, best_slice = lines, number
    ends = np.insert(best.ends, axis, best_slice, axis=1)[:, ::-1]
    world = ends @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    where = tuple((float(x), float(y), float(z)) for x, y, z in world)
    return Lesion(float(np.count_nonzero(mask) * grid.voxel_ml), Diameters(best.longest_mm, best.perpendicular_mm, where), enough >= 2)
