"""A study with known truth from a label map: a head with a glioma on T1, T1ce, T2 and FLAIR."""

from __future__ import annotations

import numpy as np
import torch

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.phantom.brain_tissues import draw

from .labels import SEQUENCES, TARGETS, label_map
from .training.acquisition import acquire, varied
from .training.pack import SPACING_MM, Head, make_case_shape, make_head
from .training.samples import nested_targets
from .training.scene import Grid, Pose, compose
from .training.transplant import transplant
from .training.tumor import Tumor, grow

TUMORS = ("procedural", "none")
"""What ``synthesize_study`` can put into a head, besides a label map with a tumor's shape."""
REFERENCE_LABELS = "1=necrosis;2=edema;4=ET"
"""What the values of a synthesized reference mean."""
_FULL_SCALE = 1000.0


def synthesize_study(labels: Image, seed: int = 0, tumor: str | Image = "procedural") -> tuple[dict[str, Image], Image]:
    """Four sequences with an exactly known tumor, skull-stripped, at 1 mm.

    Args:
        labels: label map of a head with FreeSurfer's values and the tissues around the brain (as SynthSeg's), 1 mm.
        seed: same seed, same study.
        tumor: "procedural" grows one; "none" leaves the head as it is; a label map (1 necrosis or non-enhancing, 2 edema,
            4 enhancing; 1 mm) gives a shape that is turned, stretched and set into the head.

    Returns:
        The images by sequence, and the truth on their grid in the values of BraTS 2021: 1 necrosis or non-enhancing, 2 edema, 4 enhancing.

    Raises:
        InputError: if the label map is no head at 1 mm, or ``tumor`` is none of these.
    """
    head = make_head(labels.name or "the label map", 0, labels)
    rng = np.random.default_rng([seed, 7])
    if isinstance(tumor, Image):
        grown: Tumor | None = transplant(make_case_shape("the tumor", tumor), head, rng)
    elif tumor not in TUMORS:
        raise InputError(f"There is no kind of tumor “{tumor}”. Choose one of {', '.join(TUMORS)}, or give a label map.")
    else:
        grown = grow(head, rng) if tumor == "procedural" else None
    return synthesize(head, grown, seed)


def synthesize(head: Head, tumor: Tumor | None, seed: int) -> tuple[dict[str, Image], Image]:
    """As ``synthesize_study``, from a packed head and a tumor grown in it."""
    rng = np.random.default_rng([seed, 11])
    grid = Grid(tuple(head.tissue.shape), (SPACING_MM,) * 3)  # type: ignore[arg-type]
    pose = Pose(np.eye(3), (np.array(head.tissue.shape) - 1) / 2 * SPACING_MM)
    scene = compose(head, tumor, grid, pose, rng)
    voxels = acquire(scene, varied(draw(rng), rng), grid, rng) * scene.brain
    origin = -(np.array(head.tissue.shape[::-1]) - 1) / 2 * SPACING_MM
    masks = dict(zip(TARGETS, nested_targets(scene.parts).numpy() > 0, strict=True))
    truth = Image.from_spacing(label_map(masks, "brats2021"), (SPACING_MM,) * 3, origin, name="truth")
    images = {}
    for name, image in zip(SEQUENCES, voxels, strict=True):
        scaled = image * (_FULL_SCALE / max(float(torch.quantile(image[scene.brain][::11], 0.99)), 1e-6))
        array = np.where(scene.brain, np.maximum(np.rint(scaled.numpy()), 1), 0)  # 0 is kept for what was stripped
        images[name] = Image.from_spacing(array.clip(0, 30000).astype(np.int16), (SPACING_MM,) * 3, origin, modality="MR", name=name)
    return images, truth
