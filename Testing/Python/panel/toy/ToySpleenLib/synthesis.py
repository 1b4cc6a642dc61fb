from SpleenVolumeLib.synthesis import *  # noqa: F403
