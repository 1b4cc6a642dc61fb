"""What several kinds of tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib.image import Image

sys.path.insert(0, str(Path(__file__).parent))

import glioma_toys

OBLIQUE = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


@pytest.fixture
def a_kidney_phantom() -> Image:
    """A small oblique CT with two bright balls in it, (K, J, I) = (20, 28, 36), 2 × 2 × 3 mm."""
    k, j, i = np.mgrid[0:20, 0:28, 0:36]
    voxels = np.full((20, 28, 36), -80, np.int16)
    for center in (9, 26):
        voxels[(i - center) ** 2 * 4 + (j - 14) ** 2 * 4 + (k - 10) ** 2 * 9 < 144] = 180
    return Image.from_spacing(voxels, (2, 2, 3), (-20, 30, 100), OBLIQUE, modality="CT", uid="1.2.826.0.1.1", name="Phantom")


@pytest.fixture
def a_glioma_head() -> dict[str, Image]:
    """Four skull-stripped sequences of a head with a tumor of three nested balls, 2 mm."""
    return glioma_toys.head()


@pytest.fixture
def a_glioma_bundle(tmp_path) -> Path:
    """A bundle of three small networks that tell the parts of `a_glioma_head` by their brightness."""
    return glioma_toys.write_bundle(tmp_path / "toy_glioma", ("unet", "unet_2", "unet_3"))
