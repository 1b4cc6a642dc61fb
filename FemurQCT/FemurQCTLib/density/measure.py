"""The table of one femur: volume, density, mineral, Hounsfield units, cortex, for the whole of it and for each region."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import VOLUME, bounding_box
from DeepVolumetryLib.uncertainty.interval import scaled_interval
from DeepVolumetryLib.uncertainty.stake import OpenVoxels

from ..calibration import Calibration
from ..regions.divide import REGIONS, TOTAL_HIP
from .compartments import CORTICAL_THRESHOLD, EROSION_MM, Compartments, compartments
from .thickness import cortex
from .uncertain import Interval, Open, Spread, around

FEMUR = "femur"
PARTS = (FEMUR, *REGIONS, TOTAL_HIP)

HU_UNIT = "[hnsf'U]"


def measure(
    density: NDArray[Any] | None,
    mask: NDArray[Any],
    regions: Mapping[str, NDArray[Any]],
    image: Image,
    calibration: Calibration | None,
    probability: NDArray[Any] | None = None,
    *,
    side: str = "left",
    scale: float | None = None,
    level: float = 0.95,
    threshold: float = CORTICAL_THRESHOLD,
    erosion_mm: float = EROSION_MM,
) -> list[Measurement]:
    """Volume, vBMD (integral, trabecular, cortical), BMC, HU and thickness of the cortex, of the femur and of each region.

    Args:
        density: mg/cm3, (K, J, I); None without a calibration: then only volumes and HU are measured.
        mask: of the femur, same shape.
        regions: of ``regions.divide``; those that are missing or empty are left out.
        image: the CT in HU.
        calibration: where the densities come from. Its material goes into every unit: "mg/cm3{K2HPO4}".
        probability: calibrated probability of the femur (K, J, I).
        side: first part of the segment keys, "left_neck".
        scale: conformal scale of the femur's mask. Without it and the probability no interval is stated.
        level: nominal coverage of the intervals.
        threshold, erosion_mm: see ``compartments``.

    Raises:
        ValueError: if shapes differ, or if there are densities without a calibration.
    """
    arrays = {"mask": mask, "density": density, "probability": probability, **regions}
    for name, array in arrays.items():
        if array is not None and array.shape != image.shape:
            raise ValueError(f"{name} has shape {array.shape}, the image {image.shape}")
    if density is not None and calibration is None:
        raise ValueError("densities need the calibration that they come from")
    box = bounding_box(mask, margin=8)
    if box is None:
        return []
    part = image.cropped([s.start for s in box], [s.stop for s in box])
    inside = {FEMUR: mask[box].astype(bool, copy=False)} | {name: r[box].astype(bool, copy=False) for name, r in regions.items() if r.any()}
    uncertain = _Uncertain.of(inside, None if probability is None else probability[box], scale)
    setting = _Setting(side, part, uncertain, level, calibration, None if density is None else density[box], threshold)
    rows: list[Measurement] = []
    bone = None if setting.density is None else compartments(setting.density, inside[FEMUR], part, threshold, erosion_mm)
    thick = {} if setting.density is None else _thickness(setting.density, inside, part, threshold)
    for name in PARTS:
        if name in inside:
            rows += _rows(name, inside[name], setting, bone, thick.get(name, math.nan))
    return rows


@dataclass(frozen=True)
class _Uncertain:
    """Open voxels of the femur by part; nothing where no interval can be stated."""

    parts: Mapping[str, OpenVoxels]
    scale: float

    @classmethod
    def of(cls, inside: Mapping[str, NDArray[np.bool_]], probability: NDArray[Any] | None, scale: float | None) -> _Uncertain:
        if probability is None or scale is None or not math.isfinite(scale):
            return cls({}, math.nan)
        voxels = OpenVoxels.find(probability, inside[FEMUR])
        near = ndimage.distance_transform_edt(~inside[FEMUR], return_distances=False, return_indices=True)
        nearest = np.ravel_multi_index(tuple(axis.ravel()[voxels.index] for axis in near), inside[FEMUR].shape)
        return cls({name: voxels.select(np.take(mask, nearest)) for name, mask in inside.items()}, scale)

    def open(self, name: str, values: NDArray[Any], where: NDArray[np.bool_] | None = None) -> Open | None:
        """What may come into a part and go out of it; ``where``: only such voxels count (a compartment)."""
        voxels = self.parts.get(name)
        if voxels is None:
            return None
        if where is not None:
            voxels = voxels.select(np.take(where, voxels.index))
        value, p = np.take(values, voxels.index).astype(np.float64), voxels.probability.astype(np.float64)
        return Open(1 - p[voxels.inside], value[voxels.inside], p[~voxels.inside], value[~voxels.inside], self.scale)


@dataclass(frozen=True)
class _Setting:
    """What all rows of one femur share."""

    side: str
    image: Image
    uncertain: _Uncertain
    level: float
    calibration: Calibration | None
    density: NDArray[Any] | None
    threshold: float

    def row(self, part: str, name: str, value: float, unit: str, interval: Interval | None = None, **more: Any) -> Measurement:
        low, high, level = (*interval, self.level) if interval else (None, None, None)
        return Measurement(f"{self.side}_{part}", name, value, unit, low, high, level, **more)

    def unit(self, of: str) -> str:
        """A unit with the material of the phantom: "mg/cm3{CHA}"."""
        material = self.calibration.material if self.calibration else ""
        return f"{of}{{{material}}}" if material else of


def _rows(part: str, mask: NDArray[np.bool_], setting: _Setting, bone: Compartments | None, thickness: float) -> Iterator[Measurement]:
    image, count = setting.image, int(np.count_nonzero(mask))
    volume = count * image.voxel_ml
    yield setting.row(part, "Volume", volume, "cm3", _volume_interval(part, volume, setting), code=VOLUME)
    hu = image.voxels[mask].astype(np.float64)
    if setting.density is not None and bone is not None:
        yield from _density_rows(part, mask, setting, bone)
        yield setting.row(part, "Cortical thickness", thickness, "mm")
    yield setting.row(part, "Mean HU", float(hu.mean()), HU_UNIT, _hu_interval(part, hu, setting))
    yield setting.row(part, "SD of HU", float(hu.std()), HU_UNIT)
    yield setting.row(part, "Voxels", float(count), "1")


def _volume_interval(part: str, volume: float, setting: _Setting) -> Interval | None:
    voxels = setting.uncertain.parts.get(part)
    if voxels is None:
        return None
    return scaled_interval(volume, voxels.stake(setting.image.voxel_ml), setting.uncertain.scale)


def _hu_interval(part: str, hu: NDArray[np.float64], setting: _Setting) -> Interval | None:
    """That of the mask and of the noise, where rods show it; HU have no calibration to be wrong."""
    exchange = setting.uncertain.open(part, setting.image.voxels)
    if exchange is None:
        return None
    exact = Calibration(1.0, 0.0, rods=setting.calibration.rods if setting.calibration else ())
    noise = 0.0 if math.isnan(exact.voxel_noise) else exact.voxel_noise
    half = 1.96 * noise / math.sqrt(max(1.0, min(hu.size, hu.size * setting.image.voxel_ml * 1000 / 8.0)))
    return around(float(hu.mean()), exchange.means(float(hu.mean()), hu.size), half)


def _density_rows(part: str, mask: NDArray[np.bool_], setting: _Setting, bone: Compartments) -> Iterator[Measurement]:
    assert setting.density is not None and setting.calibration is not None
    unit, image = setting.unit("mg/cm3"), setting.image
    spread = Spread(setting.calibration, image.voxel_ml * 1000, setting.level)

    def mean_row(name: str, where: NDArray[np.bool_], exchange: Open | None) -> Measurement:
        values = setting.density[where]  # type: ignore[index]
        if not values.size:
            return setting.row(part, name, math.nan, unit)
        mean = float(values.mean(dtype=np.float64))
        interval = None if exchange is None else around(mean, exchange.means(mean, values.size), spread.half_width(mean, values.size))
        return setting.row(part, name, mean, unit, interval)

    exchange = setting.uncertain.open(part, setting.density)
    integral = mean_row("Integral vBMD", mask, exchange)
    yield integral
    # Trabecular bone lies so deep below the surface that no open voxel reaches it.
    nothing = None if exchange is None else Open(*(np.zeros(0),) * 4, 0.0)
    yield mean_row("Trabecular vBMD", mask & bone.trabecular, nothing)
    rim = setting.uncertain.open(part, setting.density, setting.density >= setting.threshold)
    cortical = mask & bone.cortical
    yield mean_row("Cortical vBMD", cortical, rim)
    yield setting.row(part, "Cortical volume", int(np.count_nonzero(cortical)) * image.voxel_ml, "cm3")
    count, grams = int(np.count_nonzero(mask)), image.voxel_ml / 1000
    content = integral.value * count * grams
    interval = None
    if exchange is not None:
        half = spread.half_width(integral.value, count) * count * grams
        interval = around(content, [total * grams for total in exchange.sums(integral.value * count)], half)
    yield setting.row(part, "BMC", content, setting.unit("g"), interval)


def _thickness(density: NDArray[Any], inside: Mapping[str, NDArray[np.bool_]], image: Image, threshold: float) -> dict[str, float]:
    """Median thickness of the cortex by part; points without a cortex above the threshold count as 0, those without an end are left out."""
    surface = cortex(density, inside[FEMUR], image, threshold)
    if not len(surface.points):
        return {}
    index = (surface.points - image.ijk_to_ras[:3, 3]) @ np.linalg.inv(image.ijk_to_ras[:3, :3]).T
    low, high = np.floor(index - 1e-6).astype(int), np.ceil(index + 1e-6).astype(int)
    known = np.isfinite(surface.thickness)
    found = {}
    for name, mask in inside.items():
        on = np.zeros(len(index), bool)
        for at in (low, high):  # a point lies between a voxel of the femur and one outside
            i, j, k = np.clip(at, 0, np.array(image.size) - 1).T
            on |= mask[k, j, i]
        chosen = surface.thickness[on & known]
        found[name] = float(np.median(chosen)) if chosen.size else math.nan
    return found
