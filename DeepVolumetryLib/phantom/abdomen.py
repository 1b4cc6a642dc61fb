"""A procedural adult torso from the lower chest to the pelvis, as a label map with two kidneys of known volume.

RAS in mm with the body of vertebra L2 at the origin. Organs are painted in order, later ones over earlier ones; the kidneys come last, so
that their shape is exactly the implicit one of `kidney.Kidney`. Proportions were read off two public whole-torso label maps
(TotalSegmentator, CC BY 4.0); nothing of them is stored here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import organs
from .canvas import Canvas, all_but, only
from .habitus import Habitus
from .kidney import PARENCHYMA, Kidney, kidney_parts
from .label_names import FAT, LABEL_NAMES, MUSCLE

KINDS = ("normal", "solitary", "ectopic", "horseshoe")


@dataclass(frozen=True)
class Abdomen:
    """A torso and what is known about its kidneys.

    Attributes:
        labels: uint8, shape (K, J, I); see `label_names`.
        ijk_to_ras: 4x4, mm.
        names: value -> name.
        kind: one of `KINDS`.
        kidneys: "left" and "right" (a missing side is left out) with exact volumes in `volumes_ml`; the bridge of a
            horseshoe kidney is in neither.
    """

    labels: NDArray[np.uint8]
    ijk_to_ras: NDArray[np.float64]
    names: dict[int, str]
    kind: str
    kidneys: dict[str, Kidney]


def abdomen_labels(
    seed: int, spacing_mm: float | tuple[float, float, float] = 1.5, extent: tuple[float, float] = (-235.0, 175.0), kind: str = "random"
) -> tuple[NDArray[np.uint8], NDArray[np.float64], dict[int, str]]:
    """Label map (K, J, I), its ijk_to_ras and the names of its values; see `abdomen`."""
    torso = abdomen(seed, spacing_mm, extent, kind)
    return torso.labels, torso.ijk_to_ras, torso.names


def abdomen(
    seed: int, spacing_mm: float | tuple[float, float, float] = 1.5, extent: tuple[float, float] = (-235.0, 175.0), kind: str = "random"
) -> Abdomen:
    """A torso: the same seed gives the same anatomy at every spacing and extent.

    Args:
        seed: what makes this patient this patient.
        spacing_mm: one number or mm along x, y, z.
        extent: lowest and highest z in mm above the middle of L2.
        kind: one of `KINDS`, or "random": mostly normal.

    Raises:
        ValueError: for a kind that is not known, or an extent that is upside down.
    """
    if kind not in (*KINDS, "random"):
        raise ValueError(f"kind must be random or one of {', '.join(KINDS)}, not {kind}")
    if extent[0] >= extent[1]:
        raise ValueError("extent must be (lower z, upper z)")
    rng = np.random.default_rng([20, seed])
    drawn = str(rng.choice(KINDS, p=(0.9, 0.04, 0.03, 0.03)))
    kind = drawn if kind == "random" else kind
    body = Habitus.random(rng)
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), 3).copy()
    low, high = body.box(extent)
    nx, ny, nz = (int(n) for n in np.ceil((high - low) / spacing) + 1)
    canvas = Canvas(low, spacing, (nx, ny, nz))

    kidneys = _place_kidneys(rng, body, kind)
    body.paint(canvas, rng)
    for paint in (organs.bowel, organs.upper_abdomen, organs.chest, organs.muscles, organs.skeleton, organs.vessels):
        paint(canvas, body, np.random.default_rng(rng.integers(2**32)))
    _clear_around(canvas, kidneys, rng)
    if kind == "horseshoe":
        _isthmus(canvas, kidneys)
    for side, kidney in kidneys.items():
        organs.renal_vessels(canvas, body, kidney, side)
    for kidney in kidneys.values():
        canvas.stamp(kidney.center, kidney.reach, kidney.labels)
    return Abdomen(canvas.labels, canvas.ijk_to_ras, dict(LABEL_NAMES), kind, kidneys)


def _place_kidneys(rng: np.random.Generator, body: Habitus, kind: str) -> dict[str, Kidney]:
    sides = ["left", "right"]
    if kind == "solitary":
        sides = [sides[int(rng.integers(2))]]
    scale = body.scale * (1.18 if kind == "solitary" else 1.0)
    moved = sides[int(rng.integers(len(sides)))] if kind == "ectopic" else ""
    kidneys = {}
    for side in sides:
        # An ectopic kidney lies against bone and vessels: no lesions there.
        lesions = 0 if side == moved else None
        kidney = kidney_parts(rng, scale=scale * rng.normal(1, 0.05), tumors=lesions, cysts=lesions)
        place = np.array([rng.normal(65, 4) * body.scale, rng.normal(9, 4), rng.normal(-12 if side == "right" else 8, 10)])
        malrotated = rng.random() < 0.08
        lean, back, turn = np.deg2rad([rng.normal(14, 6), rng.normal(12, 6), rng.uniform(-20, 110) if malrotated else rng.normal(30, 12)])
        if kind == "horseshoe":
            place = np.array([52.0 * body.scale, 24.0, -38.0 + rng.normal(0, 6)])
            lean = -np.deg2rad(rng.uniform(22, 32))
        elif side == moved:
            place, turn = np.array([rng.uniform(35, 55), 42.0, rng.uniform(-125, -100)]), np.deg2rad(rng.uniform(40, 110))
        # Thick kidneys and medial lesions must not end up inside the spine.
        place[0] = max(place[0], 30 + 1.15 * kidney.radii[1])
        kidneys[side] = kidney.posed(place, side, lean, back, turn)
    return kidneys


def _clear_around(canvas: Canvas, kidneys: dict[str, Kidney], rng: np.random.Generator) -> None:
    """Perirenal fat. Liver and spleen may come close or touch; bowel and muscle keep a little more distance."""
    solid = (44, 84)
    bone = (*range(100, 118), 78, 83, 29, 30, 0, 45, 46)
    for kidney in kidneys.values():
        touch = rng.random() < 0.35
        apart, around = rng.uniform(1, 9), rng.uniform(2, 12)
        for gap, table in ((0.0 if touch else apart, only(*solid)), (around, all_but(*solid, *bone, MUSCLE, 3, 39))):
            edge = (1 + gap / kidney.radii[2]) ** 2 - 1

            def near(x: NDArray, y: NDArray, z: NDArray, kidney: Kidney = kidney, edge: float = edge) -> NDArray:
                return kidney.outline_ras(x, y, z) < edge

            canvas.paint(FAT, kidney.center, np.full(3, kidney.radii[0] * 1.25 + gap), near, over=table)


def _isthmus(canvas: Canvas, kidneys: dict[str, Kidney]) -> None:
    """A bridge of parenchyma in front of the aorta between the lower poles."""
    left, right = (kidneys[side].at((-0.75 * kidneys[side].radii[0], 0, 0)) for side in ("left", "right"))
    middle = (left + right) / 2
    middle[1] = max(middle[1], 58.0)
    canvas.tube(PARENCHYMA, [left, middle, right], [14, 11, 14])
