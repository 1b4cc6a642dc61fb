"""How this scan is calibrated: rods found, rods marked, a line that is entered, or not at all, with a sentence why."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .calibration import Calibration, CalibrationError, calibrate, manual, preset_of
from .parameters import Parameters

NONE = (
    "No calibration: HU only. Density, mineral content, T-score and strength need a calibration phantom under the patient "
    "(choose its type) or an entered slope and intercept."
)


def calibration_of(image: Image, bone: NDArray[np.bool_], parameters: Parameters) -> tuple[Calibration | None, str]:
    """The calibration that the parameters ask for, and why there is none ("" if there is).

    ``bone`` (K, J, I) is where no rod is looked for. A phantom whose rods are not found or do not fit is no error of the run: masks and
    HU are still right.

    Raises:
        InputError: for a slope that no CT has, a certificate of another phantom, or a rod that is marked outside of the scan.
    """
    if not parameters.calibrated:
        return None, NONE
    if parameters.slope is not None and parameters.intercept is not None:
        if not parameters.phantom:
            return None, "The entered calibration was not used: choose the phantom that it belongs to, since materials are never mixed."
        return manual(parameters.slope, parameters.intercept, parameters.phantom), ""
    preset = preset_of(parameters.phantom)
    if parameters.certificate:
        preset = preset.with_certificate(parameters.certificate)
    try:
        return calibrate(image, preset, bone, parameters.rods), ""
    except CalibrationError as error:
        return None, f"No calibration: HU only. {error}"
