"""Pack label maps for training: single kidneys and whole torsos, small enough to travel (about 20 MB)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.tissues import INDEX, tissue_of

from ..labels import CYST, PARENCHYMA, SINUS, TUMOR
from .structures import FAT, SKIN, SOFT, STRUCTURES, WALL, renumbered

SPACING_MM = 1.5
_KIDNEY_LEFT, _KIDNEY_RIGHT = 42, 43


@dataclass(frozen=True)
class Kidney:
    """One kidney with its lesions: labels (K, J, I) of ``labels.py``, axes R, A, S, 1.5 mm, center in voxels (k, j, i)."""

    case: str
    fold: int
    side: str
    labels: np.ndarray
    center: np.ndarray


@dataclass(frozen=True)
class Torso:
    """A torso to set kidneys into: structure values, distance outside the trunk (mm), kidney centers in mm (z, y, x)."""

    name: str
    spacing: float
    labels: np.ndarray
    outside_mm: np.ndarray
    centers: dict[str, np.ndarray]
    tissue: np.ndarray  # lookup: structure value -> tissue index


def isotropic(labels: Image) -> Image:
    """Labels on voxels that are as long as they are wide and high, within a tenth; along their own axes."""
    spacing = np.array(labels.spacing)
    if spacing.max() <= 1.1 * spacing.min():
        return labels
    step = spacing.min() / spacing
    size = np.maximum(np.rint(labels.size / step), 1).astype(int)
    matrix = labels.ijk_to_ras.copy()
    matrix[:3, :3] *= step
    matrix[:3, 3] += labels.ijk_to_ras[:3, :3] @ (step - 1) / 2  # the outer faces stay, not the first centers
    return labels.resampled(Image(np.broadcast_to(np.uint8(0), size[::-1]), matrix), order=0)


def add_sinus(labels: np.ndarray, spacing: float) -> np.ndarray:
    """Label what a kidney encloses at its hilum as sinus: closing of the organ by 9 mm, less the organ.

    KiTS leaves sinus and collecting system as background; a kidney's volume as radiologists outline it includes them.
    """
    organ = labels > 0
    radius = 9.0
    pad = int(np.ceil(radius / spacing)) + 1
    padded = np.pad(organ, pad)
    # Closing by a ball through two distance transforms: exact, and faster than a large structuring element.
    dilated = ndimage.distance_transform_edt(~padded) <= radius / spacing
    closed = ndimage.distance_transform_edt(dilated) > radius / spacing
    closed = closed[pad:-pad, pad:-pad, pad:-pad]
    result = labels.copy()
    sinus = closed & ~organ
    # A lesion bulging from the surface makes false pockets: only what touches parenchyma on many sides is sinus.
    near = ndimage.uniform_filter((labels == PARENCHYMA).astype(np.float32), round(12 / spacing))
    result[sinus & (near > 0.22)] = SINUS
    return result


def split_kidneys(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Left and right organ of a two-kidney label map in R, A, S order; a side that is missing is left out."""
    components, count = ndimage.label(labels > 0)
    if count == 0:
        return {}
    sizes = np.bincount(components.ravel())[1:]
    width = labels.shape[2]
    middle = width / 2
    sides: dict[str, np.ndarray] = {}
    for number in np.argsort(sizes)[::-1]:
        if sizes[number] < 300:
            break
        box = ndimage.find_objects((components == number + 1).astype(np.uint8))[0]
        center = (box[2].start + box[2].stop) / 2
        if box[2].stop - box[2].start > 0.72 * width:  # horseshoe: both sides in one piece
            return {}
        side = "right" if center > middle else "left"
        sides[side] = sides.get(side, np.zeros(labels.shape, bool)) | (components == number + 1)
    return sides


def kidneys_of(case: str, fold: int, labels: np.ndarray, spacing: float) -> list[Kidney]:
    """Left and right kidney of one patient, cut out at 1.5 mm; ``labels`` (K, J, I) in R, A, S order with sinus, isotropic."""
    factor = spacing / SPACING_MM
    found = []
    for side, mask in split_kidneys(labels).items():
        nearby = ndimage.binary_dilation(mask, iterations=8)
        alone = np.where(nearby, labels, 0)
        box = ndimage.find_objects((alone > 0).astype(np.uint8))[0]
        crop = np.pad(alone[box], 4)
        # Each label is carried as an area and the largest share wins: nearest neighbors would fray thin parenchyma.
        small = np.stack([_scaled(crop == value, factor) for value in range(5)]).argmax(0).astype(np.uint8)
        center = np.array(ndimage.center_of_mass(np.isin(small, (PARENCHYMA, SINUS, TUMOR, CYST))))
        found.append(Kidney(case, fold, side, small, center))
    return found


def _scaled(mask: np.ndarray, factor: float) -> np.ndarray:
    """A mask, padded with zeros all around, on voxels that are 1 / factor as large; the first voxel stays in its place.

    ``ndimage.zoom`` would stretch it to whole voxels: up to two percent of a kidney's volume. The tiny shift lets halfway
    places belong to the nearer voxel, where background would win every draw.
    """
    size = [int(np.ceil((count - 1) * factor)) + 1 for count in mask.shape]
    return ndimage.affine_transform(mask.astype(np.float32), np.full(3, 1 / factor), offset=1e-3, output_shape=tuple(size), order=1)


