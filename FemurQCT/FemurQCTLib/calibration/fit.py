"""The line through the rods, by the equation of each type of phantom, and what is wrong when they do not lie on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from DeepVolumetryLib.errors import InputError

from .calibration import MARKED, Calibration, Rod
from .presets import PRESETS, PhantomPreset

SIGMA_REF_TO_CT, BETA_REF_TO_CT = -0.2174, 999.6
"""Mindways: sigma_CT = sigma_ref - 0.2174, beta_CT = beta_ref + 999.6 (QCT PRO guide, as Ogo cites it)."""

DOUBT_MG, REFUSED_MG = 6.0, 15.0
"""Standard error of a fit in mg/cm3 from which a warning is given, and from which it is refused; our choice."""

SLOPE_RANGE = (0.35, 1.8)
"""mg/cm3 per HU that a CT can have: about 0.6 to 1.1 between 80 and 140 kVp, with room to both sides; our choice."""

INTERCEPT_RANGE = (-60.0, 60.0)
"""mg/cm3 at 0 HU, the HU of water, that a CT can have; our choice."""

_BETTER = 3.0


class CalibrationError(InputError):
    """The rods do not fit the phantom; the message names what fits better."""


@dataclass(frozen=True)
class Line:
    """density = slope * HU + intercept, with residuals in mg/cm3 (one per rod) and the covariance of (slope, intercept)."""

    slope: float
    intercept: float
    r_squared: float
    error: float
    residuals: NDArray[np.float64]
    covariance: tuple[float, ...]


def line_of(hu: ArrayLike, preset: PhantomPreset) -> Line:
    """Least squares over the rods.

    Solid phantoms: density = m HU + b. Mindways: HU - rho_water = sigma_ref rho_K2HPO4 + beta_ref, then
    rho = (HU - beta_CT) / sigma_CT. R squared is that of the respective regression; residuals are in density in both cases.

    Args:
        hu: mean of each rod, in the order of the preset's densities.

    Raises:
        ValueError: if the number of rods differs.
    """
    x, rho = np.asarray(hu, np.float64), np.asarray(preset.densities)
    if x.shape != rho.shape:
        raise ValueError(f"{x.size} rods for {rho.size} densities")
    if not preset.water:
        fit = _regression(x, rho)
        return Line(fit.slope, fit.intercept, fit.r_squared, fit.error, fit.residuals, fit.covariance)
    fit = _regression(rho, x - np.asarray(preset.water))
    sigma, beta = fit.slope + SIGMA_REF_TO_CT, fit.intercept + BETA_REF_TO_CT
    if sigma == 0:
        return Line(math.inf, math.nan, 0.0, math.inf, np.full(rho.shape, np.inf), ())
    # slope = 1 / sigma, intercept = -beta / sigma: first-order propagation of the regression's covariance
    jacobian = np.array([[-1 / sigma**2, 0], [beta / sigma**2, -1 / sigma]])
    covariance: tuple[float, ...] = ()
    if fit.covariance:
        covariance = tuple((jacobian @ np.reshape(fit.covariance, (2, 2)) @ jacobian.T).ravel().tolist())
    return Line(1 / sigma, -beta / sigma, fit.r_squared, fit.error / abs(fit.slope), -fit.residuals / fit.slope, covariance)


def _regression(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    center, spread = x.mean(), float(((x - x.mean()) ** 2).sum())
    if spread == 0:
        return Line(0.0, float(y.mean()), 0.0, math.inf, y.mean() - y, ())
    slope = float(((x - center) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - slope * center)
    residuals = slope * x + intercept - y
    total, rest = float(((y - y.mean()) ** 2).sum()), float((residuals**2).sum())
    freedom = x.size - 2
    if freedom < 1:
        return Line(slope, intercept, 1.0, math.nan, residuals, ())
    variance = rest / freedom
    shared = -center / spread
    covariance = (variance / spread, variance * shared, variance * shared, variance * (1 / x.size + center**2 / spread))
    return Line(slope, intercept, 1 - rest / total if total else 0.0, math.sqrt(variance), residuals, covariance)


def is_plausible(line: Line) -> bool:
    """True if a CT can have this line and the rods lie on it."""
    return not _impossible(line) and not line.error > REFUSED_MG


def _impossible(line: Line) -> str:
    """What is wrong with a line whatever the rods are, "" if nothing."""
    for value, (low, high), unit in ((line.slope, SLOPE_RANGE, "mg/cm³ per HU"), (line.intercept, INTERCEPT_RANGE, "mg/cm³ in water")):
        if not low <= value <= high:
            return f"{value:.3g} {unit} is nothing that a CT gives ({low:g} to {high:g})"
    return ""


def fit_rods(rods: Sequence[Rod], preset: PhantomPreset, source: str = MARKED) -> Calibration:
    """Calibration from rods that were measured, in the order of the preset's densities.

    Raises:
        CalibrationError: if the rods do not lie on a line that a CT can have; the message names the order or the phantom that
            would fit, if there is one.
    """
    if len(rods) != len(preset.densities):
        raise CalibrationError(
            f"{preset.name} has {len(preset.densities)} rods, but {len(rods)} were given. Mark each of them, or choose another phantom."
        )
    hu = [rod.hu_mean for rod in rods]
    line = line_of(hu, preset)
    other = _fits_better(hu, preset, line)
    if not is_plausible(line) or other:
        raise CalibrationError(f"{_complaint(line, preset)} {other or 'Check the phantom, its certificate and the positions of the rods.'}")
    fitted = tuple(
        replace(rod, density=density, fitted=density + float(off))
        for rod, density, off in zip(rods, preset.densities, line.residuals, strict=True)
    )
    return Calibration(
        slope=line.slope,
        intercept=line.intercept,
        r_squared=line.r_squared,
        residual_mg_cm3=line.error,
        rods=fitted,
        phantom=preset.key,
        material=preset.material,
        source=source,
        covariance=line.covariance,
        warnings=tuple(_doubts(line, preset)),
    )


def _complaint(line: Line, preset: PhantomPreset) -> str:
    impossible = _impossible(line)
    if impossible:
        return f"The rods do not fit {preset.name}: {impossible}."
    return f"The rods do not fit {preset.name}: they miss their line by {line.error:.1f} mg/cm³ (at most {REFUSED_MG:g} is accepted)."


def _fits_better(hu: Sequence[float], preset: PhantomPreset, line: Line) -> str:
    """A sentence about what fits clearly better than the preset in its order, "" if nothing does."""
    if math.isnan(line.error) and is_plausible(line):  # two rods lie on every line
        return ""
    limit = line.error / _BETTER if is_plausible(line) else REFUSED_MG
    if is_plausible(line) and not line.error > DOUBT_MG:
        return ""
    candidates = sorted(_alternatives(hu, preset), key=lambda found: found[0])
    return candidates[0][1] if candidates and candidates[0][0] < limit else ""


def _alternatives(hu: Sequence[float], preset: PhantomPreset) -> Iterator[tuple[float, str]]:
    """(standard error, sentence) of every other order and preset that is plausible; another preset costs a little more than an order."""
    count = len(hu)
    for order in permutations(range(count)):
        line = line_of([hu[i] for i in order], preset)
        if order != tuple(range(count)) and is_plausible(line):
            yield _cost(line), f"Their order seems to be wrong: {_order_words(order)} would fit within {_cost(line):.1f} mg/cm³."
    for other in PRESETS.values():
        if other.key == preset.key or len(other.densities) != count:
            continue
        for way in (1, -1):
            line = line_of(hu[::way], other)
            if is_plausible(line):
                yield 1.01 * _cost(line) + 0.01, f"They would fit {other.name} within {_cost(line):.1f} mg/cm³: is that the phantom?"


def _cost(line: Line) -> float:
    return 0.0 if math.isnan(line.error) else line.error


def _order_words(order: tuple[int, ...]) -> str:
    if order == tuple(reversed(range(len(order)))):
        return "the reverse"
    return "rods " + ", ".join(str(i + 1) for i in order)


def _doubts(line: Line, preset: PhantomPreset) -> Iterator[str]:
    if math.isnan(line.error):
        yield f"{preset.name} has two rods: its line cannot be checked, and densities get no interval."
    elif line.error > DOUBT_MG:
        yield (
            f"The rods miss their line by {line.error:.1f} mg/cm³ (R² {line.r_squared:.4f}): "
            "check the certificate, and look for beam hardening or metal near the phantom."
        )
