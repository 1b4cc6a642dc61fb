"""Compose a training patch: a warped torso, kidneys of patients set into it, on any grid.

Everything is sampled point by point from the packed label maps, so that every patch has a new anatomy, and the same
function serves the localizer (5 mm, a whole abdomen) and the refiner (1.75 mm, one kidney).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DeepVolumetryLib.phantom.tissues import INDEX
from DeepVolumetryLib.training.fields import displacement, smooth_noise

from ..labels import CYST, PARENCHYMA, SINUS, TUMOR
from .pack import SPACING_MM, Kidney, Torso
from .structures import FAT, SKIN, SOFT, STRUCTURES, WALL

_BOWEL = (13, 17, 82, 86)  # colon, duodenum, small bowel, stomach
_OWN_KIDNEYS = (40, 41, 42, 43)
_FIRM = tuple(v for v, name in STRUCTURES.items() if name.startswith(("autochthon", "iliopsoas", "gluteus", "aorta", "inferior_vena")))
_GROWING = (84, 44)  # spleen and liver: the two that lie against kidneys and look like them
# Every fourth patient has a tumor as large as a kidney. Drawn that often, whatever lies beside a kidney is taken for its tumor:
# on MR, where gray values are relative, liver and spleen too.
_LARGE_TUMOR_ML = {"any": 90.0, "small": 30.0}
_LARGE_TUMOR_SHARE = {"any": 0.4, "small": 0.2}


@dataclass(frozen=True)
class Composition:
    """Labels on a patch, shape (K, J, I) each.

    Attributes:
        kidney: values of ``labels.py`` (parenchyma, tumor, cyst, sinus).
        structure: torso structure values where there is no kidney.
        tissue: index into ``phantom.tissues.TISSUES``, what the image is rendered from.
    """

    kidney: Tensor
    structure: Tensor
    tissue: Tensor


@dataclass(frozen=True)
class Variation:
    """How far anatomy is varied: small rotations (degrees), stretches (log), smooth displacements and shifts (mm)."""

    torso_degrees: float = 12.0
    torso_stretch: float = 0.12
    torso_mm: float = 9.0
    kidney_degrees: float = 14.0
    kidney_stretch: float = 0.14
    kidney_mm: float = 2.5
    kidney_shift_mm: float = 7.0
    borrowed: float = 0.25  # how often a side is another patient's kidney
    solitary: float = 0.05
    growth: float = 0.65  # stretch (log) of spleen and liver by themselves


AS_IT_IS = Variation(4.0, 0.03, 5.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0)
"""For studies with known truth: the patient's own kidneys undeformed, the torso around them hardly varied."""


class Anatomy:
    """Torsos and kidneys as tensors, ready to be sampled."""

    def __init__(self, kidneys: list[Kidney], torsos: list[Torso]) -> None:
        self.kidneys = [(torch.from_numpy(k.labels), torch.from_numpy(k.center).float()) for k in kidneys]
        self.torsos = [(torch.from_numpy(t.labels), torch.from_numpy(t.outside_mm), torch.from_numpy(t.tissue), t) for t in torsos]
        self.middles = [{value: _middle_mm(t.labels == value, t.spacing) for value in _GROWING} for t in torsos]
        self.by_case: dict[str, dict[str, int]] = {}
        for number, kidney in enumerate(kidneys):
            self.by_case.setdefault(kidney.case, {})[kidney.side] = number
        self.cases = sorted(self.by_case)
        self.case_weights = self._weights(_LARGE_TUMOR_ML["any"], _LARGE_TUMOR_SHARE["any"])
        self.small_lesion_weights = self._weights(_LARGE_TUMOR_ML["small"], _LARGE_TUMOR_SHARE["small"])
        # Real torsos look right, procedural ones vary: three of four draws are real where both are there.
        real = np.array([not t.name.startswith("procedural") for t in torsos])
        weights = np.where(real, 0.75 / max(1, real.sum()), 0.25 / max(1, (~real).sum()))
        self.torso_weights = weights / weights.sum()

    def _weights(self, large_ml: float, share: float) -> np.ndarray:
        """How often each patient is drawn: those with a large tumor less often."""
        tumor_ml = (
            sum(int((self.kidneys[n][0] == TUMOR).sum()) for n in self.by_case[case].values()) * SPACING_MM**3 / 1000 for case in self.cases
        )
        weights = np.array([share if volume > large_ml else 1.0 for volume in tumor_ml])
        return weights / weights.sum()

    def pair(self, rng: np.random.Generator, variation: Variation, small_lesions: bool = False) -> dict[str, tuple[int, bool]]:
        """Kidneys for the two sides: side -> (number, mirrored). Sometimes one is missing or borrowed from another patient."""
        chosen: dict[str, tuple[int, bool]] = {}
        weights = self.small_lesion_weights if small_lesions else self.case_weights
        case, lender = (self.by_case[self.cases[n]] for n in rng.choice(len(self.cases), 2, p=weights))
        for side in ("left", "right"):
            if rng.random() < variation.borrowed:
                own = list(lender)[rng.integers(len(lender))]
                chosen[side] = (lender[own], own != side)
            elif side in case:
                chosen[side] = (case[side], False)
        if len(chosen) == 2 and rng.random() < variation.solitary:
            chosen.pop(("left", "right")[rng.integers(2)])
        return chosen


