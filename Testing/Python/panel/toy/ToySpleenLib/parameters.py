from SpleenVolumeLib.parameters import Parameters

__all__ = ["Parameters"]
