from SpleenVolumeLib.pictures import write_pictures, write_rotation

__all__ = ["write_pictures", "write_rotation"]
