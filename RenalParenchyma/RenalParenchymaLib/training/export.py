"""Turn two checkpoints into the bundle that ships: fp16 weights, metadata, and an entry in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from DeepVolumetryLib.training.weights import save_weights

from ..labels import LOCALIZER_CLASSES, REFINER_CLASSES
from ..networks import LOCALIZER_MM, REFINER_MM, STRIDE, architecture

_COPYRIGHT = "DeepVolumetry contributors; trained on KiTS23 label maps (CC BY-NC-SA 4.0) and TotalSegmentator label maps (CC BY 4.0)"
_CLASSES = {"localizer": LOCALIZER_CLASSES, "refiner": REFINER_CLASSES}


def export(checkpoints: dict[str, Path], bundle: Path, manifest: Path, version: str, instance_statistics: bool) -> dict[str, Any]:
    """Write configs, models and the manifest entry; card and license are written by hand.

    Args:
        checkpoints: network -> ``checkpoint.pt`` of ``training.loop``; the averaged weights are taken.
        bundle: folder of the bundle.
        manifest: JSON with SHA-256 of the weights.
        version: of the model.
        instance_statistics: normalize with each image's own statistics instead of the running ones.

    Returns:
        Sizes per network: parameters and bytes.
    """
    from DeepVolumetryLib.bundle import write_manifest

    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    sizes: dict[str, Any] = {}
    steps = {}
    for name, path in checkpoints.items():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        steps[name] = saved["state"]
        sizes[name] = save_weights(saved["average"], bundle / "models" / f"{name}.safetensors")
    inference_path = bundle / "configs" / "inference.json"
    old = json.loads(inference_path.read_text(encoding="utf-8")) if inference_path.exists() else {}
    inference = {
        **old,
        "networks": {name: architecture(name) for name in checkpoints},
        "spacing_mm": {"localizer": LOCALIZER_MM, "refiner": REFINER_MM},
        "instance_statistics": instance_statistics,
    }
    _write(inference_path, inference)
    metadata: dict[str, Any] = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": version,
        "name": "Kidneys and renal parenchyma on CT and MR",
        "task": "Kidney, parenchyma, tumor and cyst segmentation on CT and fat-suppressed T2 MR",
        "description": "Two-step 3D U-Net trained on images synthesized from label maps",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "CC BY-NC-SA 4.0",
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "training": steps,
        "network_data_format": _data_format("refiner"),
    }
    for name in checkpoints:
        metadata[f"{name}_data_format"] = _data_format(name)
    _write(bundle / "configs" / "metadata.json", metadata)
    write_manifest(manifest, [bundle])
    return sizes


def _data_format(name: str) -> dict[str, Any]:
    """What goes in and comes out, in the words of MONAI's bundle schema."""

    def described(kind: str, layout: str, value_range: list[int], channels: tuple[str, ...]) -> dict[str, Any]:
        return {
            "type": kind,
            "format": layout,
            "num_channels": len(channels),
            "spatial_shape": [f"{STRIDE}*n"] * 3,
            "dtype": "float32",
            "value_range": value_range,
            "is_patch_data": True,
            "channel_def": {str(number): channel for number, channel in enumerate(channels)},
        }

    return {
        "inputs": {"image": described("image", "hounsfield or magnitude", [-3, 8], ("image",))},
        "outputs": {"pred": described("image", "segmentation", [0, 1], _CLASSES[name])},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
