"""One file of femur shapes and of surroundings that the training of both networks reads (some 40 MB)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from ..anatomy.context import ARTERY, BLADDER, BOWEL, FILL, LUNG, MUSCLE, ORGAN, OUTSIDE, VEIN, Context
from ..anatomy.distance import signed_distance
from ..anatomy.shape import Landmarks, ShapeModel, sphere

SPACING_MM = 1.25
UNIT_MM = 0.1
_BEFORE, _SIZE = (-88.0, -68.0, -150.0), (106, 92, 150)  # R, A, S about the head
_CONTEXT_MM = 2.0
_BELOW_MM = 75.0
_THIGH_MM = 78.0
_BONES = ("hip_", "sacrum", "vertebrae", "rib_", "humerus", "scapula", "clavicula", "sternum", "skull")


@dataclass(frozen=True)
class Shape:
    """One femur: a draw of the model, in the frame of a left femur with the center of the head at the origin.

    Attributes:
        name: of the draw; a shape is one subject and lies in one fold.
        fold: 0 to 4; 3 calibrates intervals and 4 is reported on.
        sex: "female" or "male", which the draw's size follows.
        distance: signed, int8 tenths of a millimeter.
        landmarks: mm.
    """

    name: str
    fold: int
    sex: str
    distance: Image
    landmarks: Landmarks


HEAD_RADIUS = {"female": (22.0, 1.2), "male": (24.6, 1.3)}
"""Mean and SD in mm of the radii drawn: women's heads are some 10 % smaller (our choice of numbers)."""


def draw_shapes(model: ShapeModel, count: int, seed: int = 0) -> list[Shape]:
    """Draws of the model, half of them female; fold = number modulo 5."""
    shapes = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        vertices = model.draw(rng, spread=float(rng.uniform(0.35, 0.6)))
        sex = ("female", "male")[number // 5 % 2]
        radius = float(rng.normal(*HEAD_RADIUS[sex]))
        shapes.append(make_shape(f"draw_{number:03d}", number % 5, sex, model, vertices, radius))
    return shapes


def make_shape(name: str, fold: int, sex: str, model: ShapeModel, vertices: NDArray, radius: float | None = None) -> Shape:
    """A shape from vertices of the model, scaled to a radius of the head if one is given."""
    marks = model.landmarks(vertices)
    scale = 1.0 if radius is None else radius / marks.radius
    vertices = (vertices - marks.head) * scale
    marks = model.landmarks(vertices)
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), _SIZE[::-1]), (SPACING_MM,) * 3, marks.head + np.array(_BEFORE))
    distance = signed_distance(vertices, model.faces, grid)
    return Shape(name, fold, sex, grid.with_voxels(np.clip(np.rint(distance / UNIT_MM), -127, 127).astype(np.int8)), marks)


def read_context(path: Path, names: dict[int, str]) -> Context:
    """Surroundings from a label map of a torso with TotalSegmentator's names.

    Raises:
        InputError: if it does not show both hips and both femoral heads.
    """
    from DeepVolumetryLib.image_io import read_image

    image = read_image(path).canonical()
    values = {name: value for value, name in names.items()}
    lacking = [
        name
        for name in ("femur_left", "femur_right", "hip_left", "hip_right")
        if name not in values or not (image.voxels == values[name]).any()
    ]
    if lacking:
        raise InputError(f"{path} does not show {lacking[0]}. Choose a label map of a torso with both hips.")
    hips = np.isin(image.voxels, (values["hip_left"], values["hip_right"]))
    femora = {side: image.voxels == values[f"femur_{side}"] for side in ("left", "right")}
    heads, radii = {}, []
    for side, femur in femora.items():
        heads[side], radius = _head(femur, hips, image)
        radii.append(radius)
    lower = round(_BELOW_MM / image.spacing[2])
    groups = _groups(image.voxels, names)
    bones = np.isin(image.voxels, [value for name, value in values.items() if name.startswith(_BONES)])
    # Maps end a hand below the heads: the thigh goes on as it is there, without the pelvis.
    groups, bones = np.pad(groups, ((lower, 0), (0, 0), (0, 0)), mode="edge"), np.pad(bones, ((lower, 0), (0, 0), (0, 0)))
    matrix = image.ijk_to_ras.copy()
    matrix[:3, 3] -= matrix[:3, 2] * lower
    full = Image(groups, matrix)
    steps = [spacing / _CONTEXT_MM for spacing in image.spacing]
    size = [int(n * step) for n, step in zip(full.size, steps, strict=True)]
    coarse = matrix.copy()
    coarse[:3, :3] *= _CONTEXT_MM / np.array(image.spacing)
    grid = Image(np.broadcast_to(np.uint8(0), size[::-1]), coarse)
    signed = _signed_mm(bones, image.spacing[0])
    groups = full.resampled(grid, order=0)
    groups = groups.with_voxels(_with_thighs(groups, heads))
    return Context(
        path.parent.name,
        groups,
        Image(np.clip(np.rint(full.with_voxels(signed).resampled(grid, order=1).voxels * 4), -127, 127).astype(np.int8), coarse),
        groups.with_voxels(_outside(groups.voxels, _CONTEXT_MM)),
        heads,
        float(np.mean(radii)),
    )


