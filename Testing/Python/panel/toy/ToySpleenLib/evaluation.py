from SpleenVolumeLib.evaluation import *  # noqa: F403
