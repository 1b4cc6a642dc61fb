"""A small phantom study for the demonstration and for tests: a spleen of known volume as a simulated scanner shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .shapes import Shape

VIEWS = ("coronal", "transverse")
_SOURCE = "the simulator"
_UID = "phantom-"
_PICTURE = np.diag([-1.0, -1.0, 1.0, 1.0])  # rows run to the back and columns to the left, as Slicer lays pictures without a position


@dataclass(frozen=True)
class Phantom:
    """Pictures of one spleen, their true outlines and its true volume."""

    images: dict[str, Image]
    references: dict[str, Image]
    volume_ml: float


def study(seed: int = 0) -> dict[str, Image]:
    """Inputs of the pipeline: a coronal and a transverse B-mode picture."""
    return dict(phantom(seed).images)


def reference(seed: int = 0) -> tuple[Image, dict[int, str]]:
    """True outline on the grid of the coronal picture, and the names of its values."""
    return phantom(seed).references["coronal"], {1: "spleen"}


def truth_ml(reference: Image, names: dict[int, str]) -> dict[str, float]:
    """Segment -> true mL of the whole spleen, which the outline in one plane does not tell: the reference says whose it is.

    Raises:
        InputError: if the reference is none of a phantom.
    """
    seed = reference.uid.removeprefix(_UID)
    if seed == reference.uid or not seed.isdigit():
        raise InputError("The reference is not that of a phantom, so its volume is not known.")
    return {name: phantom(int(seed)).volume_ml for name in names.values()}


@lru_cache(maxsize=4)
def phantom(seed: int = 0) -> Phantom:
    """Pictures, references and volume together. Seed 0 is an enlarged spleen."""
    from .shapes import ShapeGenerator

    rng = np.random.default_rng([seed, 314])
    volume = 420.0 if seed == 0 else float(np.exp(rng.uniform(np.log(120), np.log(800))))
    return pictures_of(ShapeGenerator(implicit=0.0).draw(rng, volume), rng, VIEWS, seed)


def pictures_of(shape: Shape, rng: np.random.Generator, views: Sequence[str], seed: int, whole: float = 1.0) -> Phantom:
    """Simulated pictures through the largest slices of a shape.

    Args:
        shape: the spleen.
        rng: decides what is drawn at random.
        views: which pictures.
        seed: told by the references, so that the volume can be found again.
        whole: share of the spleen that the fan holds at least.
    """
    from .picture import from_ct
    from .shapes import Cut, cut_views
    from .simulator import SimulatorSettings, simulate

    images, references = {}, {}
    for view, mask in cut_views(shape, {view: Cut() for view in views}).items():
        made = simulate(np.asarray(from_ct(mask, view), bool), view, rng, SimulatorSettings(whole=whole))
        images[view] = picture_image(made.gray, made.pixel_mm, f"simulated {view}", _SOURCE)
        references[view] = Image(made.spleen[None].astype(np.uint8), images[view].ijk_to_ras, uid=f"{_UID}{seed}", name="truth")
    return Phantom(images, references, shape.volume_ml)


def picture_image(gray: NDArray[np.uint8], pixel_mm: tuple[float, float], name: str, source: str) -> Image:
    """A picture (rows, columns) as an Image of one slice.

    Args:
        pixel_mm: height and width of a pixel.
        source: where the pixel size comes from.
    """
    matrix = _PICTURE @ np.diag([pixel_mm[1], pixel_mm[0], 1.0, 1.0])
    return Image(gray[None], matrix, modality="US", name=name, spacing_source=source)
