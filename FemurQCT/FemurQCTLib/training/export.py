"""Turn two checkpoints into the bundle that ships: fp16 weights, metadata, and an entry in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from DeepVolumetryLib.training.weights import save_weights

from ..networks import CROP, FINDER_CLASSES, FINDER_MM, FINDER_STRIDE, VNET_CLASSES, VNET_MM, architecture

_CLASSES = {"finder": FINDER_CLASSES, "vnet": VNET_CLASSES}
_COPYRIGHT = (
    "DeepVolumetry contributors; trained on hips composed from draws of the morphable femur of Unibas GRAVIS (Apache-2.0) "
    "and from TotalSegmentator label maps (CC BY 4.0)"
)


def export(checkpoints: dict[str, Path], bundle: Path, manifest: Path, version: str) -> dict[str, Any]:
    """Write configs, models and the manifest entry; card and license are written by hand.

    Args:
        checkpoints: network -> ``checkpoint.pt`` of ``training.loop``; the averaged weights are taken.
        bundle: folder of the bundle.
        manifest: JSON with SHA-256 of the weights.
        version: of the model.

    Returns:
        Sizes per network: parameters and bytes.
    """
    from DeepVolumetryLib.bundle import write_manifest

    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    sizes: dict[str, Any] = {}
    steps = {}
    for name, path in checkpoints.items():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        steps[name] = {**saved["state"], **_earlier(name, path, bundle)}
        sizes[name] = save_weights(saved["average"], bundle / "models" / f"{name}.safetensors")
    inference_path = bundle / "configs" / "inference.json"
    old = json.loads(inference_path.read_text(encoding="utf-8")) if inference_path.exists() else {}
    inference = {
        **old,
        "networks": {name: architecture(name) for name in checkpoints},
        "spacing_mm": {"finder": FINDER_MM, "vnet": VNET_MM},
        "instance_statistics": True,
    }
    _write(inference_path, inference)
    metadata: dict[str, Any] = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": version,
        "name": "Proximal femora on hip CT",
        "task": "Segmentation of the left and right proximal femur on quantitative CT of the hip",
        "description": "Hip finder and V-Net trained on hips of known density that are composed from a shape model and label maps",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "CC BY 4.0",
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "training": steps,
        "network_data_format": _data_format("vnet"),
    }
    for name in checkpoints:
        metadata[f"{name}_data_format"] = _data_format(name)
    _write(bundle / "configs" / "metadata.json", metadata)
    write_manifest(manifest, [bundle])
    return sizes


def _earlier(name: str, checkpoint: Path, bundle: Path) -> dict[str, Any]:
    """What the training that this one started from had done, as the bundle says that is about to be replaced."""
    config, metadata = checkpoint.parent / "config.json", bundle / "configs" / "metadata.json"
    if not config.exists() or not metadata.exists() or not json.loads(config.read_text(encoding="utf-8")).get("start_from"):
        return {}
    return {"started_from": json.loads(metadata.read_text(encoding="utf-8"))["training"][name]}


def _data_format(name: str) -> dict[str, Any]:
    """What goes in and comes out, in the words of MONAI's bundle schema."""
    shape: list[Any] = list(CROP) if name == "vnet" else [f"{FINDER_STRIDE}*n"] * 3

    def described(kind: str, layout: str, value_range: list[int], channels: tuple[str, ...]) -> dict[str, Any]:
        return {
            "type": kind,
            "format": layout,
            "num_channels": len(channels),
            "spatial_shape": shape,
            "dtype": "float32",
            "value_range": value_range,
            "is_patch_data": name != "vnet",
            "channel_def": {str(number): channel for number, channel in enumerate(channels)},
        }

    return {
        "inputs": {"image": described("image", "hounsfield", [-2, 5], ("image",))},
        "outputs": {"pred": described("image", "segmentation", [0, 1], _CLASSES[name])},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
