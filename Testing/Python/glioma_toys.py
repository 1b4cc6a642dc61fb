"""A head made of balls, as images and as labels, and a network that tells its parts by their brightness: no trained weights are needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from DeepVolumetryLib.image import Image

SEQUENCES = ("t1", "t1ce", "t2", "flair")
BRAIN_RADII_MM = (56.0, 64.0, 44.0)
TUMOR_RAS_MM = (18.0, -12.0, 6.0)
RADIUS_MM = {"WT": 22.0, "TC": 15.0, "ET": 10.0}
LABEL_MAP_SIZE = (72, 84, 76)
VOLUME_ML = {target: 4 / 3 * np.pi * radius**3 / 1000 for target, radius in RADIUS_MM.items()}
# brightness of each sequence in the brain, and what WT, TC and ET add to it
_BRAIN = {"t1": 300.0, "t1ce": 310.0, "t2": 200.0, "flair": 250.0}
_ADDED = {"t1": (-30, -20, 0), "t1ce": (0, 50, 30), "t2": (150, 0, 0), "flair": (120, 0, 0)}


def grid_over(spacing=(2.0, 2.0, 2.0), size=(64, 72, 50), direction=None) -> Image:
    """A grid whose middle is the origin."""
    direction = np.eye(3) if direction is None else np.asarray(direction, float)
    origin = -(direction * spacing) @ ((np.array(size) - 1) / 2)
    return Image.from_spacing(np.zeros(size[::-1], np.float32), spacing, origin, direction, modality="MR")


def head(grid: Image | None = None, tumor=TUMOR_RAS_MM, sequences=SEQUENCES) -> dict[str, Image]:
    """Skull-stripped sequences of one head, drawn from RAS coordinates, so that any grid shows the same patient; tumor None for none."""
    grid = grid_over() if grid is None else grid
    k, j, i = np.indices(grid.shape)
    ras = np.stack([row[0] * i + row[1] * j + row[2] * k + row[3] for row in grid.ijk_to_ras[:3]])
    inside = ((ras / np.reshape(BRAIN_RADII_MM, (3, 1, 1, 1))) ** 2).sum(0) <= 1
    blur = float(np.mean(grid.spacing))
    texture = 30 * np.sin(ras[0] / 9) * np.cos(ras[1] / 7) * np.sin(ras[2] / 8 + 1)
    images = {}
    for name in sequences:
        voxels = _BRAIN[name] + texture
        if tumor is not None:
            distance = np.sqrt(((ras - np.reshape(tumor, (3, 1, 1, 1))) ** 2).sum(0))
            voxels = _BRAIN[name] + texture * np.clip(distance / 8 - 3, 0, 1)  # even inside, so that brightness alone tells the parts
            for added, radius in zip(_ADDED[name], RADIUS_MM.values(), strict=True):
                voxels = voxels + added * np.clip((radius - distance) / blur + 0.5, 0, 1)
        images[name] = grid.with_voxels(np.where(inside, voxels, 0).astype(np.float32))
    return images


def label_map() -> np.ndarray:
    """A small head in R, A, S order with FreeSurfer's values: balls in balls, a fluid gap between the hemispheres."""
    k, j, i = (axis - (n - 1) / 2 for axis, n in zip(np.indices(LABEL_MAP_SIZE), LABEL_MAP_SIZE, strict=True))
    radius = np.sqrt((k / 0.9) ** 2 + j**2 + i**2)
    labels = np.zeros(LABEL_MAP_SIZE, np.uint16)
    for outer, value in ((36, 507), (33, 515), (31, 24), (28, 3), (23, 2)):
        labels[radius < outer] = value
    right = i > 0
    for left, other in ((2, 41), (3, 42)):
        labels[(labels == left) & right] = other
    labels[(np.abs(i) < 1) & (radius < 31) & (radius > 14)] = 24
    labels[np.sqrt((np.abs(i) - 7) ** 2 + (j / 3) ** 2 + k**2) < 4] = 4
    return labels


def patient() -> tuple[Image, Image, Image]:
    """FLAIR, T1ce and labels: a ball of enhancing tumor around necrosis in edema, bright where it should be."""
    k, j, i = (axis - place for axis, place in zip(np.indices((40, 60, 50)), (20, 30, 25), strict=True))
    brain = (k / 19) ** 2 + (j / 28) ** 2 + (i / 23) ** 2 < 1
    radius = np.sqrt(k**2 + (j - 8) ** 2 + i**2)
    labels = np.select([radius < 4, radius < 7, radius < 11], [1, 4, 2], 0).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 20, (2, *brain.shape))
    flair = np.where(brain, 300 + 200 * (labels > 0) + noise[0], 0).astype(np.float32)
    t1ce = np.where(brain, 300 + 300 * (labels == 4) + noise[1], 0).astype(np.float32)
    image = Image.from_spacing(flair, (1, 1, 1))
    return image, image.with_voxels(t1ce), image.with_voxels(labels)


def write_bundle(folder: Path, networks=("unet",), trained: bool = True) -> Path:
    """A bundle of small 2D U-Nets of the real architecture.

    Args:
        folder: of the bundle.
        networks: names.
        trained: weights that call bright FLAIR whole tumor, and bright and brighter T1ce its core and what enhances; random ones if False.
    """
    import torch
    from safetensors.torch import save_file

    from GliomaUncertaintyLib.labels import TARGETS
    from GliomaUncertaintyLib.networks import architecture, build

    (folder / "models").mkdir(parents=True)
    (folder / "configs").mkdir()
    arguments = {**architecture(), "features": (4, 4, 4, 4, 4, 4), "dropout": 0.005}
    for number, name in enumerate(networks):
        torch.manual_seed(number)
        network = build(arguments)
        if trained:
            look_at_brightness(network, 0.1 * number)
        save_file(
            {key: value.half().contiguous() for key, value in network.state_dict().items()}, folder / "models" / f"{name}.safetensors"
        )
    described = {
        "inputs": {"image": {"num_channels": 12}},
        "outputs": {"pred": {"num_channels": 3, "channel_def": {str(n): target for n, target in enumerate(TARGETS)}}},
    }
    metadata = {"version": "0.0.1", "license": "Apache-2.0", "network_data_format": described}
    metadata |= {f"{name}_data_format": described for name in networks}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps({"networks": {name: arguments for name in networks}}))
    return folder


def look_at_brightness(network, offset: float = 0.0) -> None:
    """Weights that carry T1ce and FLAIR of the middle slice through the uppermost level and compare them with thresholds."""
    import torch

    with torch.no_grad():
        for name, values in network.state_dict().items():
            if name.endswith(("running_var", "N.weight")):
                values.fill_(1)
            elif values.is_floating_point():
                values.zero_()
        network.conv_0.conv_0.conv.weight[0, 4 + 1, 1, 1] = 1
        network.conv_0.conv_0.conv.weight[1, 4 + 3, 1, 1] = 1
        for layer in (network.conv_0.conv_1, network.upcat_1.convs.conv_0, network.upcat_1.convs.conv_1):
            layer.conv.weight[0, 0, 1, 1] = layer.conv.weight[1, 1, 1, 1] = 1
        for target, (channel, threshold) in enumerate(((1, 1.7), (0, 1.8), (0, 4.7))):
            network.final_conv.weight[target, channel, 0, 0] = 6
            network.final_conv.bias[target] = -6 * (threshold + offset)
