"""What lies around the femora: pelvis, sacrum, muscles, fat, vessels and bowel as a coarse map, and as HU on any grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.noise import spline_noise

OUTSIDE, FILL, MUSCLE, BOWEL, BLADDER, ARTERY, VEIN, ORGAN, LUNG = range(9)
GROUPS = ("outside", "fill", "muscle", "bowel", "bladder", "artery", "vein", "organ", "lung")
BONE_STEP_MM, BODY_STEP_MM = 0.25, 1.0


@dataclass(frozen=True)
class Context:
    """Surroundings of both hips, in RAS with S up.

    Attributes:
        name: of the person, or "procedural 3".
        groups: index into ``GROUPS``; FILL is muscle and fat that nobody labeled.
        bones: signed distance to hips and sacrum in quarter millimeters, int8.
        body: distance outside of the muscles' hull in mm, int8, 0 inside.
        heads: side -> center of the femoral head, mm.
        radius: of the heads, mm.
    """

    name: str
    groups: Image
    bones: Image
    body: Image
    heads: dict[str, NDArray[np.float64]]
    radius: float

    def scaled(self, factor: float, middle: NDArray | None = None) -> Context:
        """The same person ``factor`` times as large, moved so that the middle between the heads lies at ``middle``."""
        center = (self.heads["left"] + self.heads["right"]) / 2
        move = np.diag([factor, factor, factor, 1.0])
        move[:3, 3] = (center if middle is None else middle) - factor * center
        heads = {side: (move @ (*head, 1.0))[:3] for side, head in self.heads.items()}
        moved = {name: Image(getattr(self, name).voxels, move @ getattr(self, name).ijk_to_ras) for name in ("groups", "bones", "body")}
        # Distances are kept in steps: on a larger person they are a few percent short, which only changes thicknesses.
        return replace(self, heads=heads, radius=self.radius * factor, **moved)

    def mirrored(self) -> Context:
        """Left for right, through the middle between the heads."""
        center = (self.heads["left"] + self.heads["right"])[0] / 2
        flip = np.diag([-1.0, 1.0, 1.0, 1.0])
        flip[0, 3] = 2 * center
        heads = {other: (flip @ (*self.heads[side], 1.0))[:3] for side, other in (("left", "right"), ("right", "left"))}
        moved = {name: Image(getattr(self, name).voxels, flip @ getattr(self, name).ijk_to_ras) for name in ("groups", "bones", "body")}
        return replace(self, heads=heads, **moved)


@dataclass(frozen=True)
class Tissues:
    """HU of what is not femur, and what the pelvis is made of (mg/cm3)."""

    muscle: float = 55.0
    fat: float = -100.0
    skin: float = 20.0
    bladder: float = 8.0
    organ: float = 40.0
    artery: float = 45.0
    vein: float = 45.0
    lean: float = 0.6
    fat_mm: float = 25.0
    pelvis_cortex: float = 950.0
    pelvis_spongy: float = 150.0
    pelvis_cortex_mm: float = 1.4
    texture: float = 5.0
    bowel: tuple[float, ...] = field(default=(25.0, -900.0, 60.0))


def draw_tissues(rng: np.random.Generator, contrast: bool | None = None) -> Tissues:
    """Lean or fat, young or old, with contrast medium in the vessels in a third of the draws (or as asked)."""
    enhanced = rng.random() < 0.33 if contrast is None else contrast
    artery = float(rng.uniform(130, 330)) if enhanced else float(rng.uniform(35, 50))
    vein = float(rng.uniform(90, 190)) if enhanced else artery
    return Tissues(
        muscle=float(rng.uniform(35, 70)) + (8.0 if enhanced else 0.0),
        fat=float(rng.uniform(-115, -85)),
        skin=float(rng.uniform(0, 40)),
        bladder=float(rng.uniform(-5, 20)),
        organ=float(rng.uniform(30, 60)) + (30.0 if enhanced else 0.0),
        artery=artery,
        vein=vein,
        lean=float(rng.uniform(0.35, 0.9)),
        fat_mm=float(rng.uniform(8, 50)),
        pelvis_cortex=float(rng.uniform(700, 1150)),
        pelvis_spongy=float(rng.uniform(40, 260)),
        pelvis_cortex_mm=float(rng.uniform(0.7, 2.2)),
        texture=float(rng.uniform(2, 9)),
    )


@dataclass(frozen=True)
class Surroundings:
    """Values on a grid, (K, J, I) float32: HU of soft tissue and air, and signed distance to the pelvis in mm."""

    hu: NDArray[np.float32]
    pelvis_mm: NDArray[np.float32]


def soft_tissue(context: Context, tissues: Tissues, grid: Image, rng: np.random.Generator) -> Surroundings:
    """HU of everything but bone on a grid."""
    groups = context.groups.resampled(grid, order=0).voxels
    outside = context.body.resampled(grid, order=1, fill=120.0).voxels * np.float32(BODY_STEP_MM)
    pelvis = context.bones.resampled(grid, order=1, fill=127.0).voxels * np.float32(BONE_STEP_MM)
    spacing = grid.spacing[::-1]
    coarse = spline_noise(grid.shape, spacing, 22.0, rng)
    hu = np.full(grid.shape, np.float32(tissues.fat))
    # Muscles lie in bundles with fat between them: where a slow field passes a threshold that gives the lean share.
    threshold = np.float32(-1.8 + 2.6 * (1 - tissues.lean))
    bundle = np.clip((coarse - threshold) * 4, 0, 1)
    filled = (groups == FILL) | (groups == OUTSIDE)
    hu += filled * bundle * np.float32(tissues.muscle - tissues.fat)
    for group, value in (
        (MUSCLE, tissues.muscle),
        (BLADDER, tissues.bladder),
        (ARTERY, tissues.artery),
        (VEIN, tissues.vein),
        (ORGAN, tissues.organ),
    ):
        hu[groups == group] = value
    gut = groups == BOWEL
    hu[groups == LUNG] = -850.0
    hu[gut] = np.select([coarse[gut] > 0.9, coarse[gut] > -0.2], [tissues.bowel[1], tissues.bowel[0]], tissues.bowel[2])
    wall = outside > 0
    under = outside - np.float32(tissues.fat_mm)
    hu[wall] = tissues.fat
    hu[wall & (under > -2.0)] = tissues.skin
    hu += np.float32(tissues.texture) * spline_noise(grid.shape, spacing, 6.0, rng)
    _femoral_vessels(hu, context, tissues, grid)
    hu[under > 0] = -1000.0
    return Surroundings(hu, np.asarray(pelvis, np.float32))


def _femoral_vessels(hu: NDArray[np.float32], context: Context, tissues: Tissues, grid: Image) -> None:
    """Artery and vein in front of the head and down the thigh; maps of the trunk end at the groin."""
    matrix = grid.ijk_to_ras
    axes = [np.arange(n, dtype=np.float32) for n in grid.size]

    def place(row: int) -> NDArray[np.float32]:
        r = matrix[row].astype(np.float32)
        return r[0] * axes[0] + (r[1] * axes[1])[:, None] + (r[2] * axes[2])[:, None, None] + r[3]

    r, a, s = (place(row) for row in range(3))
    for side, head in context.heads.items():
        outward = -1.0 if side == "left" else 1.0
        below = np.clip((head[2] + 25 - s) / 160, 0, 1.2)
        for value, inward, radius in ((tissues.artery, 2.0, 4.5), (tissues.vein, 13.0, 5.5)):
            x, y = head[0] - outward * (inward + 6 * below), head[1] + 1.55 * context.radius - 6 * below
            hu[((r - x) ** 2 + (a - y) ** 2 < radius**2) & (s < head[2] + 30)] = value