def _head(femur: NDArray[np.bool_], hips: NDArray[np.bool_], image: Image) -> tuple[NDArray[np.float64], float]:
    """Sphere through the part of a femur's surface that faces its socket."""
    rim = femur & ~ndimage.binary_erosion(femur)
    near = rim & (ndimage.distance_transform_edt(~hips) * image.spacing[0] < 6.0)
    points = np.argwhere(near)[:, ::-1] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
    center, radius = sphere(points)
    for _ in range(5):
        kept = np.abs(np.linalg.norm(points - center, axis=1) - radius) < 2.5
        center, radius = sphere(points[kept])
    return center, radius


def _groups(labels: NDArray, names: dict[int, str]) -> NDArray[np.uint8]:
    lookup = np.full(256, ORGAN, np.uint8)
    lookup[0] = OUTSIDE
    words = {
        MUSCLE: ("gluteus", "iliopsoas", "autochthon"),
        BOWEL: ("colon", "small_bowel", "duodenum"),
        BLADDER: ("urinary_bladder",),
        ARTERY: ("artery", "aorta"),
        VEIN: ("vena", "vein"),
        LUNG: ("lung", "trachea"),
        FILL: ("femur", *_BONES),
    }
    for value, name in names.items():
        for group, parts in words.items():
            if any(part in name for part in parts):
                lookup[value] = group
    return lookup[labels]


def _with_thighs(groups: Image, heads: dict[str, NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Thighs round about the femora: maps label the buttocks and little else there."""
    filled = groups.voxels.copy()
    k, j, i = np.indices(filled.shape, sparse=True)
    r, a, s = (groups.ijk_to_ras[row, row] * index + groups.ijk_to_ras[row, 3] for row, index in ((0, i), (1, j), (2, k)))
    for side, head in heads.items():
        outward = -1.0 if side == "left" else 1.0
        thigh = (r - head[0] - outward * 14) ** 2 + (a - head[1] + 12) ** 2 < _THIGH_MM**2
        filled[thigh & (s < head[2] - 10) & (filled == OUTSIDE)] = FILL
    return filled


def _outside(groups: NDArray[np.uint8], spacing: float) -> NDArray[np.int8]:
    """Distance in mm outside of the hull of what is labeled, slice by slice, so that legs stay apart; 0 inside."""
    reach = round(36 / spacing)
    padded = np.pad(groups != OUTSIDE, ((0, 0), (reach + 2, reach + 2), (reach + 2, reach + 2)))
    result = np.zeros(padded.shape, np.float32)
    for k, mask in enumerate(padded):
        if not mask.any():
            result[k] = 120
            continue
        grown = ndimage.distance_transform_edt(~mask) <= reach
        hull = ndimage.binary_fill_holes(ndimage.distance_transform_edt(grown) > reach)
        result[k] = ndimage.distance_transform_edt(~hull) * spacing
    inner = result[:, reach + 2 : -reach - 2, reach + 2 : -reach - 2]
    return np.minimum(inner, 120).astype(np.int8)


def _signed_mm(mask: NDArray[np.bool_], spacing: float) -> NDArray[np.float32]:
    """Signed distance to a smoothed mask: negative inside."""
    signed = (ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)) * spacing
    return ndimage.gaussian_filter(signed.astype(np.float32), 0.7)


_MARKS = ("head", "neck", "shaft", "lesser", "greater", "shaft_point")


def save_pack(path: Path, shapes: list[Shape], contexts: list[Context]) -> None:
    """Write everything into one compressed .npz file."""
    arrays: dict[str, Any] = {
        "shapes": np.array([(shape.name, str(shape.fold), shape.sex) for shape in shapes]),
        "contexts": np.array([context.name for context in contexts]),
    }
    for n, shape in enumerate(shapes):
        arrays[f"distance_{n}"], arrays[f"distance_at_{n}"] = shape.distance.voxels, shape.distance.ijk_to_ras
        arrays[f"marks_{n}"] = np.array([*(getattr(shape.landmarks, name) for name in _MARKS), [shape.landmarks.radius] * 3])
    for n, context in enumerate(contexts):
        for name in ("groups", "bones", "body"):
            image = getattr(context, name)
            arrays[f"{name}_{n}"], arrays[f"{name}_at_{n}"] = image.voxels, image.ijk_to_ras
        arrays[f"heads_{n}"] = np.array([context.heads["left"], context.heads["right"], [context.radius] * 3])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_pack(path: Path, folds: tuple[int, ...] | None = None) -> tuple[list[Shape], list[Context]]:
    """Read a pack; only shapes of the given folds, so that held-out ones cannot slip into training."""
    with np.load(path) as data:
        shapes = []
        for n, (name, fold, sex) in enumerate(data["shapes"]):
            if folds is not None and int(fold) not in folds:
                continue
            *points, radius = data[f"marks_{n}"]
            marks = Landmarks(radius=float(radius[0]), **dict(zip(_MARKS, points, strict=True)))
            shapes.append(Shape(str(name), int(fold), str(sex), Image(data[f"distance_{n}"], data[f"distance_at_{n}"]), marks))
        contexts = []
        for n, name in enumerate(data["contexts"]):
            groups, bones, body = (Image(data[f"{part}_{n}"], data[f"{part}_at_{n}"]) for part in ("groups", "bones", "body"))
            left, right, radius = data[f"heads_{n}"]
            contexts.append(Context(str(name), groups, bones, body, {"left": left, "right": right}, float(radius[0])))
    return shapes, contexts
