"""Turn the checkpoint of the brain mask into the bundle that ships, with what it reaches on heads that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from DeepVolumetryLib.bundle import add_to_manifest
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.weights import save_weights

from ..brain import NETWORK
from ..brain_network import CLASSES, SPACING_MM, STRIDE, architecture
from .brain_measure import best_threshold, measured

_COPYRIGHT = "DeepVolumetry contributors; trained on SynthSeg's label maps (Billot et al., Apache-2.0)"


def export_brain(checkpoint: Path, bundle: Path, manifest: Path, version: str, heads: Path | None = None) -> dict[str, Any]:
    """Write configs, weights and the manifest entry; card and license are written by hand.

    Args:
        checkpoint: ``checkpoint.pt`` of ``brain-train``; the averaged weights are taken.
        bundle: folder of the bundle.
        manifest: JSON with the SHA-256 of the weights; other bundles in it stay.
        version: of the model.
        heads: folder of label maps. Four of them choose the threshold, four others are reported on; 0.5 and no figures without.

    Returns:
        Parameters, bytes, threshold, and the figures by sequence.

    Raises:
        InputError: if there is no checkpoint.
    """
    if not checkpoint.exists():
        raise InputError(f"There is no checkpoint at {checkpoint}.")
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    sizes = save_weights(saved["average"], bundle / "models" / f"{NETWORK}.safetensors")
    _describe(bundle, version, saved["state"], threshold=0.5, figures={})
    add_to_manifest(manifest, bundle)
    threshold, figures = 0.5, {}
    if heads is not None:
        threshold = best_threshold(heads, bundle)
        figures = measured(heads, bundle, threshold)
        _describe(bundle, version, saved["state"], threshold, figures)
    return {**sizes, "threshold": threshold, "figures": figures}


def _describe(bundle: Path, version: str, training: dict[str, Any], threshold: float, figures: dict[str, Any]) -> None:
    inference = {"networks": {NETWORK: architecture()}, "spacing_mm": SPACING_MM, "instance_statistics": True, "threshold": threshold}
    _write(bundle / "configs" / "inference.json", inference)
    metadata = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": version,
        "name": "Brain in whole heads on MR of any contrast",
        "task": "Brain mask (skull stripping)",
        "description": "3D U-Net at 3 mm trained on heads synthesized from label maps with random contrasts",
        "authors": "DeepVolumetry contributors",
        "copyright": _COPYRIGHT,
        "license": "Apache-2.0",
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "training": training,
        "evaluation": figures,
        "network_data_format": {
            "inputs": {"image": _described("image", "magnitude", ("one sequence",))},
            "outputs": {"pred": _described("image", "segmentation", CLASSES)},
        },
    }
    _write(bundle / "configs" / "metadata.json", metadata)


def _described(kind: str, layout: str, channels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": kind,
        "format": layout,
        "num_channels": len(channels),
        "spatial_shape": [f"{STRIDE}*n"] * 3,
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": True,
        "channel_def": {str(number): channel for number, channel in enumerate(channels)},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
