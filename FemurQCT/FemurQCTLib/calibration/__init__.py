"""From Hounsfield units to bone mineral density: phantoms, their rods, the line through them."""

from .calibrate import calibrate, manual
from .calibration import Calibration, Rod
from .fit import CalibrationError, fit_rods
from .presets import CHA, K2HPO4, PRESETS, PhantomPreset, preset_of

__all__ = [
    "CHA", "K2HPO4", "PRESETS", "Calibration", "CalibrationError", "PhantomPreset", "Rod", "calibrate", "fit_rods", "manual", "preset_of",
]  # fmt: skip
