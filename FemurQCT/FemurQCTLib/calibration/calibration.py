"""Calibration: the line from Hounsfield units to density, with everything needed to judge and to repeat it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from DeepVolumetryLib.errors import InputError

from .presets import CHA, K2HPO4, unit_of

AUTOMATIC, MARKED, ENTERED = "rods found", "rods marked", "entered"
"""Where the line comes from."""

_ASH = {K2HPO4: (1.06, 38.9, "Keyak et al. 1994"), CHA: (0.839, 69.8, "Kaneko et al. 2004")}
"""Material -> ash density = factor * density + offset in mg/cm3, and its source."""


@dataclass(frozen=True)
class Rod:
    """One rod as it was measured.

    Attributes:
        center_ras: middle of the measured stretch, mm.
        hu_mean, hu_sd: over the voxels in its core; the SD is the noise of one voxel.
        density: of its certificate, mg/cm3.
        fitted: density that the line gives for it, mg/cm3; NaN where there is no line.
        voxels: how many were measured.
        radius_mm: of the rod as it was found; NaN if unknown.
    """

    center_ras: tuple[float, float, float]
    hu_mean: float
    hu_sd: float
    density: float
    fitted: float = math.nan
    voxels: int = 0
    radius_mm: float = math.nan


@dataclass(frozen=True)
class Calibration:
    """density = slope * HU + intercept, in mg/cm3 of the material of the phantom.

    Attributes:
        slope: mg/cm3 per HU.
        intercept: mg/cm3 at 0 HU.
        r_squared: of the fit over the rods; NaN if entered.
        residual_mg_cm3: standard error of the fit, n - 2 degrees of freedom; NaN if it cannot be known (entered, or two rods).
        rods: as measured, in the order of the certificate.
        phantom: key of the preset, or "" if unknown.
        material: ``K2HPO4`` or ``CHA``, "" if unknown.
        source: ``AUTOMATIC``, ``MARKED`` or ``ENTERED``.
        covariance: of (slope, intercept), row by row; empty if it cannot be known.
        warnings: sentences for the user.
    """

    slope: float
    intercept: float
    r_squared: float = math.nan
    residual_mg_cm3: float = math.nan
    rods: tuple[Rod, ...] = ()
    phantom: str = ""
    material: str = ""
    source: str = ENTERED
    covariance: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Unit of the densities for people, with what they are expressed in."""
        return unit_of(self.material)

    def density(self, hu: ArrayLike) -> NDArray[np.float32]:
        """mg/cm3, any shape, float32. Below the density of fat it goes negative; nothing is cut off here."""
        return np.asarray(hu, np.float32) * np.float32(self.slope) + np.float32(self.intercept)

    def hu(self, density: float) -> float:
        """The HU that have a density."""
        return (density - self.intercept) / self.slope

    def equivalent_ash(self, density: ArrayLike) -> NDArray[np.float64]:
        """Ash density in mg/cm3 of a density in mg/cm3, by the equation of the phantom's material.

        K2HPO4: 1.06 rho + 38.9 (Keyak et al. 1994); hydroxyapatite: 0.839 rho + 69.8 (Kaneko et al. 2004); both as Ogo gives them.

        Raises:
            InputError: if the material is not known.
        """
        if self.material not in _ASH:
            raise InputError("Ash density needs to know the phantom: choose its type beside the slope and the intercept.")
        factor, offset, _ = _ASH[self.material]
        return np.asarray(density, np.float64) * factor + offset

    @property
    def ash_equation(self) -> str:
        """The equation of ``equivalent_ash`` with its source, "" if there is none."""
        if self.material not in _ASH:
            return ""
        factor, offset, source = _ASH[self.material]
        return f"ash = {factor:g} · density + {offset:g} mg/cm³ ({source}, {self.material})"

    @property
    def voxel_noise(self) -> float:
        """Standard deviation of one voxel in mg/cm3: root mean square over the rods; NaN without rods."""
        values = [rod.hu_sd for rod in self.rods if math.isfinite(rod.hu_sd)]
        return float(abs(self.slope) * np.sqrt(np.mean(np.square(values)))) if values else math.nan

    def half_width(self, density: float, level: float = 0.95) -> float:
        """Half the interval of the line at a density in mg/cm3 (Student's t, n - 2 degrees of freedom); NaN if it cannot be known."""
        freedom = len(self.rods) - 2
        if len(self.covariance) != 4 or freedom < 1:
            return math.nan
        gradient = np.array([self.hu(density), 1.0])
        variance = float(gradient @ np.reshape(self.covariance, (2, 2)) @ gradient)
        return float(student.ppf((1 + level) / 2, freedom) * math.sqrt(max(variance, 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that are not finite become None."""
        values: dict[str, Any] = _plain(asdict(self))
        return values | {"unit": self.unit}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Reads what ``to_dict`` wrote.

        Raises:
            KeyError, TypeError: if something is missing or of the wrong kind.
        """
        rods = tuple(Rod(**{key: _number(value) for key, value in rod.items()}) for rod in values["rods"])
        rest = {key: _number(value) for key, value in values.items() if key not in ("rods", "unit")}
        return cls(**(rest | {"rods": rods}))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: Any) -> Any:
    return math.nan if value is None else tuple(value) if isinstance(value, list) else value
