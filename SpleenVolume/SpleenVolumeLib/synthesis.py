"""Ultrasound of a spleen whose outline and volume are known: simulated, or drawn by USDM."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from .demo import picture_image
from .picture import from_ct
from .shapes import Cut, Shape, ShapeGenerator, cut_views
from .shapes.solid import SPACING_MM, from_mask, volume_ml
from .simulator import Simulated, SimulatorSettings, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .diffusion import Diffusion

MODALITIES = ("simulator", "usdm")
VIEWS = ("coronal", "transverse")
CAN_GENERATE = True
REFERENCE_LABELS = "1=spleen"
"""What the values of a synthesized reference mean."""
_LEAST_ML, _MOST_ML = 20.0, 5000.0
USDM_BUNDLE = Path(__file__).resolve().parent.parent / "Resources" / "Models" / "spleen_usdm"


def synthesize_study(
    labels: Image | None, modality: str = MODALITIES[0], seed: int = 0
) -> tuple[dict[str, Image], dict[str, Image], float]:
    """A coronal and a transverse picture with exactly known outlines.

    Args:
        labels: 3D label map with a spleen; None draws a shape that is warped from real ones (of normal size to greatly enlarged).
        modality: "simulator" or "usdm".
        seed: same seed, same pictures.

    Returns:
        Pictures by view; true outlines by view, each on the grid of its picture; the volume of the whole spleen in mL.

    Raises:
        InputError: if there is no spleen in the label map, or the modality is not known.
        ModelError: if USDM's weights are missing.
    """
    if modality not in MODALITIES:
        raise InputError(f"There is no modality “{modality}”. Choose one of {', '.join(MODALITIES)}.")
    rng = np.random.default_rng([seed, 2718])
    shape = ShapeGenerator().draw(rng) if labels is None else shape_of(labels)
    return synthesize(shape, modality, rng)


def synthesize(
    shape: Shape,
    modality: str,
    rng: np.random.Generator,
    views: Sequence[str] = VIEWS,
    severity: float = 0.0,
    usdm: Diffusion | None = None,
) -> tuple[dict[str, Image], dict[str, Image], float]:
    """As ``synthesize_study``, of a shape.

    Args:
        shape: the spleen.
        modality: see there.
        rng: draws.
        views: which pictures.
        severity: 0 for the largest slices, as the paper took them; 1 for planes that a sonographer gets.
        usdm: loaded weights; those that ship if None.
    """
    cuts = {view: Cut.sonographer(rng, severity) if severity else Cut() for view in views}
    images, references = {}, {}
    for view, mask in cut_views(shape, cuts, rng).items():
        made = picture_of(np.asarray(from_ct(mask, view), bool), view, modality, rng, usdm)
        images[view] = picture_image(made.gray, made.pixel_mm, f"{modality} {view}", "the synthesis")
        references[view] = Image(made.spleen[None].astype(np.uint8), images[view].ijk_to_ras, name="truth")
    return images, references, shape.volume_ml


def picture_of(mask: NDArray[np.bool_], view: str, modality: str, rng: np.random.Generator, usdm: Diffusion | None = None) -> Simulated:
    """One picture that holds the whole spleen, of a 1 mm mask in ultrasound orientation."""
    if modality == "usdm":
        return (usdm or _shipped_usdm()).simulate(mask, rng)
    return simulate(mask, view, rng, SimulatorSettings())


def shape_of(labels: Image) -> Shape:
    """The spleen of a label map: its only label, or label 1 (as TotalSegmentator numbers it) if there are more.

    Raises:
        InputError: if it is no 3D label map, or has no such label.
    """
    called = labels.name or "The label map"
    if labels.voxels.ndim != 3 or min(labels.shape) < 2:
        raise InputError(f"{called} is not a 3D label map. Choose one that holds a whole spleen.")
    image = labels.canonical()
    values = np.unique(image.voxels)
    values = values[values != 0]
    if values.size == 0:
        raise InputError(f"{called} holds no spleen. Choose another file.")
    if values.size > 1 and 1 not in values:
        raise InputError(f"{called} has {values.size} labels and none is 1. Give one with the spleen only.")
    mask = np.flip(image.voxels == (values[0] if values.size == 1 else 1))  # superior→inferior, anterior→posterior, right→left
    spacing_i, spacing_j, spacing_k = image.spacing
    distance = from_mask(mask, (spacing_k, spacing_j, spacing_i))
    volume = volume_ml(distance, SPACING_MM)
    if not _LEAST_ML <= volume <= _MOST_ML:
        raise InputError(f"{called}: the label holds {volume:.1f} mL, which is no spleen. Give a label map with the spleen only.")
    return Shape(distance, SPACING_MM, volume, (called,), real=True)


@lru_cache(maxsize=1)
def _shipped_usdm() -> Diffusion:
    from DeepVolumetryLib.bundle import Bundle

    from .diffusion import Diffusion

    return Diffusion.from_bundle(Bundle.open(USDM_BUNDLE))
