"""From density to modulus: ash density by the equation of the phantom, then one power law."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calibration import Calibration

FACTOR, EXPONENT, POISSON = 10500.0, 2.29, 0.3
"""E = 10500 MPa * (ash density in g/cm3)^2.29, Poisson's ratio 0.3: the default of Ogo (Bonelab) for models of the hip."""

LEAST_ASH = 6.0
"""mg/cm3; less is taken as this, about 0.1 MPa, as in Ogo: fat and air have no modulus of bone."""

EQUATION = "E = 10500 MPa · (ash in g/cm³)^2.29 (as in Ogo), Poisson's ratio 0.3"


def modulus(density: NDArray[Any], calibration: Calibration) -> NDArray[np.float64]:
    """Modulus in MPa of densities in mg/cm3 of the calibration's material.

    Raises:
        InputError: if the material is not known.
    """
    ash = np.maximum(calibration.equivalent_ash(density), LEAST_ASH) / 1000
    return np.asarray(FACTOR * ash**EXPONENT)
