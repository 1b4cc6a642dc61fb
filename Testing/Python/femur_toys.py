"""A pelvis-sized scan with a calibration phantom, and a femur made of balls and rods, both drawn from formulas: truth is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.image import Image
from FemurQCTLib.calibration import PhantomPreset, preset_of
from FemurQCTLib.calibration.fit import BETA_REF_TO_CT, SIGMA_REF_TO_CT

SLOPE, INTERCEPT = 0.82, 3.0
"""The line of the scanner: mg/cm3 per HU, mg/cm3."""


def rod_hu(preset: PhantomPreset, slope: float = SLOPE, intercept: float = INTERCEPT) -> np.ndarray:
    """What an ideal scanner with this line shows in the rods of a phantom."""
    rho = np.array(preset.densities)
    if not preset.water:
        return (rho - intercept) / slope
    sigma_ref, beta_ref = 1 / slope - SIGMA_REF_TO_CT, -intercept / slope - BETA_REF_TO_CT
    return np.array(preset.water) + sigma_ref * rho + beta_ref


@dataclass(frozen=True)
class RodScan:
    """A scan, and where its rods truly are half way up (R, A, S), in the order of the certificate."""

    image: Image
    centers: np.ndarray
    hu: np.ndarray


def rod_scan(
    preset: str | PhantomPreset,
    spacing=(0.9, 0.9, 2.5),
    slices: int = 24,
    noise: float = 15.0,
    tilt_deg: tuple[float, float] = (0.0, 0.0),
    blur_mm: float = 1.5,
    radius_mm: float = 9.0,
    pitch_mm: float = 34.0,
    reverse: bool = False,
    body_hu: float = 10.0,
    cupping_hu: float = 0.0,
    turn_deg: float = 0.0,
    seed: int = 0,
    hu: np.ndarray | None = None,
) -> RodScan:
    """A patient (an ellipse with two femoral shafts) on a phantom with a row of rods, on a table.

    Args:
        tilt_deg: of the rods against the table direction, towards the right and to the front.
        blur_mm: FWHM of the blur in the slice.
        reverse: the phantom lies the other way round.
        body_hu: of the plastic around the rods.
        cupping_hu: how much lower the middle of the picture is.
        turn_deg: of the phantom in the slice.
        hu: of the rods, where it is not what the line gives.
    """
    preset = preset_of(preset)
    values = rod_hu(preset) if hu is None else np.asarray(hu)
    width, height = 400.0, 330.0
    columns, rows = round(width / spacing[0]), round(height / spacing[1])
    x = (np.arange(columns) - (columns - 1) / 2) * spacing[0]
    y = (np.arange(rows) - (rows - 1) / 2) * spacing[1]
    z = (np.arange(slices) - (slices - 1) / 2) * spacing[2]
    grid_x, grid_y = np.meshgrid(x, y)
    count = len(values)
    offsets = (np.arange(count) - (count - 1) / 2) * pitch_mm * (-1 if reverse else 1)
    row_x, row_y = offsets * np.cos(np.radians(turn_deg)), -105 + offsets * np.sin(np.radians(turn_deg))
    shift = np.tan(np.radians(tilt_deg))
    pixel = float(np.mean(spacing[:2]))
    voxels = np.empty((slices, rows, columns), np.float32)

    def disk(cx, cy, radius):
        return np.clip((radius - np.hypot(grid_x - cx, grid_y - cy)) / pixel + 0.5, 0, 1)

    rng = np.random.default_rng(seed)
    for k, height_mm in enumerate(z):
        plane = np.full((rows, columns), -1000.0)
        body = np.clip((1 - np.hypot(grid_x / 170, (grid_y - 5) / 95)) * 95 / pixel + 0.5, 0, 1)
        plane += 1040 * body
        for side in (-1, 1):
            bone, canal = disk(side * 85, 10, 14), disk(side * 85, 10, 7)
            plane += (1200 - 40) * (bone - canal) + (-60 - 40) * canal
        table = np.clip((np.abs(grid_y + 135) < 4).astype(float), 0, 1)
        plane += 850 * table * (1 - body)
        sx, sy = shift[0] * height_mm, shift[1] * height_mm
        box = (np.abs(grid_x - sx) < pitch_mm * count / 2 + 12) & (np.abs(grid_y + 105 - sy - grid_x * np.tan(np.radians(turn_deg))) < 15)
        plane = np.where(box, body_hu, plane)
        for cx, cy, value in zip(row_x, row_y, values, strict=True):
            part = disk(cx + sx, cy + sy, radius_mm)
            plane = plane * (1 - part) + value * part
        voxels[k] = ndimage.gaussian_filter(plane, blur_mm / 2.355 / np.array(spacing[1::-1]))
    voxels -= np.float32(cupping_hu) * (1 - np.clip(np.hypot(grid_x / 200, grid_y / 165), 0, 1) ** 2).astype(np.float32)
    white = rng.normal(0, 1, voxels.shape).astype(np.float32)
    white = ndimage.gaussian_filter(white, (0, 0.6, 0.6))  # noise of a soft kernel is not white
    voxels += np.float32(noise / white.std()) * white
    origin = (x[0], y[0], z[0])
    image = Image.from_spacing(np.rint(voxels).astype(np.int16), spacing, origin, modality="CT", name="rods")
    return RodScan(image, np.column_stack([row_x, row_y, np.zeros(count)]), values)


HEAD_RADIUS, NECK_RADIUS, SHAFT_RADIUS = 24.0, 15.5, 15.0
CORTICAL, TRABECULAR, MARROW = 1000.0, 200.0, 0.0
"""Densities in mg/cm3."""


@dataclass(frozen=True)
class ToyFemur:
    """A femur made of balls and cylinders, and what is true of it, RAS in mm."""

    mask: Image
    density: np.ndarray
    head: np.ndarray
    neck: np.ndarray
    shaft: np.ndarray
    lesser: np.ndarray
    anteversion: float
    neck_shaft_angle: float


def toy_femur(
    side: str = "left",
    spacing=(1.5, 1.5, 2.0),
    below: float = 70.0,
    anteversion: float = 15.0,
    neck_shaft_angle: float = 127.0,
    turn: np.ndarray | None = None,
    direction: np.ndarray | None = None,
    cortex_mm: float = 3.0,
) -> ToyFemur:
    """The femur on a grid of any direction.

    Args:
        below: how far the shaft goes on below the lesser trochanter, mm.
        turn: rotation of the patient's femur (3, 3).
        direction: of the axes of the grid (3, 3), columns in RAS.
    """
    offset, drop = 42.0, 51.0
    forward = np.radians(anteversion)
    medial = np.array([np.cos(forward), np.sin(forward), 0.0])
    rise = np.radians(neck_shaft_angle - 90)
    neck = np.cos(rise) * medial + np.array([0, 0, np.sin(rise)])
    head = offset * medial + np.array([0, 0, drop])
    base = head - neck * offset / np.cos(rise)
    lesser = np.array([11.0, -14.0, 0.0])
    frame = np.diag([1.0 if side == "left" else -1.0, 1.0, 1.0])
    if turn is not None:
        frame = turn @ frame
    size = np.array([170, 170, 190] if direction is not None else [135, 115, 182] if turn is not None else [115, 85, 165])
    direction = np.eye(3) if direction is None else direction
    count = np.ceil(size / spacing).astype(int)
    steps = direction * np.asarray(spacing)
    origin = frame @ np.array([18.0, 1.0, 2.0]) - steps @ ((count - 1) / 2)
    grid = Image.from_spacing(np.zeros(count[::-1], np.uint8), spacing, origin, direction, modality="CT", name="toy femur")
    k, j, i = (np.arange(n, dtype=np.float32) for n in grid.shape)
    to_local = (frame.T @ steps).astype(np.float32), (frame.T @ origin).astype(np.float32)
    x, y, z = (
        row[2] * k[:, None, None] + row[1] * j[:, None] + row[0] * i + shift for row, shift in zip(to_local[0], to_local[1], strict=True)
    )

    def far(center, scale=(1.0, 1.0, 1.0)):
        (cx, cy, cz), (sx, sy, sz) = map(np.float32, center), map(np.float32, scale)
        return np.sqrt(((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2 + ((z - cz) / sz) ** 2)

    nx, ny, nz = (np.float32(value) for value in neck)
    along = (x - np.float32(base[0])) * nx + (y - np.float32(base[1])) * ny + (z - np.float32(base[2])) * nz
    off = np.sqrt(np.maximum(far(base) ** 2 - along**2, 0))
    depth = np.minimum(NECK_RADIUS - off, np.minimum(along + 5, np.float32(offset / np.cos(rise)) - along))
    tube = np.minimum(SHAFT_RADIUS - np.hypot(x, y), np.minimum(45 - z, z + below + 40))
    greater = 16 * (1 - far((-12.0, -5.0, 34.0), (16.0, 20.0, 27.0)))
    for part in (HEAD_RADIUS - far(head), tube, greater, 9.0 - far(lesser)):
        np.maximum(depth, part, out=depth)
    inside = (depth > 0) & (z > -below)
    density = np.where(depth < cortex_mm, CORTICAL, TRABECULAR)
    density = np.where((z < -10) & (depth >= cortex_mm), MARROW, density)
    density = np.where(depth > 0, density, 0.0)
    return ToyFemur(
        mask=grid.with_voxels(inside),
        density=density.astype(np.float32),
        head=frame @ head,
        neck=frame @ neck,
        shaft=frame @ np.array([0, 0, 1.0]),
        lesser=frame @ lesser,
        anteversion=anteversion,
        neck_shaft_angle=neck_shaft_angle,
    )