def lookup(volume: Tensor, points: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    """Nearest value of a (K, J, I) volume at points in mm, shape (3, ...); and where the points are inside."""
    index = (points / spacing).round_().to(torch.int32)  # half the memory traffic of int64; volumes stay below 2**31 voxels
    inside = torch.ones(index.shape[1:], dtype=torch.bool)
    flat = torch.zeros(index.shape[1:], dtype=torch.int32)
    for axis, count in enumerate(volume.shape):
        inside &= (index[axis] >= 0) & (index[axis] < count)
        flat = flat * count + index[axis].clamp_(0, count - 1)
    values = volume.reshape(-1).index_select(0, flat.reshape(-1)).reshape(flat.shape)
    return torch.where(inside, values, torch.zeros((), dtype=values.dtype)), inside


def share_nearby(mask: Tensor, size: int) -> Tensor:
    """Share of a cube of ``size`` voxels around each voxel that is in the mask: 1 deep inside, about 0.5 on a flat surface."""
    return torch.from_numpy(ndimage.uniform_filter(mask.numpy().astype(np.float32), size, mode="nearest"))


def rotation(rng: np.random.Generator, degrees: float, stretch: float) -> np.ndarray:
    """A random 3x3 of small rotations and stretches, axes (z, y, x)."""
    a, b, c = np.deg2rad(rng.uniform(-degrees, degrees, 3))
    rz = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    rx = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx @ np.diag(np.exp(rng.uniform(-stretch, stretch, 3)))


def grid_points(shape: tuple[int, int, int], spacing: float) -> Tensor:
    """Points in mm around 0, shape (3, K, J, I), order (z, y, x)."""
    axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * spacing for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def compose(
    anatomy: Anatomy,
    shape: tuple[int, int, int],
    spacing: float,
    rng: np.random.Generator,
    center: str,
    jitter_mm: float = 15.0,
    variation: Variation = Variation(),
    small_lesions: bool = False,
) -> Composition:
    """A random anatomy on a patch.

    Args:
        shape: voxels (K, J, I).
        spacing: mm, isotropic.
        center: "kidney" puts a kidney near the middle; "both" the place between the two; "anywhere" picks any place of the torso.
        jitter_mm: how far from the middle the kidney may lie.
        variation: how far the anatomy is varied.
        small_lesions: draw patients with large tumors rarely.
    """
    chosen = rng.choice(len(anatomy.torsos), p=anatomy.torso_weights)
    labels, outside, tissue_of_structure, torso = anatomy.torsos[chosen]
    sides = anatomy.pair(rng, variation, small_lesions)
    if center == "kidney" and sides:
        side = list(sides)[rng.integers(len(sides))]
        middle = torso.centers[side] + rng.uniform(-jitter_mm, jitter_mm, 3)
    elif center == "both":
        middle = (torso.centers["left"] + torso.centers["right"]) / 2
    else:
        size = np.array(labels.shape) * torso.spacing
        middle = size * np.array([rng.uniform(0.05, 0.95), rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)])
    extent = max(shape) * spacing
    turned = rotation(rng, variation.torso_degrees, variation.torso_stretch)
    points = torch.einsum("ab,bkji->akji", torch.from_numpy(turned).float(), grid_points(shape, spacing))
    points += torch.from_numpy(middle).float()[:, None, None, None]
    points += displacement(shape, extent, rng, coarse_mm=70, amplitude_mm=variation.torso_mm)

    structure, inside = lookup(labels, points, torso.spacing)
    beyond, _ = lookup(outside, points, torso.spacing)
    structure = _fill_trunk(structure, beyond, inside, shape, extent, rng)
    for value, organ_middle in anatomy.middles[chosen].items() if variation.growth else ():
        if organ_middle is not None and rng.random() < 0.65:
            _grow(structure, labels, points, value, organ_middle, torso.spacing, variation.growth, rng)
    for value in _OWN_KIDNEYS:
        structure[structure == value] = FAT
    kidney = torch.zeros(shape, dtype=torch.uint8)
    rigid = variation.kidney_mm == 0  # the kidney keeps its shape: it does not follow the torso's stretch and warp
    straight = grid_points(shape, spacing) + torch.from_numpy(middle).float()[:, None, None, None] if rigid else points
    local = straight + displacement(shape, extent, rng, coarse_mm=28, amplitude_mm=variation.kidney_mm)
    for side, (number, mirrored) in sides.items():
        crop, crop_center = anatomy.kidneys[number]
        place = torch.from_numpy(torso.centers[side] + rng.normal(0, variation.kidney_shift_mm, 3)).float()
        change = rotation(rng, variation.kidney_degrees, variation.kidney_stretch)
        if mirrored:
            change = np.diag([1, 1, -1]) @ change
        relative = torch.einsum("ab,bkji->akji", torch.from_numpy(change).float(), local - place[:, None, None, None])
        values, _ = lookup(crop, relative + (crop_center * SPACING_MM)[:, None, None, None], SPACING_MM)
        kidney = torch.where(kidney > 0, kidney, values)
    structure = _perirenal_fat(structure, kidney, spacing, rng)
    tissue = tissue_of_structure.index_select(0, structure.to(torch.int32).reshape(-1)).reshape(structure.shape)
    _bowel_contents(tissue, structure, extent, rng)
    _bone_shell(tissue, spacing)
    _kidney_tissue(tissue, kidney, spacing, extent, rng)
    return Composition(kidney, structure, tissue)


