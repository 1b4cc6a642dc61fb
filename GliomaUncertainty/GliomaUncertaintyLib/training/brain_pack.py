"""Label maps of whole heads -> one file that the training of the brain mask reads.

A head is kept as the share of each tissue in voxels of 3 mm, so that an image made of it has partial volumes as a scan has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image

from ..brain_network import SPACING_MM

# Values as in FreeSurfer's color table, those from 500 on as in SimNIBS's CHARM. Left and right are put together.
TISSUES: dict[str, tuple[int, ...]] = {
    "gray": (3, 42, 8, 47),
    "white": (2, 41, 7, 46, 77),
    "lesion": (25, 57),
    "deep gray": (10, 11, 12, 13, 17, 18, 26, 28, 49, 50, 51, 52, 53, 54, 58, 60, 85),
    "brain stem": (16,),
    "ventricle": (4, 5, 14, 15, 43, 44, 72),
    "choroid plexus": (30, 31, 62, 63, 136, 137, 163, 164),
    "csf": (24,),
    "vessel": (502, 514),
    "eye": (506,),
    "mucosa": (509,),
    "skin": (511,),
    "soft": (507, 508, 530),
    "cord": (512,),
    "bone": (515,),
    "marrow": (516,),
}
BRAIN_TISSUES = ("gray", "white", "lesion", "deep gray", "brain stem", "ventricle", "choroid plexus")
_CLOSING_MM = 7.0
_MARGIN_VOXELS = 2
TRAINED, CALIBRATED, REPORTED = range(12), range(12, 16), range(16, 20)


@dataclass(frozen=True)
class Head:
    """One head at 3 mm.

    Attributes:
        name: of its file.
        shares: of each of ``TISSUES`` in a voxel, then of the brain, uint8 (C + 1, K, J, I), 255 for all of it; along R, A, S.
    """

    name: str
    shares: NDArray[np.uint8]


def pack_heads(folder: Path) -> list[Head]:
    """Heads of all label maps in a folder, in the order of their names.

    Raises:
        InputError: if there are none, or one has no brain.
    """
    files = sorted(path for path in folder.glob("*.nii.gz"))
    if not files:
        raise InputError(f"There are no label maps (.nii.gz) in {folder}.")
    return [head_of(path.name.split(".")[0], read_image(path)) for path in files]


def head_of(name: str, labels: Image) -> Head:
    """Shares of the tissues of one label map, which is averaged over cubes of about 3 mm."""
    image = labels.canonical()
    brain = brain_of(image)
    step = [max(1, round(SPACING_MM / spacing)) for spacing in image.spacing[::-1]]
    masks = [np.isin(image.voxels, values) for values in TISSUES.values()]
    shares = np.stack([_averaged(mask, step) for mask in (*masks, brain)])
    at = [np.flatnonzero(shares.any(axis=tuple(other for other in range(4) if other != axis))) for axis in (1, 2, 3)]
    box = tuple(slice(max(0, line[0] - _MARGIN_VOXELS), line[-1] + 1 + _MARGIN_VOXELS) for line in at)
    return Head(name, shares[(slice(None), *box)])


def brain_of(labels: Image) -> NDArray[np.bool_]:
    """The brain with the fluid in its ventricles, sulci and fissures, as skull-stripped images show it.

    Raises:
        InputError: if the map has none of the brain's labels.
    """
    tissue = np.isin(labels.voxels, [value for name in BRAIN_TISSUES for value in TISSUES[name]])
    if not tissue.any():
        raise InputError("The label map has no brain (FreeSurfer's values). Choose another file.")
    around = [
        (max(0, line[0] - 10), line[-1] + 11) for line in (np.flatnonzero(tissue.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    ]
    box = tuple(slice(low, high) for low, high in around)
    spacing = labels.spacing[::-1]
    near = ndimage.distance_transform_edt(~tissue[box], sampling=spacing) <= _CLOSING_MM
    closed = ndimage.distance_transform_edt(np.pad(near, 1, mode="edge"), sampling=spacing)[1:-1, 1:-1, 1:-1] > _CLOSING_MM
    fluid = np.isin(labels.voxels[box], (*TISSUES["csf"], *TISSUES["vessel"]))
    brain = tissue.copy()
    brain[box] |= closed & fluid
    return brain


def save_pack(path: Path, heads: list[Head]) -> None:
    """One .npz file."""
    np.savez_compressed(path, **{head.name: head.shares for head in heads})


def load_pack(path: Path, chosen: range) -> list[Head]:
    """Those heads whose number, by name, is chosen.

    Raises:
        InputError: if the file is missing or has too few heads.
    """
    if not path.exists():
        raise InputError(f"There is no pack at {path}. Make one: python -m GliomaUncertaintyLib.training brain-pack.")
    with np.load(path) as content:
        names = sorted(content.files)
        heads = [Head(name, content[name]) for number, name in enumerate(names) if number in chosen]
    if not heads:
        raise InputError(f"The pack {path} has {len(names)} heads, none of those that are asked for. Make another pack.")
    return heads


def _averaged(mask: NDArray[np.bool_], step: list[int]) -> NDArray[np.uint8]:
    missing = [(0, -count % size) for count, size in zip(mask.shape, step, strict=True)]
    padded = np.pad(mask, missing)
    k, j, i = (count // size for count, size in zip(padded.shape, step, strict=True))
    share = padded.reshape(k, step[0], j, step[1], i, step[2]).mean(axis=(1, 3, 5), dtype=np.float32)
    return np.rint(255 * share).astype(np.uint8)
