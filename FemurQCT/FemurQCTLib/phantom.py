"""The QCT phantom patient: a scan of both hips with a calibration phantom under them, and everything that is true about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .anatomy.acquire import Implant, Scanner, acquired
from .anatomy.bone import Bone, Femur, draw_bone, posed
from .anatomy.context import Context, Tissues, draw_tissues
from .anatomy.distance import signed_distance
from .anatomy.patient import Patient, Scale, compose
from .anatomy.pelvis import procedural_context
from .anatomy.shape import load_shapes
from .calibration import PhantomPreset, preset_of

NAMES = {1: "left_femur", 2: "right_femur"}
PHANTOM_OF_SEED = ("qrm_bdc_3", "mindways_3", "bmas_200", "qrm_bdc_6")
_SHAPE_MM, _BEFORE, _SIZE = 1.25, (-88.0, -68.0, -150.0), (106, 92, 150)
_WATER, _DENSITY_OF_WATER = 0.2174, 999.6
_SLAB_MM, _ROD_MM, _APART_MM = 26.0, 8.0, 30.0


@dataclass(frozen=True)
class Settings:
    """How the phantom patient is scanned.

    Attributes:
        spacing: mm along I, J, K; the slices are averaged over all of K.
        below_mm, above_mm: what the scan shows below and above the centers of the heads.
        width_mm: of the field of view, from side to side and front to back.
        tilt_deg: of the gantry, about R.
        phantom: key of the calibration preset, "" for no phantom.
        scanner: blur, noise, cupping and streaks; its ``slice_mm`` is not used.
        contrast: contrast medium in the vessels.
        metal: a metal stem in place of the right hip joint.
        sides: femora that are there.
    """

    spacing: tuple[float, float, float] = (1.2, 1.2, 2.0)
    below_mm: float = 128.0
    above_mm: float = 62.0
    width_mm: tuple[float, float] = (420.0, 300.0)
    tilt_deg: float = 0.0
    phantom: str = "qrm_bdc_3"
    scanner: Scanner = field(default_factory=lambda: Scanner(blur_mm=0.5, noise=14.0, grain_mm=0.6, cupping=4.0))
    contrast: bool = False
    metal: bool = False
    sides: tuple[str, ...] = ("left", "right")


@dataclass(frozen=True)
class Truth:
    """What is true of one proximal femur as far as the scan shows it.

    Attributes:
        volume_ml: of the proximal femur in the scan.
        complete_ml: of the whole proximal femur.
        mineral_g: bone mineral content in the scan.
        density: integral, mg/cm3.
    """

    volume_ml: float
    complete_ml: float
    mineral_g: float
    density: float


@dataclass(frozen=True)
class Study:
    """A scan and its truth.

    Attributes:
        image: int16 HU.
        reference: uint8, 1 left and 2 right proximal femur.
        density: true density in mg/cm3 within the femora, float32; 0 elsewhere.
        truth: side -> numbers.
        rods: side by side: (R, A, S) in mm at mid-height and density in mg/cm3.
        patient: what was scanned.
    """

    image: Image
    reference: Image
    density: Image
    truth: dict[str, Truth]
    rods: list[tuple[tuple[float, float, float], float]]
    patient: Patient


def draw_person(seed: int, sides: tuple[str, ...] = ("left", "right"), contrast: bool = False, phantom: str = "qrm_bdc_3") -> Patient:
    """A phantom patient from what ships: a femur of the small shape model in a procedural pelvis. Seed 0 is of normal density."""
    model = load_shapes()
    rng = np.random.default_rng([23, seed])
    vertices = model.draw(rng, spread=0.5) if seed else model.mean
    marks = model.landmarks(vertices)
    scale = (float(rng.uniform(21.5, 25.5)) if seed else 23.3) / marks.radius
    vertices = (vertices - marks.head) * scale
    marks = model.landmarks(vertices)
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), _SIZE[::-1]), (_SHAPE_MM,) * 3, marks.head + np.array(_BEFORE))
    distance = grid.with_voxels(signed_distance(vertices, model.faces, grid))
    bone = draw_bone(rng) if seed else Bone()
    tissues = draw_tissues(rng, contrast) if seed else Tissues(artery=240.0 if contrast else 45.0, vein=130.0 if contrast else 45.0)
    density = Scale(float(rng.uniform(0.7, 0.9)), float(rng.uniform(-8, 8))) if seed else Scale()
    context = procedural_context(seed)
    turn = rng.normal(0, (3, 2, 6)) if seed else np.array([3.0, 2.0, 5.0])
    return put_together(distance, 1.0, marks, bone, context, tissues, density, turn, sides)


def put_together(
    distance: Image,
    unit: float,
    marks: object,
    bone: Bone,
    context: Context,
    tissues: Tissues,
    scale: Scale,
    turn: NDArray,
    sides: tuple[str, ...] = ("left", "right"),
) -> Patient:
    """A patient whose femora are mirror images, in a pelvis scaled to fit; the middle between the heads is the origin."""
    context = context.scaled((marks.radius + 1.5) / context.radius, np.zeros(3))  # type: ignore[attr-defined]
    femora = []
    for side in sides:
        own = turn * np.array((1, -1, -1) if side == "right" else (1, 1, 1))
        femora.append(posed(distance, unit, marks, bone, side, context.heads[side], own))  # type: ignore[arg-type]
    return Patient(femora, context, tissues, scale)


def scan(patient: Patient, settings: Settings, seed: int = 0, grid: Image | None = None) -> Study:
    """Scan a patient.

    Args:
        grid: any grid in place of that of the settings; its voxels are not used.
        seed: of textures and noise.
    """
    rng = np.random.default_rng([29, seed])
    like = grid_of(settings) if grid is None else grid
    parts = max(1, round(like.spacing[2] / max(1.0, min(like.spacing[:2]))))
    fine = _sliced(like, parts)
    made = compose(patient, fine, seed)
    hu = made.hu
    rods: list[tuple[tuple[float, float, float], float]] = []
    back = _back(hu, fine)
    if settings.phantom:
        rods = _draw_phantom(hu, fine, preset_of(settings.phantom), patient.scale, back)
    _draw_table(hu, fine, back - (_SLAB_MM if settings.phantom else 0) - 2)
    implants = (_stem(patient, like),) if settings.metal else ()
    scanner = replace(settings.scanner, slice_mm=0.0, metal=settings.scanner.metal or (250.0 if settings.metal else 0.0))
    middle = (float((like.ras_to_ijk @ (0, -20, 0, 1))[1]), float((like.ras_to_ijk @ (0, 0, 0, 1))[0]))
    image = acquired(_mean(hu, parts), like.spacing[::-1], scanner, rng, middle, implants)
    shares = {side: _mean(values, parts) for side, values in made.proximal.items()}
    reference = np.zeros(like.shape, np.uint8)
    truth = {}
    for value, name in NAMES.items():
        side = name.split("_")[0]
        if side not in shares:
            continue
        reference[shares[side] > 0.5] = value
        femur = next(femur for femur in patient.femora if femur.side == side)
        inside = made.proximal[side]
        volume = float(inside.sum(dtype=np.float64)) * fine.voxel_ml
        mineral = (
            float((made.density * (inside > 0) * inside / np.maximum(inside + made.shaft[side], 1e-6)).sum(dtype=np.float64))
            * fine.voxel_ml
            / 1000
        )
        truth[side] = Truth(volume, complete_ml(femur), mineral, mineral / volume * 1000 if volume else 0.0)
    return Study(
        Image(np.rint(image).astype(np.int16), like.ijk_to_ras, modality="CT", name="QCT phantom"),
        Image(reference, like.ijk_to_ras, name="reference"),
        Image(_mean(made.density, parts), like.ijk_to_ras, name="true density"),
        truth,
        rods,
        patient,
    )


def grid_of(settings: Settings) -> Image:
    """The grid of a scan: slices across the table, sheared where the gantry is tilted."""
    dx, dy, dz = settings.spacing
    size = (round(settings.width_mm[0] / dx), round(settings.width_mm[1] / dy), round((settings.above_mm + settings.below_mm) / dz))
    tilt = np.deg2rad(settings.tilt_deg)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = (dx, 0, 0), (0, dy * np.cos(tilt), dy * np.sin(tilt)), (0, 0, dz)
    center = np.array([0.0, -22.0, (settings.above_mm - settings.below_mm) / 2])
    matrix[:3, 3] = center - matrix[:3, :3] @ ((np.array(size) - 1) / 2)
    return Image(np.broadcast_to(np.uint8(0), size[::-1]), matrix)


def complete_ml(femur: Femur) -> float:
    """Volume of the whole proximal femur, mL, whatever a scan shows: from its signed distance."""
    grid = Image(femur.distance.voxels, femur.pose @ femur.distance.ijk_to_ras)
    signed = np.asarray(grid.voxels, np.float32) * np.float32(femur.unit)
    width = float(np.cbrt(grid.voxel_ml * 1000))
    share = np.clip(0.5 - signed / width, 0, 1) * np.clip(femur.above_cut(grid) / width + 0.5, 0, 1)
    return float(share.sum(dtype=np.float64)) * grid.voxel_ml


def rod_hu(preset: PhantomPreset, scale: Scale) -> NDArray[np.float64]:
    """HU that the rods of a phantom have where bone has the HU of ``scale``.

    A rod of K2HPO4 in water displaces water; the equation is the one that ``calibration`` undoes (QCT PRO, as Ogo gives it).
    """
    density = np.array(preset.densities)
    if not preset.water:
        return np.asarray((density - scale.intercept) / scale.slope)
    sigma, beta = 1 / scale.slope + _WATER, -scale.intercept / scale.slope - _DENSITY_OF_WATER
    return np.asarray(sigma * density + beta + np.array(preset.water))


def _sliced(like: Image, parts: int) -> Image:
    """The same grid with every slice divided into thinner ones."""
    matrix = like.ijk_to_ras.copy()
    matrix[:3, 2] /= parts
    matrix[:3, 3] -= matrix[:3, 2] * (parts - 1) / 2
    k, j, i = like.shape
    return Image(np.broadcast_to(np.uint8(0), (k * parts, j, i)), matrix)


def _mean(values: NDArray, parts: int) -> NDArray[np.float32]:
    return np.asarray(values.reshape(-1, parts, *values.shape[1:]).mean(1, dtype=np.float32), np.float32)


def _back(hu: NDArray[np.float32], grid: Image) -> float:
    """A of the patient's back: the lowest skin near the middle."""
    i = np.argwhere(hu[::4, ::2, ::4] > -400)
    if not len(i):
        return -120.0
    places = (i * (4, 2, 4))[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    return float(places[:, 1].min())


def _axes(grid: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """R and A of every voxel, as far as they broadcast: R differs along I, A along J (and K where the grid is turned)."""
    i, j, k = (np.arange(n, dtype=np.float32) for n in grid.size)
    r, a = (row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + row[3] for row in grid.ijk_to_ras[:2].astype(np.float32))
    return np.asarray(r, np.float32), np.asarray(a, np.float32)


def _draw_phantom(
    hu: NDArray[np.float32], grid: Image, preset: PhantomPreset, scale: Scale, back: float
) -> list[tuple[tuple[float, float, float], float]]:
    """A slab under the back with its rods from left to right; plastic like water."""
    r, a = _axes(grid)
    middle = back - _SLAB_MM / 2
    values = rod_hu(preset, scale)
    half = _APART_MM * len(values) / 2 + 8
    slab = (np.abs(r) < half) & (np.abs(a - middle) < _SLAB_MM / 2)
    hu[slab & (hu < -400)] = 5.0
    rods = []
    height = float(grid.ijk_to_ras[2] @ ((grid.size[0] - 1) / 2, (grid.size[1] - 1) / 2, (grid.size[2] - 1) / 2, 1))
    for number, (value, density) in enumerate(zip(values, preset.densities, strict=True)):
        x = (number - (len(values) - 1) / 2) * _APART_MM
        away = np.sqrt((r - x) ** 2 + (a - middle) ** 2)
        share = np.clip(0.5 - (away - _ROD_MM) / min(grid.spacing[:2]), 0, 1)
        hu += share * (np.float32(value) - hu)
        rods.append(((float(x), float(middle), height), float(density)))
    return rods


def _draw_table(hu: NDArray[np.float32], grid: Image, top: float) -> None:
    """A curved shell filled with foam, under patient and phantom."""
    r, a = _axes(grid)
    depth = top + (r / 420) ** 2 * 60 - a
    inside = (np.abs(r) < 215) & (depth > 0) & (depth < 28) & (hu < -400)
    shell = inside & ((depth < 3) | (depth > 25))
    hu[inside] = -930.0
    hu[shell] = 20.0


def _stem(patient: Patient, like: Image) -> Implant:
    """An upright stem where the right head is, or would be."""
    i, j, k = (like.ras_to_ijk @ (*patient.context.heads["right"], 1.0))[:3]
    half = 45.0 / like.spacing[2]
    return Implant((float(k - half), float(j), float(i)), (float(k + half), float(j), float(i)))
