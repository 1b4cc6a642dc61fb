"""A real MRML scene, empty at the start of each test, and a result to put into it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib import host
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.result import Provenance, Result
from RenalParenchymaLib.segments import SPECS


@pytest.fixture
def a_scene():
    scene = host.start()
    scene.Clear(0)
    yield scene
    scene.Clear(0)


@pytest.fixture
def a_volume_node(a_scene, a_kidney_phantom):
    from DeepVolumetryLib.mrml.volumes import node_from_image

    return node_from_image(a_kidney_phantom)


@pytest.fixture
def a_result(a_kidney_phantom):
    return result_on(a_kidney_phantom)


@pytest.fixture
def another_result(a_kidney_phantom):
    """A later run: smaller kidneys."""
    return result_on(a_kidney_phantom, shrink=1)


def result_on(image: Image, shrink: int = 0) -> Result:
    """Kidneys where the image is bright, their parenchyma with a hole, a cyst in it, and an uncertain rim."""
    bright = image.voxels > 0
    low, high = 7 + shrink, 13 - shrink
    bright[:low] = bright[high:] = False
    left, right = bright.copy(), bright.copy()
    left[..., :18] = False
    right[..., 18:] = False
    cyst = np.zeros_like(bright)
    cyst[9:11, 13:15, 25:27] = True
    segments = {"left_kidney": left, "right_kidney": right, "left_parenchyma": left & ~cyst, "right_parenchyma": right, "left_cyst": cyst}
    uncertainty = np.where(bright, 5.0, 0.0).astype(np.float32)
    uncertainty[low] = 80 * bright[low]
    volume = float(left.sum() * image.voxel_ml)
    return Result(
        image=image,
        specs=SPECS,
        segments=segments,
        probability={"kidney": bright.astype(np.float32)},
        uncertainty={"kidney": uncertainty, "parenchyma": uncertainty / 2},
        measurements=[
            Measurement("left_kidney", "Volume", volume, "mL", volume - 1, volume + 1, 0.95),
            Measurement("total_kidney", "Split function", float("nan"), "%", verdict="not measured"),
        ],
        regions=[],
        provenance=Provenance("renal", "0.1.0", "renal_kidney_parenchyma", "1.0.0", "ab" * 32),
    )