def _fill_trunk(
    structure: Tensor, beyond: Tensor, inside: Tensor, shape: tuple[int, int, int], extent: float, rng: np.random.Generator
) -> Tensor:
    """Between the labeled structures lie fat, mesentery and vessels; around them the abdominal wall, fat and skin."""
    if not beyond.any():  # a torso that brings its own wall and skin
        return structure
    empty = (structure == 0) & inside
    wall, fat = rng.uniform(4, 14), rng.uniform(3, 45)
    beyond = beyond.float() + smooth_noise(shape, extent, 50, rng) * 3
    trunk = empty & (beyond < 0.5)
    structure = structure.clone()
    structure[trunk] = FAT
    structure[trunk & (smooth_noise(shape, extent, 11, rng) > rng.uniform(0.9, 1.8))] = SOFT  # unlabeled soft tissue
    structure[empty & (beyond >= 0.5) & (beyond < wall)] = WALL
    structure[empty & (beyond >= wall) & (beyond < wall + fat)] = FAT
    structure[empty & (beyond >= wall + fat) & (beyond < wall + fat + 3)] = SKIN
    return structure


def _middle_mm(organ: np.ndarray, spacing: float) -> np.ndarray | None:
    """Center of an organ in mm, (z, y, x); None if it is not there."""
    box = ndimage.find_objects(organ.astype(np.uint8))
    return np.array([(axis.start + axis.stop) / 2 for axis in box[0]]) * spacing if box else None


