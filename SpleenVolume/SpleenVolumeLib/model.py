"""The estimators of a bundle without its segmentation network, for measuring again after an edit."""

from __future__ import annotations

from pathlib import Path

from DeepVolumetryLib.bundle import Bundle

from .volume import VolumeModel

BUNDLE = "spleen_deepspv"


def shipped() -> Path:
    """Folder of the bundle that ships."""
    return Path(__file__).resolve().parent.parent / "Resources" / "Models" / BUNDLE


def volume_model(bundle: Path | None = None) -> VolumeModel:
    """Estimators of a bundle, of the one that ships if None, on the CPU.

    Raises:
        ModelError: if the bundle is missing or fails its check.
    """
    return VolumeModel.from_bundle(Bundle.open(bundle or shipped()), "cpu")
