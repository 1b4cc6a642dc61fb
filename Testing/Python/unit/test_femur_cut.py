"""Where the proximal femur ends: the plane is found where it is."""

from __future__ import annotations

import femur_patients
import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from FemurQCTLib.anatomy.patient import compose
from FemurQCTLib.cut import fit_cut, trimmed
from FemurQCTLib.grids import crop_grid
from FemurQCTLib.training.samples import proximal_box


def a_shaft(level=60.0, tilt=(0.1, 0.05), softness=2.0):
    """A rod of 30 mm across, called proximal above a tilted plane; and the normal."""
    grid = Image.from_spacing(np.zeros((80, 30, 30), np.uint8), (1.6,) * 3)
    k, j, i = np.indices(grid.shape) * 1.6
    normal = np.array([*tilt, 1.0]) / np.linalg.norm([*tilt, 1.0])
    height = (i - 24) * normal[0] + (j - 24) * normal[1] + (k - level) * normal[2]
    femur = (np.hypot(i - 24, j - 24) < 15).astype(np.float32)
    share = (1 / (1 + np.exp(-height / softness))).astype(np.float32)
    return femur * share, femur * (1 - share), grid, normal


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (0.15, -0.1), (-0.2, 0.2)])
def test_a_soft_border_becomes_the_plane_that_it_is_about(tilt):
    proximal, below, grid, normal = a_shaft(tilt=tilt)
    cut = fit_cut(proximal, below, grid)
    assert np.degrees(np.arccos(min(1.0, cut.normal @ normal))) < 1.0
    assert cut.offset == pytest.approx(normal @ (24, 24, 60), abs=0.3)


def test_what_is_left_above_the_plane_has_the_right_volume():
    proximal, below, grid, _ = a_shaft()
    kept = trimmed(proximal + below, fit_cut(proximal, below, grid), grid)
    assert float(kept.sum() * grid.voxel_ml) == pytest.approx(float(proximal.sum() * grid.voxel_ml), rel=0.01)


def test_a_scan_that_shows_nothing_below_has_no_cut():
    proximal, below, grid, _ = a_shaft()
    assert fit_cut(proximal + below, below * 0, grid) is None
    assert trimmed(proximal, None, grid) is proximal


def test_the_plane_of_a_femur_is_that_of_its_landmarks():
    patient = femur_patients.person()
    femur = patient.femora[0]
    grid = crop_grid(*proximal_box(femur), 1.6)
    made = compose(patient, grid, 0, soft=False)
    cut = fit_cut(made.proximal["left"], made.shaft["left"], grid)
    true = femur.pose[:3, :3] @ femur.landmarks.shaft
    point = (femur.pose @ (*femur.landmarks.shaft_point, 1))[:3]
    assert np.degrees(np.arccos(min(1.0, cut.normal @ true))) < 3
    assert cut.normal @ point == pytest.approx(cut.offset, abs=0.5)