def pack_kidneys(folder: Path) -> list[Kidney]:
    """Every kidney of a folder like ``kidney_ct_labels`` (label maps and ``cases.csv`` with a fold per case)."""
    from DeepVolumetryLib.image_io import read_image

    kidneys = []
    with (folder / "cases.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        image = isotropic(read_image(folder / f"{row['case']}.nii.gz").canonical())
        labels = add_sinus(image.voxels.astype(np.uint8), image.spacing[0])
        kidneys += kidneys_of(row["case"], int(row["fold"]), labels, image.spacing[0])
    return kidneys


def structure_tissues(names: dict[int, str]) -> np.ndarray:
    """Lookup of 256 entries: structure value -> index into phantom.tissues.TISSUES."""
    lookup = np.full(256, INDEX["other"], np.uint8)
    lookup[0] = INDEX["air"]
    for value, name in names.items():
        lookup[value] = INDEX[tissue_of(name)]
    lookup[FAT], lookup[WALL], lookup[SOFT], lookup[SKIN] = (INDEX[name] for name in ("fat", "muscle", "soft", "skin"))
    return lookup


def make_torso(name: str, labels: np.ndarray, spacing: float, names: dict[int, str]) -> Torso:
    """Torso from structure labels in R, A, S order, isotropic; the trunk around the structures is estimated.

    Args:
        name: tells it from other torsos.
        labels: (K, J, I), any numbering.
        spacing: mm.
        names: value -> structure as TotalSegmentator names it; others than `STRUCTURES` become unspecific tissue.
    """
    labels = renumbered(labels, names)
    centers = {}
    for side, value in (("left", _KIDNEY_LEFT), ("right", _KIDNEY_RIGHT)):
        mask = labels == value
        if mask.any():
            centers[side] = np.array(ndimage.center_of_mass(mask)) * spacing
    return Torso(name, spacing, labels, _outside_trunk(labels, spacing), centers, structure_tissues(STRUCTURES))


def _outside_trunk(labels: np.ndarray, spacing: float) -> np.ndarray:
    """Distance in mm outside the hull of all structures, 0 inside; fat and wall are drawn outside of it."""
    step = max(1, round(4.5 / spacing))
    small = labels[::step, ::step, ::step] > 0
    coarse = spacing * step
    pad = int(np.ceil(40 / coarse)) + 2
    padded = np.pad(small, ((0, 0), (pad, pad), (pad, pad)))
    hull = np.zeros_like(padded)
    for k in range(len(padded)):  # slice by slice: arms and legs stay apart from the trunk
        dilated = ndimage.distance_transform_edt(~padded[k]) <= 40 / coarse
        hull[k] = ndimage.binary_fill_holes(ndimage.distance_transform_edt(dilated) > 40 / coarse)
    distance = ndimage.distance_transform_edt(~hull) * coarse
    distance = distance[:, pad:-pad, pad:-pad]
    zoomed = ndimage.zoom(
        np.minimum(distance, 120).astype(np.float32), [n / m for n, m in zip(labels.shape, distance.shape, strict=True)], order=1
    )
    return zoomed.astype(np.int8)


def read_torso(path: Path, names: dict[int, str]) -> Torso:
    """A torso label map file with structure values as in ``names``.

    Raises:
        InputError: if it does not show two kidneys, in whose places kidneys are set.
    """
    from DeepVolumetryLib.image_io import read_image

    image = isotropic(read_image(path).canonical())
    torso = make_torso(path.parent.name, image.voxels, image.spacing[0], names)
    if len(torso.centers) < 2:
        raise InputError(f"{path} does not show both kidneys (kidney_left and kidney_right in the names). Choose another torso.")
    return torso


def save_pack(path: Path, kidneys: list[Kidney], torsos: list[Torso]) -> None:
    """Write everything into one compressed .npz file."""
    arrays: dict[str, Any] = {
        "kidney_info": np.array([(k.case, str(k.fold), k.side) for k in kidneys]),
        "torso_info": np.array([t.name for t in torsos]),
    }
    for number, kidney in enumerate(kidneys):
        arrays[f"kidney_{number}"], arrays[f"center_{number}"] = kidney.labels, kidney.center
    for number, torso in enumerate(torsos):
        arrays[f"torso_{number}"], arrays[f"outside_{number}"], arrays[f"tissue_{number}"] = torso.labels, torso.outside_mm, torso.tissue
        arrays[f"spacing_{number}"] = np.array(torso.spacing)
        for side, center in torso.centers.items():
            arrays[f"torso_center_{number}_{side}"] = center
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_pack(path: Path, folds: tuple[int, ...] | None = None) -> tuple[list[Kidney], list[Torso]]:
    """Read a pack; only kidneys of the given folds, so that held-out patients cannot slip into training."""
    with np.load(path) as data:
        kidneys = [
            Kidney(case, int(fold), side, data[f"kidney_{number}"], data[f"center_{number}"])
            for number, (case, fold, side) in enumerate(data["kidney_info"])
            if folds is None or int(fold) in folds
        ]
        torsos = [
            Torso(
                str(name), float(data[f"spacing_{number}"]), data[f"torso_{number}"], data[f"outside_{number}"],
                {side: data[f"torso_center_{number}_{side}"] for side in ("left", "right") if f"torso_center_{number}_{side}" in data},
                data[f"tissue_{number}"],
            )
            for number, name in enumerate(data["torso_info"])
        ]  # fmt: skip
    return kidneys, torsos