def _grow(
    structure: Tensor,
    labels: Tensor,
    points: Tensor,
    value: int,
    middle: np.ndarray,
    spacing: float,
    growth: float,
    rng: np.random.Generator,
) -> None:
    """Make an organ larger and lower, in place: few torsos are at hand, and in many patients the spleen lies along the kidney."""
    stretch = np.exp(-rng.uniform(0, growth, 3))
    shift = np.array([rng.uniform(0, 35), *rng.uniform(-12, 12, 2)])  # the z axis runs upward: looked up higher, drawn lower
    start = torch.from_numpy(middle + shift).float()[:, None, None, None]
    scale = torch.from_numpy(stretch).float()[:, None, None, None]
    moved, _ = lookup(labels, (points - torch.from_numpy(middle).float()[:, None, None, None]) * scale + start, spacing)
    structure[(moved == value) & _soft(structure)] = value


def _soft(structure: Tensor) -> Tensor:
    """What an organ may push aside: not bone, muscle, great vessels or the trunk's wall, and nothing outside."""
    firm = _bone(structure)
    for value in (*_FIRM, WALL, SKIN):
        firm |= structure == value
    return (structure > 0) & ~firm


def _bone(structure: Tensor) -> Tensor:
    return ((structure >= 53) & (structure <= 81)) | (structure >= 93) & (structure <= 117) | (structure == 29) | (structure == 30)


def _perirenal_fat(structure: Tensor, kidney: Tensor, spacing: float, rng: np.random.Generator) -> Tensor:
    """A rim of fat around the kidneys; none in a quarter of the draws, so that spleen and liver touch them."""
    rim = round(rng.uniform(0, 9) / spacing) if rng.random() < 0.7 else 0
    near = kidney > 0
    if rim:
        size = 2 * rim + 1
        near = torch.from_numpy(ndimage.maximum_filter(near.numpy().view(np.uint8), size)) > 0
    return torch.where(near & ~_bone(structure) & (structure > 0), torch.full_like(structure, FAT), structure)


def _bowel_contents(tissue: Tensor, structure: Tensor, extent: float, rng: np.random.Generator) -> None:
    shape = tuple(structure.shape)
    noise = smooth_noise(shape, extent, 25, rng)
    bowel = torch.zeros(shape, dtype=torch.bool)
    for value in _BOWEL:
        bowel |= structure == value
    core = bowel & (share_nearby(bowel, 3) > 0.9)
    low, high = sorted(rng.uniform(-1.2, 1.2, 2))
    tissue[core] = torch.where(
        noise[core] < low, INDEX["bowel_gas"], torch.where(noise[core] < high, INDEX["bowel_fluid"], INDEX["bowel_solid"])
    ).to(tissue.dtype)
    if rng.random() < 0.3:
        tissue[core & (noise > rng.uniform(-0.5, 1.5))] = INDEX["bowel_wall"]


def _bone_shell(tissue: Tensor, spacing: float) -> None:
    bone = tissue == INDEX["marrow"]
    if spacing < 3 and bone.any():
        shell = bone & (share_nearby(bone, 3) < 0.85)
        tissue[shell] = INDEX["cortical_bone"]


def _kidney_tissue(tissue: Tensor, kidney: Tensor, spacing: float, extent: float, rng: np.random.Generator) -> None:
    """Cortex outside, pyramids inside; the sinus is fat with calyces and vessels; large tumors have necrosis."""
    shape = tuple(kidney.shape)
    organ = kidney > 0
    if not organ.any():
        return
    size = max(1, round(rng.uniform(4, 7) / spacing)) * 2 + 1
    depth = share_nearby(organ, size)
    fine = smooth_noise(shape, extent, 9, rng)
    parenchyma = kidney == PARENCHYMA
    tissue[parenchyma] = INDEX["cortex"]
    tissue[parenchyma & (depth > 0.93) & (fine > -0.4)] = INDEX["medulla"]
    sinus = kidney == SINUS
    tissue[sinus] = INDEX["sinus_fat"]
    tissue[sinus & (fine > rng.uniform(0, 1.3))] = INDEX["collecting"]
    tissue[sinus & (fine < rng.uniform(-2.2, -1.0))] = INDEX["vein"]
    tumor = kidney == TUMOR
    tissue[tumor] = INDEX["tumor"]
    tissue[tumor & (depth > 0.98) & (smooth_noise(shape, extent, 16, rng) > rng.uniform(0.2, 2))] = INDEX["necrosis"]
    tissue[kidney == CYST] = INDEX["cyst"]
