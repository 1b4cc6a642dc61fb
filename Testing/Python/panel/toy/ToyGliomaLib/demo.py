from __future__ import annotations

import numpy as np

from DeepVolumetryLib.image import Image

SPACING = (3.0, 3.0, 4.0)
SHAPE = (28, 48, 40)
CENTER = (24.0, 6.0, 10.0)
RADII = {"edema": 26.0, "necrosis": 15.0, "ET": 15.0}
VALUES = {"brain": 100, "faint": 150, "edema": 200, "necrosis": 300, "ET": 400}


def study(seed: int = 0) -> dict[str, Image]:
    """A head with a tumor of three shells and a faint island apart from it; gray values are those of VALUES in all sequences."""
    image = Image.from_spacing(np.zeros(SHAPE, np.int16), SPACING, origin_ras=(-60, -70, -50), modality="MR", name="toy")
    kji = np.indices(SHAPE).reshape(3, -1)
    ras = (image.ijk_to_ras @ np.vstack([kji[::-1], np.ones(kji.shape[1])]))[:3].reshape(3, *SHAPE)

    def distance(center, axes=(1, 1, 1)):
        return np.sqrt(sum(((ras[axis] - center[axis]) / axes[axis]) ** 2 for axis in range(3)))

    voxels = np.zeros(SHAPE, np.int16)
    voxels[distance((0, 0, 0), (56, 64, 48)) < 1] = VALUES["brain"]
    from_tumor = distance(CENTER)
    voxels[from_tumor < RADII["edema"]] = VALUES["edema"]
    voxels[from_tumor < RADII["ET"]] = VALUES["ET"]
    voxels[from_tumor < 8] = VALUES["necrosis"]
    voxels[distance((-24, -10, 0)) < 9] = VALUES["faint"]
    return {name: image.with_voxels(voxels.copy()) for name in ("t1", "t1ce", "t2", "flair")}
