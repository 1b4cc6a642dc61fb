"""The bone inside a femur: a cortex whose thickness varies along it and trabeculae in their known pattern, as density.

Densities and thicknesses are ours, chosen to span what hip QCT shows from dense to osteoporotic bone; the pattern (dense head,
principal compressive group from the calcar, weak triangle of Ward, fatty marrow in the shaft) is textbook anatomy. What matters
for training and tests is that the truth is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.noise import spline_noise

from .shape import Landmarks

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Bone:
    """Thicknesses in mm, densities in mg/cm3 of calibration material.

    Attributes:
        cortex: density of compact bone.
        shaft_mm, trochanter_mm, head_mm, neck_upper_mm, neck_lower_mm, calcar_mm: thickness of the cortex; the last is added medially.
        head, neck, trochanter: density between trabeculae and marrow taken together.
        compressive, tensile: what the two groups of trabeculae add.
        band_mm: how far the compressive group reaches to the side (standard deviation).
        ward: share of the density that Ward's triangle lacks.
        marrow: of the shaft, fatty.
        texture: relative standard deviation over some millimeters.
    """

    cortex: float = 1050.0
    shaft_mm: float = 5.5
    trochanter_mm: float = 1.3
    head_mm: float = 0.8
    neck_upper_mm: float = 1.0
    neck_lower_mm: float = 2.8
    calcar_mm: float = 1.5
    head: float = 230.0
    neck: float = 100.0
    trochanter: float = 80.0
    compressive: float = 120.0
    tensile: float = 50.0
    band_mm: float = 7.0
    ward: float = 0.6
    marrow: float = -20.0
    texture: float = 0.2


def draw_bone(rng: np.random.Generator) -> Bone:
    """A bone between osteoporotic and dense: thickness and density go together, with some freedom of each."""
    quality = rng.uniform(0.0, 1.0)

    def between(low: float, high: float, freedom: float = 0.3) -> float:
        share = np.clip(quality + rng.normal(0, freedom), -0.1, 1.1)
        return float(low + (high - low) * share)

    return Bone(
        cortex=float(rng.uniform(850, 1250)),
        shaft_mm=between(3.0, 7.5),
        trochanter_mm=between(0.5, 2.0),
        head_mm=between(0.4, 1.3),
        neck_upper_mm=between(0.4, 1.6),
        neck_lower_mm=between(1.2, 4.2),
        calcar_mm=between(0.5, 2.5),
        head=between(90, 330),
        neck=between(5, 190),
        trochanter=between(0, 150),
        compressive=between(40, 190),
        tensile=between(10, 90),
        ward=float(rng.uniform(0.3, 0.9)),
        marrow=float(rng.uniform(-70, 15)),
        texture=float(rng.uniform(0.08, 0.35)),
    )


def worn(bone: Bone, rng: np.random.Generator) -> Bone:
    """The same bone in old age: marrow in most of the head is fat, and what is left of the trabeculae stands out as a bright band.

    Seen on the one real CT that was at hand; a network that knew dense heads only took the fat around the band for soft tissue.
    """
    return replace(
        bone,
        head=float(rng.uniform(-10, 110)),
        neck=float(rng.uniform(-40, 60)),
        trochanter=float(rng.uniform(-60, 50)),
        compressive=float(rng.uniform(110, 320)),
        band_mm=float(rng.uniform(5, 12)),
    )


@dataclass(frozen=True)
class Femur:
    """One femur in a patient.

    Attributes:
        distance: signed distance in mm (float32 or int8 tenths of a millimeter), in the frame of a left femur.
        unit: mm per step of ``distance``.
        landmarks: in the same frame.
        bone: what is inside.
        pose: 4x4, from that frame to RAS of the patient: rotation and shift, mirrored for a right femur.
        side: "left" or "right".
    """

    distance: Image
    unit: float
    landmarks: Landmarks
    bone: Bone
    pose: NDArray[np.float64]
    side: str

    @property
    def head(self) -> NDArray[np.float64]:
        """Center of the head in RAS of the patient."""
        return (self.pose @ (*self.landmarks.head, 1.0))[:3]

    def distance_on(self, grid: Image) -> NDArray[np.float32]:
        """Signed distance in mm at the voxels of a grid in RAS of the patient."""
        own = Image(grid.voxels, np.linalg.inv(self.pose) @ grid.ijk_to_ras)
        far = 127.0 if self.distance.voxels.dtype == np.int8 else float(self.distance.voxels.max())
        sampled = self.distance.resampled(own, order=1, fill=far).voxels
        return np.asarray(sampled, np.float32) * np.float32(self.unit)

    def box_ras(self, margin_mm: float = 4.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner in RAS of what may be femur."""
        size = np.array(self.distance.size)
        corners = np.array([(i, j, k, 1.0) for i in (0, size[0]) for j in (0, size[1]) for k in (0, size[2])])
        points = (corners @ (self.pose @ self.distance.ijk_to_ras).T)[:, :3]
        return points.min(0) - margin_mm, points.max(0) + margin_mm

    def above_cut(self, grid: Image) -> NDArray[np.float32]:
        """Millimeters above the lower end of the proximal femur, at the voxels of a grid."""
        return _linear(grid, self.pose, self.landmarks.shaft, self.landmarks.cut)


def posed(
    distance: Image, unit: float, landmarks: Landmarks, bone: Bone, side: str, head_ras: NDArray, turn_deg: NDArray | None = None
) -> Femur:
    """A femur with its head at a place of the patient, turned about it (degrees about R, A, S; mirrored for the right side)."""
    turn = _rotation(np.zeros(3) if turn_deg is None else turn_deg)
    move = np.eye(4)
    move[:3, :3] = turn
    move[:3, 3] = -turn @ landmarks.head
    place = np.eye(4)
    place[:3, 3] = head_ras
    return Femur(distance, unit, landmarks, bone, place @ (MIRROR if side == "right" else np.eye(4)) @ move, side)


