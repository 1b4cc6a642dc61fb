"""What a calibrated scan of a femur measures: density, mineral, cortex, projection."""

from .areal import Areal, areal
from .compartments import CORTICAL_THRESHOLD, EROSION_MM, Compartments, compartments
from .measure import measure
from .reference import NHANES_III, REFERENCE_NAME
from .thickness import Cortex, cortex, thickness_map

__all__ = [
    "CORTICAL_THRESHOLD",
    "EROSION_MM",
    "NHANES_III",
    "REFERENCE_NAME",
    "Areal",
    "Compartments",
    "Cortex",
    "areal",
    "compartments",
    "cortex",
    "measure",
    "thickness_map",
]
