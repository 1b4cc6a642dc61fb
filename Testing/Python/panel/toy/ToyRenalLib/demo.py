from __future__ import annotations

import numpy as np

from DeepVolumetryLib.image import Image

SPACING = (4.0, 4.0, 4.0)
CENTERS = {"left": (-60.0, 0.0, 0.0), "right": (60.0, 0.0, 0.0)}
AXES = (28.0, 24.0, 44.0)
VALUES = {"sinus": 40, "parenchyma": 100, "tumor": 200, "cyst": 300}


def study(seed: int = 0) -> dict[str, Image]:
    """Two ellipsoids with a tumor and a cyst; gray values are those of VALUES."""
    shape = (30, 20, 48)
    image = Image.from_spacing(np.zeros(shape, np.int16), SPACING, origin_ras=(-96, -40, -60), modality="CT", name="toy")
    kji = np.indices(shape).reshape(3, -1)
    ras = (image.ijk_to_ras @ np.vstack([kji[::-1], np.ones(kji.shape[1])]))[:3].reshape(3, *shape)
    for side, center in CENTERS.items():
        away = np.stack([(ras[axis] - center[axis]) / AXES[axis] for axis in range(3)])
        distance = np.sqrt((away**2).sum(0))
        image.voxels[distance < 1] = VALUES["parenchyma"]
        image.voxels[distance < 0.45] = VALUES["sinus"]
        lesion = np.sqrt((ras[0] - center[0]) ** 2 + (ras[1] - center[1]) ** 2 + (ras[2] - 30) ** 2) < 10
        image.voxels[lesion] = VALUES["tumor" if side == "left" else "cyst"]
    return {"volume": image}
