"""What a calibrated scan of a femur measures: density, mineral, cortex, projection."""

from .areal import Areal, areal
from .compartments import CORTICAL_THRESHOLD, EROSION_MM, Compartments, compartments
from .measure import measure
from .thickness import thickness_map

__all__ = ["CORTICAL_THRESHOLD", "EROSION_MM", "Areal", "Compartments", "areal", "compartments", "measure", "thickness_map"]
