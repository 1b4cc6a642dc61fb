"""Kidney function from creatinine, body size and the volumes of both kidneys.

eGFR equations and body surface areas are published standards. The new baselines after surgery are estimates for planning;
whoever shows them must call them so, and must print ``EQUAL_FUNCTION`` beside every split function.
"""

from __future__ import annotations

import math

FEMALE, MALE = "female", "male"

EQUAL_FUNCTION = (
    "Split function by volume assumes that every mL of parenchyma works equally well; "
    "it is wrong with obstruction, renal artery stenosis, scars or diffuse infiltration."
)
"""The caveat of every number that is split by volume."""

ESTIMATE = "estimate for planning, not a measurement"

COMPENSATION = 1.24
"""Growth of the other kidney's function after radical nephrectomy; from general knowledge, its source was not checked."""

_CKD_STAGES = (
    (90.0, "G1", "normal or high"),
    (60.0, "G2", "mildly decreased"),
    (45.0, "G3a", "mildly to moderately decreased"),
    (30.0, "G3b", "moderately to severely decreased"),
    (15.0, "G4", "severely decreased"),
    (-math.inf, "G5", "kidney failure"),
)


def egfr_ckd_epi_2021(creatinine_mg_dl: float, age: float, sex: str) -> float:
    """eGFR of an adult in mL/min/1.73 m2: CKD-EPI 2021 creatinine equation without race (Inker et al. 2021).

    Raises:
        ValueError: below 18 years, or if the sex is neither female nor male, or creatinine is not positive.
    """
    if age < 18:
        raise ValueError("CKD-EPI 2021 is for adults from 18 years on")
    _check_creatinine(creatinine_mg_dl)
    if sex not in (FEMALE, MALE):
        raise ValueError(f"sex must be female or male, not “{sex}”")
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == FEMALE else (0.9, -0.302, 1.0)
    ratio = creatinine_mg_dl / kappa
    return float(142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * factor)


def egfr_bedside_schwartz(creatinine_mg_dl: float, height_cm: float, age: float) -> float:
    """eGFR of a child of 1-17 years in mL/min/1.73 m2: 0.413 * height / creatinine (Schwartz et al. 2009).

    Raises:
        ValueError: outside that age, or if height or creatinine is not positive.
    """
    if not 1 <= age < 18:
        raise ValueError("the bedside Schwartz equation is for 1 to 17 years")
    _check_creatinine(creatinine_mg_dl)
    if not height_cm > 0:
        raise ValueError("height must be positive")
    return 0.413 * height_cm / creatinine_mg_dl


def ckd_stage(gfr: float) -> tuple[str, str]:
    """KDIGO GFR category and its words, e.g. ("G2", "mildly decreased"); a category alone is no diagnosis of CKD."""
    name, words = next((name, words) for least, name, words in _CKD_STAGES if gfr >= least)
    return name, words


def bsa_mosteller(height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2 (Mosteller 1987)."""
    return math.sqrt(height_cm * weight_kg / 3600)


def bsa_dubois(height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2 (DuBois and DuBois 1916)."""
    return float(0.007184 * weight_kg**0.425 * height_cm**0.725)


def gfr_after_radical_nephrectomy(gfr: float, remaining_share: float) -> float:
    """New baseline GFR once the other kidney is out: 1.24 * GFR * share of the remaining side, at most the GFR of today.

    An estimate; see ``COMPENSATION``.
    """
    return min(gfr, COMPENSATION * gfr * remaining_share)


def gfr_after_partial_nephrectomy(gfr: float, operated_share: float, lost_fraction: float) -> float:
    """New baseline GFR once a fraction of the operated side's parenchyma is lost: GFR * (1 - share * fraction). An estimate.

    Raises:
        ValueError: if the fraction is not in 0-1.
    """
    if not 0 <= lost_fraction <= 1:
        raise ValueError(f"a fraction lies between 0 and 1, not {lost_fraction}")
    return gfr * (1 - operated_share * lost_fraction)


def _check_creatinine(creatinine_mg_dl: float) -> None:
    if not (math.isfinite(creatinine_mg_dl) and creatinine_mg_dl > 0):
        raise ValueError(f"creatinine must be positive, not {creatinine_mg_dl}")
