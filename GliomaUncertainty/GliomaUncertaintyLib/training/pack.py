"""Pack what training reads into one file: heads as tissue maps, real glioma cases, and the shapes of their tumors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.brain_tissues import INDEX

from ..intensity import normalized

SPACING_MM = 1.0
RIM_STEP_MM = 0.25
"""Unit of ``Head.rim``."""
BRAIN = tuple(
    INDEX[name]
    for name in (
        *("white", "cortex", "ventricle", "basal_ganglia", "pallidum", "thalamus", "hippocampus", "cerebellar_cortex"),
        *("cerebellar_white", "brainstem", "choroid", "hyperintensity"),
    )
)
"""Tissues that are brain; CSF around it is decided by ``Head.rim``."""
_MARGIN_MM = 12
# FreeSurfer's values, and those that SynthSeg's label maps add outside of the brain (500 and up).
_TISSUE_OF = {
    "white": (2, 41),
    "cortex": (3, 42),
    "csf": (24,),
    "ventricle": (4, 5, 14, 15, 43, 44, 72),
    "basal_ganglia": (11, 12, 26, 50, 51, 58),
    "pallidum": (13, 52),
    "thalamus": (10, 28, 49, 60),
    "hippocampus": (17, 18, 53, 54),
    "cerebellar_cortex": (8, 47),
    "cerebellar_white": (7, 46),
    "brainstem": (16, 512),
    "choroid": (136, 137, 163, 164),
    "hyperintensity": (25, 57),
    "vessel": (30, 62, 502),
    "dura": (514,),
    "bone": (515,),
    "marrow": (516,),
    "soft": (507, 508),
    "scalp": (511,),
    "eye": (506,),
    "nerve": (85, 530),
    "mucosa": (509,),
}
_LEFT_WHITE, _RIGHT_WHITE = 2, 41


@dataclass(frozen=True)
class Head:
    """A head at 1 mm, axes R, A, S.

    Attributes:
        name: tells it from other heads.
        fold: 0 to 2 trained on, 3 calibrates, 4 is reported on.
        tissue: index into ``brain_tissues.TISSUES``, uint8 (K, J, I), cropped to the brain and 12 mm around it.
        rim: signed distance from the brain's surface in quarter millimeters, int8: negative inside, at most +-127.
        midplane: a, b, c, d of the plane a k + b j + c i + d = 0 between the hemispheres, in voxels, unit normal.
    """

    name: str
    fold: int
    tissue: np.ndarray
    rim: np.ndarray
    midplane: np.ndarray


@dataclass(frozen=True)
class Case:
    """A real case at 1 mm, axes R, A, S, cropped to the brain.

    Attributes:
        patient: name.
        images: FLAIR and T1ce as the network gets them (``intensity.normalized``), float16 (2, K, J, I).
        brain: bool (K, J, I).
        labels: 0, 1 necrosis or non-enhancing, 2 edema, 4 enhancing; uint8 (K, J, I).
    """

    patient: str
    images: np.ndarray
    brain: np.ndarray
    labels: np.ndarray


def make_head(name: str, fold: int, labels: Image) -> Head:
    """Head from a FreeSurfer-like label map with extracerebral tissue, 1 mm.

    Raises:
        InputError: if the map has no white matter of both hemispheres, or is not at 1 mm.
    """
    canonical = labels.canonical()
    if not np.allclose(canonical.spacing, SPACING_MM, atol=0.02):
        raise InputError(f"{name} has voxels of {'x'.join(f'{s:.2g}' for s in canonical.spacing)} mm. Resample the label map to 1 mm.")
    values = canonical.voxels
    if not ((values == _LEFT_WHITE).any() and (values == _RIGHT_WHITE).any()):
        raise InputError(f"{name} has no white matter (2 left, 41 right). Choose a FreeSurfer-like label map of a head.")
    table = np.full(int(values.max()) + 1, INDEX["air"], np.uint8)
    for tissue, numbers in _TISSUE_OF.items():
        table[[number for number in numbers if number < len(table)]] = INDEX[tissue]
    table[1:][table[1:] == INDEX["air"]] = INDEX["soft"]
    tissue = table[values]
    tissue[(values == 512) & ~_near_brainstem(values)] = INDEX["soft"]
    found = ndimage.find_objects(np.isin(tissue, BRAIN).astype(np.uint8))[0]
    box = tuple(slice(max(0, side.start - _MARGIN_MM), side.stop + _MARGIN_MM) for side in found)
    brain = ndimage.binary_fill_holes(_closed(np.isin(tissue[box], BRAIN), 6))
    return Head(name, fold, tissue[box], _rim(brain), _midplane(values[box]))


def _near_brainstem(values: np.ndarray) -> np.ndarray:
    """The cord is cut off 20 mm below the brainstem, as skull-stripping does."""
    found = np.argwhere(values == 16)
    lowest = int(found[:, 0].min()) if len(found) else 0
    return (np.arange(values.shape[0]) > lowest - 20)[:, None, None]


def _closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """Closing by a ball through two distance transforms."""
    padded = np.pad(mask, radius + 1)
    dilated = ndimage.distance_transform_edt(~padded) <= radius
    inside = slice(radius + 1, -radius - 1)
    return (ndimage.distance_transform_edt(dilated) > radius)[inside, inside, inside]


def _rim(brain: np.ndarray) -> np.ndarray:
    outside, inside = ndimage.distance_transform_edt(~brain), ndimage.distance_transform_edt(brain)
    signed = np.where(brain, 0.5 - inside, outside - 0.5)
    return np.clip(np.rint(signed / RIM_STEP_MM), -127, 127).astype(np.int8)


def _midplane(values: np.ndarray) -> np.ndarray:
    """The plane that best tells left from right white matter: least squares on the side, as a linear discriminant."""
    left, right = (np.argwhere(values == number)[::7] for number in (_LEFT_WHITE, _RIGHT_WHITE))
    points = np.concatenate([left, right]).astype(float)
    sides = np.repeat([-1.0, 1.0], [len(left), len(right)])
    weights, *_ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), sides, rcond=None)
    return weights / np.linalg.norm(weights[:3])


def make_case(patient: str, flair: Image, t1ce: Image, labels: Image) -> Case:
    """A case of BraTS 2013: sequences that are 0 outside of the brain, labels 1 necrosis, 2 edema, 3 non-enhancing, 4 enhancing."""
    sequences = [image.canonical().voxels for image in (flair, t1ce)]
    values = labels.canonical().voxels
    brain = (sequences[0] != 0) | (sequences[1] != 0)
    merged = np.where(values == 3, 1, values).astype(np.uint8)
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    images = np.stack([normalized(image, brain)[box] for image in sequences]).astype(np.float16)
    return Case(patient, images, brain[box], merged[box])


def make_case_shape(name: str, labels: Image) -> Case:
    """A tumor's shape alone, without images, from a label map (1 necrosis or non-enhancing, 2 edema, 4 enhancing) at 1 mm.

    Raises:
        InputError: if there is no tumor, or the voxels are not of 1 mm.
    """
    canonical = labels.canonical()
    if not np.allclose(canonical.spacing, SPACING_MM, atol=0.02):
        raise InputError(f"{name} has voxels of {'x'.join(f'{s:.2g}' for s in canonical.spacing)} mm. Resample the label map to 1 mm.")
    values = canonical.voxels
    if not np.isin(values, (1, 2, 4)).any():
        raise InputError(f"{name} has no tumor (1 necrosis or non-enhancing, 2 edema, 4 enhancing). Choose another label map.")
    box = ndimage.find_objects((values > 0).astype(np.uint8))[0]
    crop = values[box].astype(np.uint8)
    return Case(name, np.zeros((2, *crop.shape), np.float16), np.ones(crop.shape, bool), crop)


def pack_heads(folder: Path) -> list[Head]:
    """Every label map of a folder in the order of names: of five, three are trained on, one calibrates and one is reported on."""
    from DeepVolumetryLib.image_io import read_image

    paths = sorted(folder.glob("*.nii.gz"))
    if not paths:
        raise InputError(f"There are no label maps (.nii.gz) in {folder}. Give the folder of the brain label maps.")
    folds = [min(4, number * 5 // len(paths)) for number in range(len(paths))]
    return [make_head(path.name.removesuffix(".nii.gz"), fold, read_image(path)) for path, fold in zip(paths, folds, strict=True)]


def pack_cases(folder: Path) -> list[Case]:
    """Every ``brats_2013_*`` folder with flair, t1ce and labels."""
    from DeepVolumetryLib.image_io import read_image

    return [
        make_case(path.name, *(read_image(path / f"{name}.nii.gz") for name in ("flair", "t1ce", "labels")))
        for path in sorted(folder.glob("brats_2013_*"))
    ]


def save_pack(path: Path, heads: list[Head], cases: list[Case]) -> None:
    """Write everything into one compressed .npz file."""
    arrays: dict[str, Any] = {
        "head_info": np.array([(head.name, str(head.fold)) for head in heads]),
        "case_info": np.array([case.patient for case in cases], dtype=str),
    }
    for number, head in enumerate(heads):
        arrays |= {f"tissue_{number}": head.tissue, f"rim_{number}": head.rim, f"midplane_{number}": head.midplane}
    for number, case in enumerate(cases):
        arrays |= {f"images_{number}": case.images, f"brain_{number}": np.packbits(case.brain), f"labels_{number}": case.labels}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_pack(path: Path, folds: tuple[int, ...] | None = None, without: tuple[str, ...] = ()) -> tuple[list[Head], list[Case]]:
    """Read a pack: heads of the given folds only, and no real patient of ``without``, so that nothing held out slips into training."""
    with np.load(path) as data:
        heads = [
            Head(str(name), int(fold), data[f"tissue_{number}"], data[f"rim_{number}"], data[f"midplane_{number}"])
            for number, (name, fold) in enumerate(data["head_info"])
            if folds is None or int(fold) in folds
        ]
        cases = []
        for number, patient in enumerate(data["case_info"]):
            if str(patient) not in without:
                labels = data[f"labels_{number}"]
                brain = np.unpackbits(data[f"brain_{number}"], count=labels.size).reshape(labels.shape).astype(bool)
                cases.append(Case(str(patient), data[f"images_{number}"], brain, labels))
    return heads, cases
