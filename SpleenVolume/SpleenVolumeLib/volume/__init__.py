"""From the outline of a spleen in one, two or three planes to its volume with an interval."""

from .estimate import VolumeEstimate
from .latent import LatentMap, latent_map
from .model import VolumeModel
from .views import CALIPERS, GRID, PLANES, Views, from_ultrasound_orientation, on_grid, to_ultrasound_orientation

__all__ = [
    "CALIPERS",
    "GRID",
    "PLANES",
    "LatentMap",
    "Views",
    "VolumeEstimate",
    "VolumeModel",
    "from_ultrasound_orientation",
    "latent_map",
    "on_grid",
    "to_ultrasound_orientation",
]
