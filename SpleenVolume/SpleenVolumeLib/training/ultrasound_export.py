"""Turn the checkpoints of the U-Net and of USDM into the weights that ship: fp16, metadata, entries in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from DeepVolumetryLib.bundle import add_to_manifest
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.weights import save_weights

from ..diffusion import network as diffusion_network
from ..segmentation_network import CHANNELS, OUTSIDE, PIXEL_MM, STRIDE, architecture

_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
_COPYRIGHT = "DeepVolumetry contributors; trained on shapes generated from real spleens, see docs/README.md"
_LAST_BIAS = "1.final_conv.bias"  # of ``segmentation_network.build``
_VERSIONS = {"monai_version": "1.6.1", "pytorch_version": "2.13.0", "numpy_version": "2.4.6"}


def export_unet(training: Path, bundle: Path, manifest: Path, version: str, shift: float = 0.0) -> dict[str, Any]:
    """Write the U-Net into the bundle; what else is in it (estimators, other metadata) stays.

    Args:
        training: folder with ``checkpoint.pt`` and ``config.json``; the averaged weights are taken.
        bundle: folder of the bundle.
        manifest: JSON with the SHA-256 of the weights.
        version: of the model, if the bundle has none yet.
        shift: taken from the logit of every pixel. Where it is in doubt the network draws spleens too large; a shift that was chosen on
            pictures beside those of the training makes areas right on average, which volumes need.

    Returns:
        Parameters and bytes.

    Raises:
        InputError: if there is no checkpoint.
    """
    size, state = _weights(training, bundle, "unet", shift)
    _update(bundle / "configs" / "inference.json", {"networks": {"unet": architecture()}, "pixel_mm": PIXEL_MM})
    metadata: dict[str, Any] = {
        "schema": _SCHEMA,
        "version": version,
        "name": "Spleen in B-mode ultrasound and its volume",
        "task": "Segmentation of the spleen in one to three ultrasound pictures and estimation of its volume",
        "description": "2D U-Net trained on simulated ultrasound; estimators of the volume trained on generated and real shapes",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "CC BY 4.0",
        **_VERSIONS,
    }
    path = bundle / "configs" / "metadata.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    trained = {"unet": {**state, "logit_shift": shift, "config": _config(training)}}
    _update(path, {**metadata, **kept, "training": {**kept.get("training", {}), **trained}, "network_data_format": _unet_format()})
    add_to_manifest(manifest, bundle)
    return size


def export_usdm(training: Path, bundle: Path, manifest: Path, version: str) -> dict[str, Any]:
    """Write the bundle of USDM; as ``export_unet``."""
    size, state = _weights(training, bundle, "usdm")
    side = diffusion_network.SIZE
    _update(bundle / "configs" / "inference.json", {"networks": {"usdm": diffusion_network.architecture()}, "size": side})
    metadata = {
        "schema": _SCHEMA,
        "version": version,
        "name": "Ultrasound of the spleen from a layout (USDM)",
        "task": "Synthesis of B-mode pictures from a layout of background, fan and spleen",
        "description": "Semantic diffusion model (SPADE) trained on simulated ultrasound",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "CC BY 4.0",
        **_VERSIONS,
        "training": {"usdm": {**state, "config": _config(training)}},
        "network_data_format": {
            "inputs": {"image": _described("image", ["noisy picture", *diffusion_network.LAYOUT, "time"], [side, side], [-1, 1])},
            "outputs": {"pred": _described("image", ["velocity"], [side, side], [-1, 1])},
        },
    }
    _update(bundle / "configs" / "metadata.json", metadata)
    add_to_manifest(manifest, bundle)
    return size


def _weights(training: Path, bundle: Path, name: str, shift: float = 0.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the averaged weights in half precision; sizes, and how far the training had come."""
    if not (training / "checkpoint.pt").exists():
        raise InputError(f"There is no checkpoint in {training}. Give the folder of a training.")
    saved = torch.load(training / "checkpoint.pt", map_location="cpu", weights_only=True)
    weights = dict(saved["average"])
    if shift:
        weights[_LAST_BIAS] = weights[_LAST_BIAS] - shift
    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    return save_weights(weights, bundle / "models" / f"{name}.safetensors"), saved["state"]


def _config(training: Path) -> dict[str, Any]:
    """Settings of the training, without paths."""
    path = training / "config.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {key: value for key, value in found.items() if key not in ("pictures", "more_pictures")}


def _unet_format() -> dict[str, Any]:
    return {
        "inputs": {"image": _described("image", list(CHANNELS), [f"{STRIDE}*n"] * 2, [OUTSIDE, 5])},
        "outputs": {"pred": _described("image", ["spleen"], [f"{STRIDE}*n"] * 2, [0, 1], "segmentation")},
    }


def _described(kind: str, names: list[str], shape: list[Any], values: list[float], layout: str = "magnitude") -> dict[str, Any]:
    """What goes in or comes out, in the words of MONAI's bundle schema."""
    return {
        "type": kind,
        "format": layout,
        "num_channels": len(names),
        "spatial_shape": shape,
        "dtype": "float32",
        "value_range": values,
        "is_patch_data": False,
        "channel_def": {str(number): name for number, name in enumerate(names)},
    }


def _update(path: Path, content: dict[str, Any]) -> None:
    """Merge into a JSON file; ``networks`` is merged one level deeper, since others write theirs into the same file."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    merged = {**old, **content}
    if "networks" in content:
        merged["networks"] = {**old.get("networks", {}), **content["networks"]}
    path.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")
