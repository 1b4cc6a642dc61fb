"""Finite elements: how stiff a femur is, and at which load it is estimated to fail."""

from .build import FALL, STANCE, build
from .model import Model, Strength

__all__ = ["FALL", "STANCE", "Model", "Strength", "build"]
