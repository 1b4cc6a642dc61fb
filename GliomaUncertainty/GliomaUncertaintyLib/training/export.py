"""Turn a training into the bundle that ships: fp16 weights, batch statistics of the averaged weights, metadata, a manifest entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.weights import save_weights

from ..intensity import HIGHEST, LOWEST
from ..labels import SEQUENCES, TARGETS
from ..networks import NEIGHBOR_MM, NEIGHBORS, PIXEL_MM, STRIDE, architecture, build
from .run import CONFIG, SNAPSHOTS, samples_of

STATISTICS_BATCHES = 40

_COPYRIGHT = "DeepVolumetry contributors; trained on SynthSeg label maps (Apache-2.0) and cases of BraTS 2013 (CC BY-NC-SA 3.0)"


def weights_of(training: Path) -> dict[str, Path]:
    """Network -> file of a training: ``unet`` at its end, ``unet_2`` and ``unet_3`` some time before; the latter if they were kept.

    Raises:
        InputError: if there is no checkpoint.
    """
    if not (training / "checkpoint.pt").exists():
        raise InputError(f"There is no checkpoint in {training}. Give the folder of a training.")
    earlier = [training / f"snapshot_{round(share * 100)}.pt" for share in sorted(SNAPSHOTS, reverse=True)]
    named = {"unet": training / "checkpoint.pt"} | {f"unet_{number}": path for number, path in enumerate(earlier, start=2)}
    return {name: path for name, path in named.items() if path.exists()}


def export(training: Path, bundle: Path, manifest: Path, version: str, batches: int = STATISTICS_BATCHES) -> dict[str, Any]:
    """Write configs, models and the manifest entry; card and license are written by hand.

    Args:
        training: folder with ``checkpoint.pt`` and snapshots; the averaged weights are taken.
        bundle: folder of the bundle; what else its ``inference.json`` says, calibration among it, stays.
        manifest: JSON with SHA-256 of the weights.
        version: of the model.
        batches: on which means and variances of the batch normalization are counted afresh; 0 keeps the running ones of the training.

    Raises:
        InputError: if there is no checkpoint, its pack is not there any more, or its weights are not finite.

    Returns:
        Sizes per network: parameters and bytes.
    """
    from DeepVolumetryLib.bundle import add_to_manifest

    checkpoints = weights_of(training)
    images = samples_of(training, batches) if batches else []
    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    sizes: dict[str, Any] = {}
    steps = {}
    for name, path in checkpoints.items():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state = _with_statistics(saved["average"], images) if images else saved["average"]
        sizes[name] = save_weights(state, bundle / "models" / f"{name}.safetensors")
        steps[name] = saved["state"]
    inference_path = bundle / "configs" / "inference.json"
    old = json.loads(inference_path.read_text(encoding="utf-8")) if inference_path.exists() else {}
    inference = {
        **old,
        "networks": {name: architecture(name) for name in checkpoints},
        "pixel_mm": PIXEL_MM,
        "neighbor_mm": NEIGHBOR_MM,
        "sequences": list(SEQUENCES),
        "targets": list(TARGETS),
    }
    _write(inference_path, inference)
    config = json.loads((training / CONFIG).read_text(encoding="utf-8")) if (training / CONFIG).exists() else {}
    metadata: dict[str, Any] = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": version,
        "name": "Glioma on T1, T1ce, T2 and FLAIR, seen on spheres",
        "task": "Segmentation of whole tumor, tumor core and enhancing tumor",
        "description": "2D U-Net trained on slices and their spherical projections, synthesized from label maps and real",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "CC BY-NC-SA 3.0",
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "training": steps,
        "training_config": {key: value for key, value in config.items() if key not in ("pack", "start_from")},
        "network_data_format": _data_format(),
    }
    for name in checkpoints:
        metadata[f"{name}_data_format"] = _data_format()
    _write(bundle / "configs" / "metadata.json", metadata)
    add_to_manifest(manifest, bundle)
    return sizes


def _with_statistics(state: dict[str, Tensor], images: list[Tensor]) -> dict[str, Tensor]:
    """The weights with the batch statistics that they have themselves: an average of weights never saw a batch."""
    network = build(architecture())
    network.load_state_dict(state)
    update_bn(images, network)
    return network.state_dict()


def _data_format() -> dict[str, Any]:
    """What goes in and comes out, in the words of MONAI's bundle schema."""
    places = {-1: f"{NEIGHBOR_MM:g} mm below", 0: "slice", 1: f"{NEIGHBOR_MM:g} mm above"}
    channels = [f"{sequence}, {places[place]}" for place in NEIGHBORS for sequence in SEQUENCES]

    def described(kind: str, layout: str, value_range: list[float], names: list[str]) -> dict[str, Any]:
        return {
            "type": kind,
            "format": layout,
            "num_channels": len(names),
            "spatial_shape": [f"{STRIDE}*n"] * 2,
            "dtype": "float32",
            "value_range": value_range,
            "is_patch_data": True,
            "channel_def": {str(number): name for number, name in enumerate(names)},
        }

    return {
        "inputs": {"image": described("image", "magnitude", [LOWEST, HIGHEST], channels)},
        "outputs": {"pred": described("image", "segmentation", [0, 1], list(TARGETS))},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
