from SpleenVolumeLib.shape_evaluation import *  # noqa: F403
