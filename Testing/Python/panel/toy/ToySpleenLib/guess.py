from SpleenVolumeLib.guess import *  # noqa: F403
