"""VolumeModel: all methods of a bundle behind one call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.errors import InputError, ModelError

from .descriptors import Descriptors, describe, key
from .estimate import Bounds, VolumeEstimate
from .estimators import FORMULAS, TITLES, Estimator, Formula
from .features import ellipsoid_ml, lengths, prassopoulos_ml
from .views import CALIPERS

if TYPE_CHECKING:
    from DeepVolumetryLib.bundle import Bundle

    from .state import Cases
    from .views import Views

LEVEL = 0.95
SAMPLES = 1000
_UNCALIBRATED = {1: 0.45, 2: 0.18}
"""Half widths of log V by number of planes, where a model states none (papers.md and the design's first experiment)."""
NEAREST = 5


class VolumeModel:
    """Estimates volumes; made by ``from_bundle``, or without anything learned by ``simple``.

    Attributes:
        estimators: method -> estimator.
        settings: "volume" in the bundle's inference.json: calibration, default methods, limits; see ``training.volume_export``.
        cases: the training cases that are kept, None without networks.
    """

    def __init__(self, estimators: Mapping[str, Estimator], settings: Mapping[str, Any] | None = None, cases: Cases | None = None) -> None:
        self.estimators = {name: estimators[name] for name in TITLES if name in estimators}
        self.settings = dict(settings or {})
        self.cases = cases

    @classmethod
    def from_bundle(cls, bundle: Bundle, device: str = "cpu") -> VolumeModel:
        """The model of a bundle; one without estimators gets the formulas, whose interval says that it was not calibrated.

        Args:
            device: ignored: the networks are so small that the CPU is fastest.

        Raises:
            ModelError: if the weights for volumes are missing or do not fit.
        """
        from .state import from_tensors

        settings = bundle.inference.get("volume")
        if not settings:
            return cls.simple()
        regressions = bundle.state_dict("volume")
        try:
            estimators, cases = from_tensors(regressions, bundle.state_dict("volume_networks"))
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"The weights for volumes of the model {bundle.name} do not fit this version. Install the extension again."
            ) from error
        return cls(estimators, settings, cases)

    @classmethod
    def simple(cls) -> VolumeModel:
        """Formulas only."""
        return cls({name: Formula(name) for name in FORMULAS})

    def methods(self, views: Views) -> dict[str, str]:
        """Methods that these views allow: key -> name in words."""
        return {name: TITLES[name] for name, estimator in self.estimators.items() if estimator.allows(views.planes)}

    def default_method(self, views: Views) -> str:
        """The method that was best for such views when real spleens were left out."""
        allowed = self.methods(views)
        best = self.settings.get("default", {}).get(key(views.planes, _calipers(views)))
        return best if best in allowed else next(iter(allowed))

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
        found = describe(views)
        bounds = {name: self._bounds(views, found, name) for name in allowed}
        volume, low, high = bounds.pop(method)
        # As a logarithm: half the level's normal quantile away from the middle at each end.
        sigma = math.log(high / volume) / 1.96
        entry = self.calibration(method, views)
        return VolumeEstimate(
            volume_ml=volume,
            low_ml=low,
            high_ml=high,
            level=LEVEL,
            method=method,
            method_title=allowed[method],
            calibration_cases=int(entry.get("real_spleens", 0)),
            coverage=float(entry.get("coverage", math.nan)),
            coverage_cases=int(entry.get("real_spleens", 0)),
            calibration=self._sentence(entry),
            others=bounds,
            samples_ml=volume * np.exp(np.random.default_rng(seed).normal(0, sigma, SAMPLES)),
            latent=self.latent(found, views.planes),
            nearest=self.nearest(found, views),
            flags=self._flags(found, views, volume),
        )

    def log_volumes(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str], method: str) -> np.ndarray:
        """Logarithms of the volumes in mL of many sets of views at once, calibration included."""
        return self.estimators[method].predict(found, planes, calipers) + self._entry(method, planes, calipers).get("shift", 0.0)

    def calibration(self, method: str, views: Views) -> dict[str, Any]:
        """What the bundle knows of a method with such views: "shift", "half_width", "real_spleens", "coverage", …; {} for nothing."""
        return self._entry(method, views.planes, _calipers(views))

    def latent(self, found: Descriptors, planes: Sequence[str]) -> np.ndarray | None:
        """Latent mean of one spleen, (32,); None without networks."""
        from .latent_methods import VariationalRegression, encode

        rvae = self.estimators.get("rvae")
        if not isinstance(rvae, VariationalRegression):
            return None
        return np.asarray(encode(rvae.network, found, "transverse" in planes)[0][0], np.float32)

    def nearest(self, found: Descriptors, views: Views, count: int = NEAREST) -> list[dict[str, Any]]:
        """The training cases that are nearest in latent space, nearest first."""
        latent = self.latent(found, views.planes)
        if latent is None or self.cases is None:
            return []
        means = self.cases.means[_seen(views.planes)]
        distance = np.sqrt(((means - latent) ** 2).sum(1))
        names = self.settings["templates"]
        rows: list[dict[str, Any]] = []
        for row in distance.argsort()[:count]:
            source, real = str(names[self.cases.sources[row]]), bool(self.cases.real[row])
            name = f"real spleen {source}" if real else f"warped from {source}"
            volume = float(np.exp(self.cases.log_volume[row]))
            rows.append({"name": name, "source": source, "real": real, "volume_ml": volume, "distance": float(distance[row])})
        return rows

    def _bounds(self, views: Views, found: Descriptors, method: str) -> Bounds:
        calipers = _calipers(views)
        if method in FORMULAS:  # on the masks as they are, so that the number is that of the lengths in the table
            measured = lengths(views)
            value = ellipsoid_ml(measured) if method == "ellipsoid" else prassopoulos_ml(measured) or math.nan
        else:
            value = float(np.exp(self.log_volumes(found, views.planes, calipers, method)[0]))
        half = self._entry(method, views.planes, calipers).get("half_width") or _UNCALIBRATED[min(len(views.planes), 2)]
        return value, value * math.exp(-half), value * math.exp(half)

    def _entry(self, method: str, planes: Sequence[str], calipers: Sequence[str]) -> dict[str, Any]:
        """Calibration of a method; without an entry for all that is there, that of what the method makes use of."""
        table = self.settings.get("calibration", {})
        seen = tuple(plane for plane in planes if plane != "sagittal")
        for name in (key(planes, calipers), key(planes), key(seen)):
            if method in table.get(name, {}):
                return dict(table[name][method])
        return {}

    def _sentence(self, entry: Mapping[str, Any]) -> str:
        if not entry:
            return "The interval was not calibrated on spleens."
        return (
            f"Calibrated on {entry['real_spleens']} real spleens ({entry['real_views']} views) and on {entry['generated_views']} "
            "views of generated shapes, each judged by a model that had never seen it; "
            f"{100 * entry['coverage']:.0f} % of the real views were covered."
        )

    def _flags(self, found: Descriptors, views: Views, volume: float) -> list[str]:
        flags = []
        low, high = self.settings.get("range_ml", (60.0, 3100.0))
        if not low <= volume <= high:
            flags.append(f"{volume:.0f} mL lies outside the {low:.0f} to {high:.0f} mL that the estimators were trained on.")
        limit = self.settings.get("latent_limit", {}).get(_seen(views.planes))
        near = self.nearest(found, views, 1)
        if limit and near and near[0]["distance"] > limit:
            far = near[0]["distance"] / limit
            flags.append(
                f"The outline is unlike all training cases: the nearest is {far:.1f} times as far as 99 % of them have a neighbor. "
                "Check the outline; the interval may be too narrow."
            )
        return flags


def _calipers(views: Views) -> tuple[str, ...]:
    return tuple(name for name in CALIPERS if name in views.calipers)


def _seen(planes: Sequence[str]) -> str:
    return key([plane for plane in planes if plane != "sagittal"])
