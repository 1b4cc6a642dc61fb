"""The real spleens that shapes are generated from, packed into one small file that ships with the module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.errors import ModelError

from .solid import SPACING_MM, from_mask, volume_ml

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = Path(__file__).resolve().parents[2] / "Resources" / "SpleenVolume" / "templates.npz"


@dataclass(frozen=True, eq=False)
class Template:
    """One real spleen.

    Attributes:
        name: short ("s0011").
        source: where it comes from, with its license.
        volume_ml: volume of the label map it was read from.
        distance: signed distance in mm on a grid of 1.5 mm; axes as in ``solid``.
        center: of mass, in voxels.
        axes: rows are the directions of largest, middle and least extent, (3, 3); the first points down, the third to the patient's left.
        spread_mm: standard deviations along them, (3,).
        whole: False where a part had to be made up, because the scan ended; good for generating shapes, not for measuring errors.
    """

    name: str
    source: str
    volume_ml: float
    distance: NDArray[np.float32]
    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    spread_mm: NDArray[np.float64]
    whole: bool = True


def make_template(name: str, source: str, distance: NDArray[np.float32], true_ml: float, whole: bool = True) -> Template:
    """A template from its signed distance: measures where its axes point."""
    points = np.argwhere(distance < 0).astype(np.float64)
    center = points.mean(0)
    values, vectors = np.linalg.eigh(np.cov((points - center).T) * SPACING_MM**2)
    axes = vectors.T[::-1].copy()
    for row, direction in ((0, 0), (2, 2)):
        if axes[row, direction] < 0:
            axes[row] *= -1
    if np.linalg.det(axes) < 0:
        axes[1] *= -1
    return Template(name, source, true_ml, distance, center, axes, np.sqrt(values[::-1]), whole)


@lru_cache(maxsize=2)
def load_templates(path: Path = SHIPPED) -> tuple[Template, ...]:
    """The real spleens of a pack.

    Raises:
        ModelError: if the pack is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as pack:
            described = json.loads(str(pack["about"]))
            found = []
            for entry in described:
                shape = tuple(entry["shape"])
                bits = np.unpackbits(pack[entry["name"]], count=int(np.prod(shape))).reshape(shape).astype(bool)
                mask = ndimage.gaussian_filter(bits.astype(np.float32), 0.6) > 0.5
                distance = from_mask(mask, (SPACING_MM,) * 3)
                found.append(make_template(entry["name"], entry["source"], distance, float(entry["volume_ml"]), bool(entry["whole"])))
            return tuple(found)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The spleen shapes in {path.name} cannot be read. Install the extension again.") from error


def save_templates(path: Path, templates: list[Template]) -> None:
    """Pack templates: one bit a voxel."""
    arrays: dict[str, NDArray[np.generic]] = {}
    about = []
    for template in templates:
        mask = template.distance < 0
        facts = {"name": template.name, "source": template.source, "volume_ml": round(template.volume_ml, 2), "whole": template.whole}
        about.append({**facts, "shape": mask.shape})
        arrays[template.name] = np.packbits(mask)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # names are ours


def template_of_mask(
    name: str, source: str, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], whole: bool = True
) -> Template:
    """A template of a mask with the axes of ``solid``."""
    distance = from_mask(mask, spacing_mm)
    return make_template(name, source, distance, volume_ml(distance, SPACING_MM), whole)
