"""The projection: aBMD as DXA would see it, after the femur has been turned to neutral anteversion.

The direction of view is the normal of the plane of neck and shaft, so the neck lies in the picture at its full length whichever way the
leg was turned. aBMD = sum of density * voxel volume over the region / its projected area; soft tissue does not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import bounding_box

from ..calibration import Calibration
from ..regions.divide import REGIONS, TOTAL_HIP
from ..regions.frame import Frame
from .reference import NHANES_III, REFERENCE_NAME, t_score, why_no_t_score

PIXEL_MM = 1.0
_LEAST_DEPTH_MM = 2.5  # of bone behind a pixel of the region: the rim that interpolation makes does not count
_CAUTION = f"{REFERENCE_NAME}; projected QCT of our regions, not a DXA T-score"


@dataclass(frozen=True)
class Areal:
    """A projected femur.

    Attributes:
        picture: g/cm2, (rows up the shaft, columns to the side of the head), 0 outside.
        pixel_mm: size of a pixel.
        ijk_to_ras: 4x4 of the picture as one slice: columns, rows, and the direction of view (to the front).
        measurements: aBMD, projected area, and T-score where it is allowed.
        warnings: sentences for the user, e.g. why there is no T-score.
    """

    picture: NDArray[np.float32]
    pixel_mm: float
    ijk_to_ras: NDArray[np.float64]
    measurements: list[Measurement]
    warnings: tuple[str, ...] = ()


def areal(
    density: NDArray[Any],
    mask: NDArray[Any],
    regions: Mapping[str, NDArray[Any]],
    image: Image,
    calibration: Calibration,
    frame: Frame,
    content: Mapping[str, tuple[float, float, float]] | None = None,
    level: float = 0.95,
) -> Areal:
    """aBMD, projected area, and the T-score where it is allowed.

    Args:
        density: mg/cm3, (K, J, I).
        mask: of the femur, same shape.
        regions: of ``regions.divide``.
        image: geometry.
        calibration: where the densities come from.
        frame: of the femur; its neck and shaft decide about the direction of view.
        content: region -> (BMC, low, high) of ``measure``: aBMD then gets the same relative interval. The projected area is taken as exact.
        level: nominal coverage of that interval.
    """
    box = bounding_box(mask, margin=2)
    if box is None:
        return Areal(np.zeros((0, 0), np.float32), PIXEL_MM, np.eye(4), [])
    part = image.cropped([s.start for s in box], [s.stop for s in box])
    grid = _turned(part, frame)
    inside = mask[box].astype(bool, copy=False)
    turned = part.with_voxels(np.where(inside, density[box], 0).astype(np.float32)).resampled(grid, order=1, fill=0.0).voxels
    column_g_cm2 = PIXEL_MM / 10 / 1000  # mg/cm3 times the depth of a voxel in cm, in g/cm2
    picture = turned.sum(axis=0, dtype=np.float32) * np.float32(column_g_cm2)
    refused = why_no_t_score(calibration, frame)
    rows: list[Measurement] = []
    for name in (*REGIONS, TOTAL_HIP):
        if name not in regions or not regions[name].any():
            continue
        share = part.with_voxels(regions[name][box].astype(np.float32)).resampled(grid, order=1, fill=0.0).voxels
        region = part.with_voxels(np.where(regions[name][box], density[box], 0).astype(np.float32)).resampled(grid, order=1, fill=0.0)
        area = float(np.count_nonzero(share.sum(axis=0) * PIXEL_MM > _LEAST_DEPTH_MM)) * (PIXEL_MM / 10) ** 2
        if area == 0:
            continue
        grams = float(region.voxels.sum(dtype=np.float64)) * (PIXEL_MM / 10) ** 3 / 1000
        rows += _rows(name, grams / area, area, calibration, frame.side, (content or {}).get(name), level, refused)
    matrix = grid.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 2] * (grid.shape[0] - 1) / 2
    return Areal(picture, PIXEL_MM, matrix, rows, tuple(sentence for sentence in (refused, *frame.warnings) if sentence))


def _rows(
    region: str,
    abmd: float,
    area: float,
    calibration: Calibration,
    side: str,
    content: tuple[float, float, float] | None,
    level: float,
    refused: str,
) -> list[Measurement]:
    segment = f"{side}_{region}"
    unit = f"g/cm2{{{calibration.material}}}" if calibration.material else "g/cm2"
    low = high = stated = None
    if content and content[0] > 0 and all(map(math.isfinite, content)):
        low, high, stated = abmd * content[1] / content[0], abmd * content[2] / content[0], level
    rows = [
        Measurement(segment, "aBMD (projected)", abmd, unit, low, high, stated),
        Measurement(segment, "Projected area", area, "cm2"),
    ]
    if not refused and region in NHANES_III:
        ends = [None if end is None else t_score(end, region) for end in (low, high)]
        score = Measurement(segment, "T-score (projected QCT)", t_score(abmd, region), "1", ends[0], ends[1], stated, verdict=_CAUTION)
        rows.append(score)
    return rows


def _turned(part: Image, frame: Frame) -> Image:
    """Grid of 1 mm whose I runs to the side of the head, J up the shaft and K to the front, around all of a part."""
    axes = np.column_stack([frame.medial, np.asarray(frame.shaft_axis), frame.anterior])
    size = np.array(part.size)
    corners = np.array([[i, j, k, 1] for i in (0, size[0] - 1) for j in (0, size[1] - 1) for k in (0, size[2] - 1)], float)
    along = (corners @ part.ijk_to_ras.T)[:, :3] @ axes
    low, high = along.min(axis=0) - PIXEL_MM, along.max(axis=0) + PIXEL_MM
    count = np.ceil((high - low) / PIXEL_MM).astype(int) + 1
    return Image.from_spacing(np.zeros(count[::-1], np.uint8), (PIXEL_MM,) * 3, axes @ low, axes)
