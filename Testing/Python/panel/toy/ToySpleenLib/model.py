from __future__ import annotations

from SpleenVolumeLib.volume import VolumeModel


def volume_model(bundle=None) -> VolumeModel:
    return VolumeModel.simple()
