"""Calibrate a scan: rods found in it, rods marked by the user, or a line that is entered."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from .calibration import AUTOMATIC, MARKED, Calibration
from .fit import SLOPE_RANGE, fit_rods
from .presets import PhantomPreset, preset_of
from .rods import find_rods, measure_marked


def calibrate(
    image: Image,
    preset: str | PhantomPreset,
    masks_to_avoid: NDArray | None = None,
    rods: Sequence[Sequence[float]] | None = None,
) -> Calibration:
    """The line from HU to density of one scan.

    Args:
        image: CT in HU with the phantom in it, any affine.
        preset: key of ``PRESETS``, or a preset with the values of a certificate.
        masks_to_avoid: bone, bool (K, J, I): no rod is looked for there.
        rods: a point in each rod (R, A, S) in the order of the densities of the preset; found in the image if None.

    Raises:
        CalibrationError: if no rods are found, or they do not fit the phantom; the message names what would fit.
        InputError: for an unknown preset or a rod outside of the image.
    """
    phantom = preset_of(preset)
    if rods is not None:
        return fit_rods(measure_marked(image, rods, phantom), phantom, MARKED)
    return fit_rods(find_rods(image, phantom, masks_to_avoid), phantom, AUTOMATIC)


def manual(slope: float, intercept: float, phantom: str | PhantomPreset) -> Calibration:
    """A line that is entered, e.g. from the scanner's quality assurance.

    Args:
        slope: mg/cm3 per HU.
        intercept: mg/cm3 at 0 HU.
        phantom: which phantom the line belongs to: densities of different materials are not the same.

    Raises:
        InputError: for an unknown phantom or a slope that no CT has.
    """
    preset = preset_of(phantom)
    low, high = SLOPE_RANGE
    if not (math.isfinite(slope) and low <= slope <= high and math.isfinite(intercept)):
        raise InputError(
            f"A slope of {slope:g} mg/cm³ per HU is nothing that a CT gives: enter {low:g} to {high:g}, and an intercept in mg/cm³."
        )
    note = "The calibration was entered, not measured in this scan: densities get no interval."
    return Calibration(float(slope), float(intercept), phantom=preset.key, material=preset.material, warnings=(note,))
