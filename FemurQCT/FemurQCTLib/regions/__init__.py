"""Where the parts of a proximal femur lie: its own frame, and planes that divide it."""

from .divide import REGIONS, TOTAL_HIP, divide
from .fit import fit_frame
from .frame import Frame
from .planes import PLANES, Plane, default_planes, planes_from_dict, planes_to_dict

__all__ = [
    "PLANES", "REGIONS", "TOTAL_HIP", "Frame", "Plane", "default_planes", "divide", "fit_frame", "planes_from_dict", "planes_to_dict",
]  # fmt: skip
