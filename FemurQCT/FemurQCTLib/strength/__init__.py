"""Finite elements: how stiff a femur is, and at which load it is estimated to fail."""

from .build import FALL, STANCE, build
from .criterion import CRITERION
from .materials import EQUATION
from .model import Model, Strength

__all__ = ["CRITERION", "EQUATION", "FALL", "STANCE", "Model", "Strength", "build"]