def density(femur: Femur, grid: Image, signed: NDArray[np.float32], width_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Density in mg/cm3 inside the femur at the voxels of a grid (K, J, I); of no meaning outside.

    Args:
        signed: ``femur.distance_on(grid)``.
        width_mm: of a voxel: what a cortex thinner than that shares it with.
        rng: of the texture.
    """
    mark, bone = femur.landmarks, femur.bone
    radius = mark.radius

    def along(axis: NDArray, origin: NDArray) -> NDArray[np.float32]:
        return _linear(grid, femur.pose, axis, float(axis @ origin))

    medial = mark.neck - (mark.neck @ mark.shaft) * mark.shaft
    medial /= np.linalg.norm(medial)
    across = np.cross(mark.shaft, medial)
    up_neck = mark.shaft - (mark.shaft @ mark.neck) * mark.neck
    up_neck /= np.linalg.norm(up_neck)

    height = along(mark.shaft, mark.lesser)
    side = along(medial, mark.shaft_point)
    u, v = along(mark.neck, mark.head), along(up_neck, mark.head)
    front = along(np.cross(mark.neck, up_neck), mark.head)
    from_head = np.sqrt(u * u + v * v + front * front)

    head = _sigmoid((1.06 * radius - from_head) / 2.0)
    neck = np.exp(-(((u + 1.45 * radius) / (0.55 * radius)) ** 2)) * (1 - head)
    shaft = _sigmoid((6.0 - height) / 9.0)

    thick = bone.trochanter_mm + (bone.shaft_mm - bone.trochanter_mm) * shaft
    thick += neck * (bone.neck_upper_mm + (bone.neck_lower_mm - bone.neck_upper_mm) * _sigmoid(-v / 4.0) - thick)
    thick += head * (bone.head_mm - thick)
    thick += bone.calcar_mm * _sigmoid(side / 4.0) * np.exp(-(((height - 10.0) / 18.0) ** 2)) * (1 - head)

    inner = bone.trochanter + (bone.marrow - bone.trochanter) * _sigmoid((-4.0 - height) / 6.0)
    inner += neck * (bone.neck - inner)
    inner += head * (bone.head - inner)
    calcar = mark.shaft_point + 12.0 * medial + 38.0 * mark.shaft
    loaded = mark.head + 0.75 * radius * mark.shaft
    flat = along(across, mark.head)
    inner += bone.compressive * _band(
        along(mark.shaft, calcar), along(medial, calcar), loaded - calcar, mark.shaft, medial, bone.band_mm, flat
    )
    lateral = mark.shaft_point - 13.0 * medial + 50.0 * mark.shaft
    inner += bone.tensile * _band(along(mark.shaft, lateral), along(medial, lateral), mark.head - lateral, mark.shaft, medial, 5.0, flat)
    hollow = mark.head - 1.75 * radius * mark.neck - 4.0 * mark.shaft
    weak = sum(along(axis, hollow) ** 2 for axis in (mark.shaft, medial, across))
    inner *= 1 - bone.ward * np.exp(-weak / (2 * 8.0**2))

    grain = spline_noise(grid.shape, grid.spacing[::-1], 4.0, rng)
    inner += bone.texture * grain * np.maximum(inner, 30.0)
    cortical = _inside(signed, width_mm) - _inside(signed + thick, width_mm)
    whole = np.maximum(_inside(signed, width_mm), 1e-6)
    share = np.clip(cortical / whole, 0, 1)
    return np.asarray(share * bone.cortex * (1 + 0.02 * grain) + (1 - share) * inner, np.float32)


def inside(signed: NDArray[np.float32], width_mm: float) -> NDArray[np.float32]:
    """Share of each voxel that lies inside a surface, from the distance of its center."""
    return _inside(signed, width_mm)


def _inside(signed: NDArray, width_mm: float) -> NDArray[np.float32]:
    return np.clip(0.5 - signed / np.float32(width_mm), 0, 1)


def _band(up: NDArray, side: NDArray, toward: NDArray, shaft: NDArray, medial: NDArray, width: float, flat: NDArray) -> NDArray:
    """1 on a line segment in the plane of shaft and neck, falling off within ``width`` mm; twice as wide across the plane."""
    end_up, end_side = float(toward @ shaft), float(toward @ medial)
    length = end_up**2 + end_side**2
    share = np.clip((up * end_up + side * end_side) / length, 0, 1)
    away = (up - share * end_up) ** 2 + (side - share * end_side) ** 2 + (flat / 2) ** 2
    return np.exp(-away / (2 * width**2))


def _sigmoid(x: NDArray) -> NDArray[np.float32]:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _linear(grid: Image, pose: NDArray, axis: NDArray, offset: float) -> NDArray[np.float32]:
    """axis · p - offset for the places p of the voxels of a grid, in the frame that ``pose`` brings to RAS."""
    row = axis @ (np.linalg.inv(pose) @ grid.ijk_to_ras)[:3]
    i, j, k = (np.arange(n, dtype=np.float32) for n in grid.size)
    row = row.astype(np.float32)
    return row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + np.float32(row[3] - offset)


def _rotation(degrees: NDArray) -> NDArray[np.float64]:
    """About R, then A, then S."""
    x, y, z = np.deg2rad(degrees)
    about_r = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_a = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_s = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(about_s @ about_a @ about_r)
