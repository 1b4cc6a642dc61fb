"""A hip QCT with known truth: of a phantom patient that is drawn anew, or of femora in a label map set into a procedural pelvis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from .anatomy.bone import MIRROR, Femur, draw_bone
from .anatomy.context import draw_tissues
from .anatomy.patient import Patient, Scale
from .anatomy.pelvis import procedural_context
from .anatomy.shape import Landmarks
from .phantom import NAMES, PHANTOM_OF_SEED, Settings, draw_person, scan
from .regions import Frame, fit_frame

REFERENCE_LABELS = "1=left_femur;2=right_femur"
"""What the values of a synthesized reference mean."""

_SPACING_MM, _MARGIN_MM, _LEAST_ML = 1.25, 15.0, 20.0
_LESSER_MM = (8.0, -16.0)  # of the tip of the lesser trochanter from the axis of the shaft, to the medial side and to the front


def synthesize_study(labels: Image | None, seed: int = 0) -> tuple[Image, Image]:
    """A scan and its truth (1 left, 2 right proximal femur) on the same grid.

    Args:
        labels: label map with the left femur as 1 and the right one as 2, as far down as it may go; None to draw a patient.
        seed: of bone, tissues, pelvis and noise; same seed, same study. It chooses the calibration phantom too.

    Raises:
        InputError: if the label map has no femur, or one whose axes cannot be found.
    """
    settings = Settings(phantom=PHANTOM_OF_SEED[seed % len(PHANTOM_OF_SEED)])
    if labels is None:
        study = scan(draw_person(seed), settings, seed)
    else:
        study = scan(_patient(labels, seed), settings, seed)
    return study.image, study.reference


def _patient(labels: Image, seed: int) -> Patient:
    rng = np.random.default_rng([37, seed])
    bone = draw_bone(rng)
    found = {}
    for value, name in NAMES.items():
        mask = labels.voxels == value
        if float(mask.sum()) * labels.voxel_ml >= _LEAST_ML:
            found[name.split("_")[0]] = mask
    if not found:
        raise InputError("The label map has no femur (1 left, 2 right). Choose another file.")
    frames = {side: fit_frame(mask, labels, side) for side, mask in found.items()}
    context = procedural_context(seed)
    radius = float(np.mean([frame.head_radius for frame in frames.values()]))
    context = context.scaled((radius + 1.5) / context.radius, np.zeros(3))
    middle = np.mean([np.array(frame.head_center) - context.heads[side] for side, frame in frames.items()], axis=0)
    # The scanner looks at the origin: the femora come to the pelvis, not the pelvis to them.
    femora = [_femur(labels, found[side], frame, bone, -middle) for side, frame in frames.items()]
    return Patient(femora, context, draw_tissues(rng, contrast=False), Scale(float(rng.uniform(0.7, 0.9)), float(rng.uniform(-8, 8))))


def _femur(labels: Image, mask: np.ndarray, frame: Frame, bone: object, shift: np.ndarray) -> Femur:
    """A femur of a label map; the frame of a left femur is RAS, that of a right one its mirror image."""
    flip = MIRROR if frame.side == "right" else np.eye(4)
    own = Image(mask.astype(np.float32), flip @ labels.ijk_to_ras)
    at = np.argwhere(mask)[:, ::-1] @ own.ijk_to_ras[:3, :3].T + own.ijk_to_ras[:3, 3]
    low, high = at.min(0) - _MARGIN_MM, at.max(0) + _MARGIN_MM
    size = np.ceil((high - low) / _SPACING_MM).astype(int)
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), size[::-1]), (_SPACING_MM,) * 3, low)
    share = ndimage.gaussian_filter(own.resampled(grid, order=1, fill=0.0).voxels, 0.6)
    inside = share > 0.5
    distance = (ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)) * _SPACING_MM
    # Distances count from centers of voxels: half a voxel lies between the last one inside and the surface.
    signed = grid.with_voxels((distance - np.sign(distance) * _SPACING_MM / 2).astype(np.float32))
    pose = np.eye(4)
    pose[:3, 3] = shift
    return Femur(signed, 1.0, _landmarks(frame, flip), bone, pose @ flip, frame.side)  # type: ignore[arg-type]


def _landmarks(frame: Frame, flip: np.ndarray) -> Landmarks:
    turn = flip[:3, :3]
    shaft, neck = turn @ np.array(frame.shaft_axis), turn @ np.array(frame.neck_axis)
    head, point = turn @ np.array(frame.head_center), turn @ np.array(frame.shaft_point)
    medial = turn @ frame.medial
    front = turn @ frame.anterior
    lesser = point + _LESSER_MM[0] * medial + _LESSER_MM[1] * front
    lesser = lesser + shaft * ((head - lesser) @ shaft + frame.lesser_trochanter_level)
    marks = Landmarks(head, frame.head_radius, neck, shaft, lesser, head - 40 * medial, point)
    return replace(marks, shaft_point=point + shaft * (marks.cut - point @ shaft))
