"""A study with known truth from a label map: the patient's kidneys in a torso, as CT or MR would show them."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.tissues import draw
from DeepVolumetryLib.training.acquisition import acquire

from .training.compose import AS_IT_IS, Anatomy, compose
from .training.pack import SPACING_MM, Kidney, Torso, add_sinus, isotropic, kidneys_of, make_torso

_EXTENT_MM = (252.0, 252.0, 372.0)  # S, A, R
_ORIGIN_RAS = (-186.0, -126.0, -126.0)
_MR_FULL_SCALE = 800.0
MODALITIES = ("CT", "T2", "T1", "random")
REFERENCE_LABELS = "1=parenchyma;2=tumor;3=cyst;4=sinus"
"""What the values of a synthesized reference mean."""


def synthesize_study(
    labels: Image, modality: str, seed: int = 0, context: Image | None = None, names: dict[int, str] | None = None
) -> tuple[Image, Image]:
    """An image with exactly known kidneys.

    Args:
        labels: kidney label map (1 parenchyma, 2 tumor, 3 cyst; sinus as background).
        modality: "CT", "T2" (fat-suppressed), "T1" or "random".
        seed: same seed, same study.
        context: label map of a torso to set the kidneys into, with values as in ``names``; a procedural torso if None.
        names: value -> structure as TotalSegmentator names it; required with ``context``.

    Returns:
        The image, and the truth on its grid: 1 parenchyma, 2 tumor, 3 cyst, 4 sinus.

    Raises:
        InputError: if there is no kidney in the labels, or the modality is not known.
    """
    if modality not in MODALITIES:
        raise InputError(f"Modality {modality!r} is not known; choose one of {', '.join(MODALITIES)}.")
    return synthesize(_kidneys(labels), _torso(context, names, seed), modality, seed)


def synthesize(kidneys: list[Kidney], torso: Torso, modality: str, seed: int) -> tuple[Image, Image]:
    """As ``synthesize_study``, from packed kidneys of one patient and a packed torso."""
    rng = np.random.default_rng([seed, MODALITIES.index(modality)])
    anatomy = Anatomy(kidneys, [torso])
    shape = tuple(round(extent / SPACING_MM / 8) * 8 for extent in _EXTENT_MM)
    composition = compose(anatomy, shape, SPACING_MM, rng, "both", variation=AS_IT_IS)  # type: ignore[arg-type]
    voxels = acquire(composition.tissue, draw(modality, rng), SPACING_MM, rng)
    step, axis = int(rng.integers(1, 4)), 1 if modality == "T2" and rng.random() < 0.7 else 0
    return _sliced(voxels, composition.kidney, step, axis, modality)


def _kidneys(labels: Image) -> list[Kidney]:
    if not np.isin(labels.voxels, (1, 2, 3)).any():
        raise InputError("The label map has no kidney (1 parenchyma, 2 tumor, 3 cyst). Choose another file.")
    image = isotropic(labels.canonical())
    found = kidneys_of("study", 0, add_sinus(image.voxels.astype(np.uint8), image.spacing[0]), image.spacing[0])
    if not found:
        raise InputError("The kidneys of this label map could not be told apart (fused, or too small). Choose another file.")
    return found


def _torso(context: Image | None, names: dict[int, str] | None, seed: int) -> Torso:
    if context is None:
        return _procedural_torso(seed % 16)
    if names is None:
        raise InputError("A torso label map needs the names of its values (labels.csv beside it).")
    if "kidney_left" not in names.values() or "kidney_right" not in names.values():
        raise InputError("The torso's label names lack kidney_left and kidney_right, which tell where the kidneys go.")
    image = isotropic(context.canonical())
    try:
        torso = make_torso("context", image.voxels, image.spacing[0], names)
    except ValueError as error:
        raise InputError(f"The torso label map cannot be used: {error}. Choose another file.") from error
    if len(torso.centers) < 2:
        raise InputError("The torso label map shows fewer than two kidneys, so there is no place to set kidneys into.")
    return torso


@lru_cache(maxsize=2)
def _procedural_torso(seed: int) -> Torso:
    from .training.procedural import procedural_torso

    return procedural_torso(seed)


def read_names(path: Path) -> dict[int, str]:
    """value,name rows of a CSV file such as ``torso/labels.csv``."""
    with path.open(encoding="utf-8") as stream:
        return {int(row["value"]): row["name"].strip() for row in csv.DictReader(stream)}


def _sliced(voxels: torch.Tensor, kidney: torch.Tensor, step: int, axis: int, modality: str) -> tuple[Image, Image]:
    """Average to slices of ``step`` voxels along an axis; the truth of a thick voxel is its most frequent label.

    Where two are equally frequent the middle of the voxel decides: the lower label would take half a voxel from every lesion.
    """
    count = voxels.shape[axis] // step * step
    voxels, kidney = voxels.narrow(axis, 0, count), kidney.narrow(axis, 0, count)
    kernel = [1, 1, 1]
    kernel[axis] = step
    image = functional.avg_pool3d(voxels[None, None], kernel)[0, 0]
    where = [kidney == value for value in range(5)]
    middles = torch.arange(step // 2, count, step)
    shares = torch.stack(
        [functional.avg_pool3d(mask[None, None].float(), kernel)[0, 0] + 0.01 * mask.index_select(axis, middles) for mask in where]
    )
    spacing = np.array([SPACING_MM] * 3)
    spacing[2 - axis] *= step
    origin = np.array(_ORIGIN_RAS, float)
    origin[2 - axis] += SPACING_MM * (step - 1) / 2
    array = image.numpy()
    if modality != "CT":
        array = array * np.float32(_MR_FULL_SCALE / max(float(np.percentile(array, 99)), 1e-6))
    truth = shares.argmax(0).to(torch.uint8).numpy()
    tag = "CT" if modality == "CT" else "MR"
    study = Image.from_spacing(
        np.rint(array).clip(-3000, 30000).astype(np.int16), spacing, origin, modality=tag, name=f"synthesized {modality}"
    )
    return study, Image.from_spacing(truth, spacing, origin, name="truth")
