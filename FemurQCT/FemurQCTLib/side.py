"""One femur measured: its box of the scan, its frame and regions, its density, and its rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import bounding_box
from DeepVolumetryLib.uncertainty.conformal import LEVEL

from .calibration import Calibration
from .density import areal, measure
from .parameters import Parameters
from .regions import Frame, Plane, default_planes, divide, fit_frame
from .segments import key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image

_MARGIN = 2
_LEAST_SHAFT_ML = 3.0


@dataclass(frozen=True)
class SideMeasured:
    """One femur in a box of the scan.

    Attributes:
        low: first voxel (k, j, i) of the box.
        shape: of the box.
        mask: of the femur in the box.
        regions: name -> mask in the box.
        density: mg/cm3 in the box within the femur, 0 elsewhere; None without calibration.
        frame: None where none could be fitted; then there are no regions.
        planes: between the regions.
        rows: of the table.
        warnings: about this side.
    """

    low: tuple[int, int, int]
    shape: tuple[int, int, int]
    mask: NDArray[np.bool_] = field(repr=False)
    regions: Mapping[str, NDArray[np.bool_]] = field(repr=False)
    density: NDArray[np.float32] | None = field(repr=False)
    frame: Frame | None
    planes: Mapping[str, Plane]
    rows: tuple[Measurement, ...]
    warnings: tuple[str, ...]

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices (K, J, I) of the box in the scan."""
        k, j, i = (slice(a, a + n) for a, n in zip(self.low, self.shape, strict=True))
        return k, j, i


@dataclass(frozen=True)
class Doubt:
    """What the model leaves open: probability of the femur (K, J, I), conformal scale, and what was reviewed."""

    probability: NDArray[Any] | None
    scale: float | None
    reviewed: NDArray[np.bool_] | None

    def inside(self, box: tuple[slice, ...], mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        """Probability in a box; 0 or 1, as the mask says, where somebody has looked or has drawn."""
        if self.probability is None or self.scale is None:
            return None
        p = np.array(self.probability[box], np.float32)
        settled = (p > 0.5) != mask
        if self.reviewed is not None:
            settled |= self.reviewed[box]
        p[settled] = mask[settled]
        return p


def measure_side(
    side: str,
    mask: NDArray[Any],
    image: Image,
    parameters: Parameters,
    calibration: Calibration | None,
    frame: Frame | None,
    planes: Mapping[str, Plane] | None,
    whole: NDArray[Any] | None,
    doubt: Doubt,
) -> SideMeasured:
    """Measure one femur.

    Args:
        mask: of the femur, (K, J, I) as the image, not empty.
        calibration: None for HU only.
        frame, planes: fitted to the mask if None.
        whole: the femur with the part below the cut, to fit the frame to; the mask if None.
        doubt: what the intervals rest on.
    """
    box = bounding_box(mask, margin=_MARGIN)
    assert box is not None
    part = image.cropped([axis.start for axis in box], [axis.stop for axis in box])
    inside = np.asarray(mask[box], bool)
    warnings: list[str] = []
    if frame is None:
        try:
            frame = _frame(side, mask, image, whole)
            warnings += frame.warnings
        except InputError as error:
            warnings.append(f"{error} Regions are left out.")
    planes = dict(planes or (default_planes(frame) if frame else {}))
    regions = divide(inside, part, frame, planes) if frame else {}
    density = None if calibration is None else np.where(inside, calibration.density(part.voxels), np.float32(0))
    rows = measure(
        density, inside, regions, part, calibration, doubt.inside(box, inside),
        side=side, scale=doubt.scale, level=LEVEL, threshold=parameters.threshold, erosion_mm=parameters.erosion_mm,
    )  # fmt: skip
    if density is not None and calibration is not None and frame is not None:
        projected = areal(density, inside, regions, part, calibration, frame, _contents(rows), LEVEL)
        rows = [*rows, *projected.measurements]
        warnings += [sentence for sentence in projected.warnings if sentence not in warnings]
    # Where the femur is cut only a sliver of shaft is left, which stands for no shaft.
    sliver = part.voxel_ml * np.count_nonzero(regions.get("shaft", np.zeros(0))) < _LEAST_SHAFT_ML
    rows = [row for row in rows if not (sliver and row.segment == key(side, "shaft"))]
    # One name for one unit in all modules: 1 cm3 is 1 mL.
    rows = [replace(row, unit="mL") if row.unit == "cm3" else row for row in rows]
    low = tuple(int(axis.start) for axis in box)
    return SideMeasured(low, part.shape, inside, regions, density, frame, planes, tuple(rows), tuple(warnings))  # type: ignore[arg-type]


def _contents(rows: Sequence[Measurement]) -> dict[str, tuple[float, float, float]]:
    """Region -> BMC and its interval, where it has one."""
    return {
        row.segment.split("_", 1)[1]: (row.value, row.low, row.high)
        for row in rows
        if row.name == "BMC" and row.low is not None and row.high is not None
    }


def _frame(side: str, mask: NDArray[Any], image: Image, whole: NDArray[Any] | None) -> Frame:
    seen = mask if whole is None else whole
    box = bounding_box(seen, margin=_MARGIN)
    assert box is not None
    return fit_frame(np.asarray(seen[box], bool), image.cropped([axis.start for axis in box], [axis.stop for axis in box]), side)
