"""A phantom patient of both hips, scanned coarsely, and a pipeline that knows the truth in place of trained networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from FemurQCTLib.anatomy.patient import compose
from FemurQCTLib.cut import fit_cut, trimmed
from FemurQCTLib.grids import crop_grid
from FemurQCTLib.hips import Found, Hip
from FemurQCTLib.networks import VNET_MM
from FemurQCTLib.phantom import Settings, Study, draw_person, scan
from FemurQCTLib.pipeline import FemurPipeline
from FemurQCTLib.segmenter import Drawn
from FemurQCTLib.training.samples import proximal_box

COARSE = Settings(spacing=(2.0, 2.0, 2.5), below_mm=122.0, above_mm=40.0)
CONFORMAL = ConformalTable({"femur": ConformalEntry.from_residuals(np.linspace(0.1, 2.0, 40))})


@lru_cache(maxsize=6)
def person(seed: int = 0, contrast: bool = False):
    """A patient; the shapes take a second, so they are kept."""
    return draw_person(seed, contrast=contrast)


@lru_cache(maxsize=8)
def study(seed: int = 0, contrast: bool = False, **changes) -> Study:
    """A scan with its truth; ``changes`` of the settings."""
    return scan(person(seed, contrast), replace(COARSE, **changes), seed)


@dataclass(frozen=True)
class TruthFinder:
    """Finds the femora of a patient where they are, as far as a scan shows them."""

    patient: object

    def find(self, image):
        hips = {}
        for femur in self.patient.femora:
            low, high = proximal_box(femur)
            hips[femur.side] = Hip(femur.side, low, high, 0.99, 100.0)
        return Found(hips)


@dataclass(frozen=True)
class TruthSegmenter:
    """Draws femora as they are, with a border as soft as voxels are wide."""

    patient: object
    pieces: int = 1

    def draw(self, image, hip, ways, step):
        grid = crop_grid(hip.low_ras, hip.high_ras, VNET_MM)
        made = compose(self.patient, grid, 0, soft=False)
        covered = _covered(image, grid)
        proximal, below = made.proximal[hip.side] * covered, made.shaft[hip.side] * covered
        cut = fit_cut(proximal, below, grid)
        femur = proximal + below
        for _ in ways:
            step()
        drawn = trimmed(femur, cut, grid)
        volume = float(drawn.sum() * grid.voxel_ml)
        return Drawn(hip.side, grid, femur, drawn, cut, covered, [volume * (1 + 0.004 * n) for n in range(len(ways))], self.pieces)


def pipeline(patient, pieces: int = 1, conformal: ConformalTable = CONFORMAL) -> FemurPipeline:
    """The whole method, with the truth in place of both networks."""
    made = FemurPipeline.__new__(FemurPipeline)
    made.bundle = SimpleNamespace(name="toy_femur", version="1.0", sha256="ab" * 32, license="Apache-2.0", path=Path())
    made.device = Device("cpu")
    made.finder, made.segmenter = TruthFinder(patient), TruthSegmenter(patient, pieces)
    made.conformal, made.load_seconds = conformal, 0.0
    return made


class Quiet:
    """A progress that nobody looks at."""

    def phase(self, name, share):
        from contextlib import nullcontext

        return nullcontext()

    def update(self, fraction):
        pass


def _covered(image, grid):
    index = image.ras_to_ijk @ grid.ijk_to_ras
    i, j, k = (np.arange(n) for n in grid.size)
    covered = np.ones(grid.shape, bool)
    for row, count in zip(index[:3], image.size, strict=True):
        place = row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + row[3]
        covered &= (place >= -0.5) & (place <= count - 0.5)
    return covered
