"""Packs of simulated pictures: made once, in parts of some minutes, and read by the trainings of the U-Net and of USDM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError

from ..fan import find_fan
from ..segmentation_network import PIXEL_MM
from ..shapes import Cut, Shape, ShapeGenerator, cut_views
from ..simulator import Simulated, SimulatorSettings, simulate
from ..volume import to_ultrasound_orientation
from ..working_grid import WorkingGrid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..diffusion import Diffusion

SIZE = 192
"""Sides of the stored pictures, in the network's pixels."""
PER_SHAPE = 4
VIEWS = ("coronal", "transverse")
_SIMULATED_MM = 0.75  # half the network's pixels: what the simulator makes beyond is averaged away
_CUT_OFF = 0.2  # of the pictures, in which the fan does not hold the whole spleen
_SAME_FAN = 0.85


@dataclass(frozen=True)
class Pictures:
    """Pictures on the network's grid, (N, 192, 192) each.

    Attributes:
        gray: uint8, 0 outside of the fan.
        fan: bool.
        spleen: share of each pixel that is spleen, uint8, 255 for all.
        view: 0 coronal, 1 transverse, (N,).
    """

    gray: NDArray[np.uint8]
    fan: NDArray[np.bool_]
    spleen: NDArray[np.uint8]
    view: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.gray)

    def save(self, path: Path) -> None:
        """One compressed file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.stem + ".part.npz")
        np.savez_compressed(beside, gray=self.gray, fan=np.packbits(self.fan, axis=-1), spleen=self.spleen, view=self.view)
        beside.replace(path)

    @classmethod
    def load(cls, folder: Path) -> Pictures:
        """All parts in a folder.

        Raises:
            InputError: if there are none.
        """
        parts = [path for path in sorted(folder.glob("pictures_*.npz")) if not path.stem.endswith(".part")]
        if not parts:
            raise InputError(
                f"There are no pictures in {folder}. Make some: python -m SpleenVolumeLib.training pictures (docs/training-spleen.md)."
            )
        arrays: dict[str, list[NDArray]] = {"gray": [], "fan": [], "spleen": [], "view": []}
        for path in parts:
            with np.load(path, allow_pickle=False) as pack:
                for name, found in arrays.items():
                    found.append(np.unpackbits(pack[name], axis=-1, count=SIZE).astype(bool) if name == "fan" else pack[name])
        joined = {name: np.concatenate(found) for name, found in arrays.items()}
        return cls(**joined)


def make_part(generator: ShapeGenerator, shapes: int, seed: int, diffusion: Diffusion | None = None) -> Pictures:
    """Pictures of newly drawn shapes, ``PER_SHAPE`` of each; the same for the same seed. USDM draws them if it is given."""
    made: list[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8], int]] = []
    for number in range(shapes):
        rng = np.random.default_rng([seed, number])
        masks = views_of(generator.draw(rng), rng)
        for copy in range(PER_SHAPE):
            view = VIEWS[copy % 2]
            whole = float(rng.uniform(0.7, 0.99)) if rng.random() < _CUT_OFF else 1.0
            if diffusion is None:
                settings = SimulatorSettings(whole=whole, pixel_mm=_SIMULATED_MM, lines=160, samples=320)
                drawn = simulate(masks[view], view, rng, settings)
            else:
                drawn = diffusion.simulate(masks[view], rng, whole)
            made.append((*on_grid(drawn), VIEWS.index(view)))
    gray, fan, spleen, views = zip(*made, strict=True)
    return Pictures(np.stack(gray), np.stack(fan), np.stack(spleen), np.array(views, np.uint8))


def views_of(shape: Shape, rng: np.random.Generator, severity: float = 1.0) -> dict[str, NDArray[np.bool_]]:
    """The views that a sonographer gets, in ultrasound orientation."""
    masks = cut_views(shape, {view: Cut.sonographer(rng, severity) for view in VIEWS}, rng)
    return {view: np.ascontiguousarray(to_ultrasound_orientation(mask)) for view, mask in masks.items()}


def on_grid(drawn: Simulated, size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
    """Gray values, fan and share of spleen on the network's grid. The fan is the one that is found, as in use, unless that went wrong."""
    fan = find_fan(drawn.gray)
    if (fan & drawn.fan).sum() < _SAME_FAN * (fan | drawn.fan).sum():
        fan = drawn.fan
    grid = WorkingGrid.of(fan, drawn.pixel_mm, PIXEL_MM, 1)
    gray = np.clip(np.rint(grid.sample(np.where(fan, drawn.gray, 0))), 0, 255)
    inside = grid.sample(fan) > 0.5
    spleen = np.rint(grid.sample(drawn.spleen & fan) * 255)
    return tuple(_sized(each, size) for each in (np.where(inside, gray, 0).astype(np.uint8), inside, spleen.astype(np.uint8)))  # type: ignore[return-value]


def _sized(array: NDArray, size: int) -> NDArray:
    """Cut or padded to a square, about the middle; the probe stays in the picture."""
    rows = slice(0, min(size, array.shape[0]))
    first = max(0, (array.shape[1] - size) // 2)
    part = array[rows, first : first + size]
    room = size - part.shape[0], size - part.shape[1]
    return np.pad(part, ((room[0] // 2, room[0] - room[0] // 2), (room[1] // 2, room[1] - room[1] // 2)))


def make_pictures(
    folder: Path, parts: Sequence[int], shapes: int, leave_out: Sequence[str], seed: int, diffusion: Diffusion | None = None
) -> int:
    """Write the parts that are not there yet; returns how many were made."""
    generator = ShapeGenerator(leave_out=tuple(leave_out))
    made = 0
    for part in parts:
        path = folder / f"pictures_{part:03d}.npz"
        if not path.exists():
            make_part(generator, shapes, seed * 10_000 + part, diffusion).save(path)
            made += 1
    return made
