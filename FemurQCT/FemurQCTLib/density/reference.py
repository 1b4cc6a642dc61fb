"""What an aBMD is compared with: the young women of NHANES III, and where that comparison is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from ..calibration import K2HPO4, Calibration
from ..regions.frame import Frame


@dataclass(frozen=True)
class Reference:
    """Mean and standard deviation of young adults, g/cm2."""

    mean: float
    sd: float


NHANES_III = {"neck": Reference(0.858, 0.120), "total_hip": Reference(0.942, 0.122)}
"""White women aged 20 to 29 (Looker et al. 1998, Hologic scale). ISCD 2023 has everybody compared with them, men too."""

REFERENCE_NAME = "NHANES III, white women 20–29"

_LEAST_SHAFT_MM = 12.0


def why_no_t_score(calibration: Calibration, frame: Frame) -> str:
    """The sentence that says why there is no T-score, "" where there is one.

    The agreement of projected QCT with DXA was shown with K2HPO4 phantoms (Cann et al. 2014); hydroxyapatite is another scale.
    """
    if calibration.material != K2HPO4:
        return "No T-score: projected QCT was compared with DXA for K2HPO4 phantoms, and hydroxyapatite is another scale."
    if frame.shaft_length < _LEAST_SHAFT_MM:
        return "No T-score: too little of the shaft is in the scan to turn the femur to neutral anteversion."
    return ""


def t_score(abmd: float, region: str) -> float:
    """(aBMD - mean) / SD.

    Raises:
        KeyError: for a region without a reference.
    """
    reference = NHANES_III[region]
    return (abmd - reference.mean) / reference.sd
