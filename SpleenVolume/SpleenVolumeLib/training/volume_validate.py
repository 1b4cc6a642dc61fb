"""Leave one real spleen out: what the methods say of spleens that they have never seen, and what intervals follow from it.

For each real spleen the regressions are fitted without any shape that came from it, together with networks of the fold that left it out.
They are then asked about the real spleen itself and about the shapes warped from it. The two are never put together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from DeepVolumetryLib.uncertainty.interval import conformal_quantile

from ..shapes import ShapeGenerator
from ..volume.descriptors import Descriptors, combinations, key
from ..volume.estimators import FORMULAS, Estimator
from .described import described
from .shapes import ShapePack, real_pack
from .volume import TOGETHER
from .volume_fit import fit, library_rows, load_networks

LEVEL = 0.95
SHRINKAGE = 5.0
"""The mean error on n real spleens is taken back by n / (n + 5) of it: so few spleens are not to be believed altogether (ours)."""
_LIBRARY = 2000
_GENERATED = 120


@dataclass(frozen=True)
class Errors:
    """Errors of one method with one combination of views: logarithm of estimate over truth.

    Attributes:
        real: on views of real spleens, (N,).
        real_spleen: which spleen, (N,).
        real_kind: 0 largest slices, 1 sonographer's views.
        generated: on shapes warped from the spleen that was left out.
        generated_kind: as above.
    """

    real: np.ndarray
    real_spleen: np.ndarray
    real_kind: np.ndarray
    generated: np.ndarray
    generated_kind: np.ndarray

    @property
    def spleens(self) -> np.ndarray:
        """Numbers of the real spleens."""
        return np.unique(self.real_spleen)

    def shift(self, without: int | None = None) -> float:
        """What is added to log V: the mean error on real spleens, taken back in part."""
        means = [float(self.real[self.real_spleen == spleen].mean()) for spleen in self.spleens if spleen != without]
        return -float(np.mean(means)) * len(means) / (len(means) + SHRINKAGE) if means else 0.0

    def half_width(self, shift: float, without: int | None = None) -> float:
        """Half width of the interval of log V: the larger of what the generated and of what the real views ask for."""
        real = np.abs(self.real[self.real_spleen != without] + shift)
        return max(conformal_quantile(np.abs(self.generated).tolist(), LEVEL), _finite(conformal_quantile(real.tolist(), LEVEL)))


def corrected(errors: Errors, shifted: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Errors on the real views with the shift of the other spleens, and the half widths that the other spleens give, (N,) each."""
    values, widths = np.empty_like(errors.real), np.empty_like(errors.real)
    for spleen in errors.spleens:
        rows = errors.real_spleen == spleen
        shift = errors.shift(int(spleen)) if shifted else 0.0
        values[rows] = errors.real[rows] + shift
        widths[rows] = errors.half_width(shift, int(spleen))
    return values, widths


def mrva(errors: np.ndarray) -> np.ndarray:
    """Relative volume accuracy of each in percent: 100 · (1 - |V̂ - V| / V)."""
    return np.asarray(100 * (1 - np.abs(np.exp(errors) - 1)))


def validate(
    pack: ShapePack, found: Descriptors, networks: Path, views: int = 30, say: Callable[[str], None] = print
) -> dict[str, dict[str, Errors]]:
    """Errors by combination and method.

    Args:
        networks: folder of the trained networks; methods without are left out.
        views: sonographer's views of each real spleen.
    """
    generator = ShapeGenerator()
    real = real_pack(views, 5, generator)
    real_found = described(real)
    collected: dict[str, dict[str, list[tuple[np.ndarray, ...]]]] = {}
    for number, template in enumerate(generator.templates):
        allowed = ~pack.sources[:, number]
        methods = fit(pack, found, allowed, load_networks(networks, str(number // TOGETHER)), library_rows(pack, allowed, _LIBRARY))
        rows = np.flatnonzero(real.sources[:, number]) if template.whole else np.zeros(0, np.int64)
        made = _warped_only_from(pack, number)
        for planes, calipers in combinations():
            for name, method in methods.items():
                if not useful(name, method, planes, calipers):
                    continue
                parts = []
                for table, shapes, chosen in ((real_found, real, rows), (found, pack, made)):
                    truth = np.log(shapes.volume_ml[chosen])
                    guess = method.predict(table[chosen], planes, calipers) if len(chosen) else truth
                    parts += [guess - truth, shapes.kind[chosen]]
                entry = (parts[0], np.full(len(rows), number), parts[1], parts[2], parts[3])
                collected.setdefault(key(planes, calipers), {}).setdefault(name, []).append(entry)
        say(f"{template.name} left out: {len(rows)} views of it, {len(made)} of shapes warped from it")
    return {
        combination: {
            name: Errors(*(np.concatenate(column) for column in zip(*entries, strict=True))) for name, entries in by_method.items()
        }
        for combination, by_method in collected.items()
    }


def save_errors(path: Path, errors: Mapping[str, Mapping[str, Errors]]) -> None:
    """Keep errors; ``load_errors`` reads them."""
    arrays = {
        f"{combination}|{name}|{entry.name}": getattr(found, entry.name)
        for combination, by_method in errors.items()
        for name, found in by_method.items()
        for entry in fields(Errors)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # names are ours


def load_errors(path: Path) -> dict[str, dict[str, Errors]]:
    """What ``save_errors`` wrote."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    errors: dict[str, dict[str, Errors]] = {}
    for combination, name in dict.fromkeys(tuple(entry.split("|")[:2]) for entry in arrays):
        parts = {entry.name: arrays[f"{combination}|{name}|{entry.name}"] for entry in fields(Errors)}
        errors.setdefault(combination, {})[name] = Errors(**parts)
    return errors


def useful(name: str, method: Estimator, planes: Sequence[str], calipers: Sequence[str]) -> bool:
    """Whether a method makes use of all that is there: the paper's methods see neither the third plane nor calipers."""
    if not method.allows(planes):
        return False
    if name in ("ensemble", "kernel", "dice", "loglinear"):
        return True
    if name == "prassopoulos":
        return True
    if name == "stack":
        return not calipers
    return not calipers and "sagittal" not in planes


def calibration(errors: Mapping[str, Mapping[str, Errors]]) -> dict[str, dict[str, dict[str, Any]]]:
    """What the bundle keeps: by combination and method the shift, the half width, and what was measured."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for combination, by_method in errors.items():
        for name, found in by_method.items():
            shifted = name not in FORMULAS
            shift = found.shift() if shifted else 0.0
            values, widths = corrected(found, shifted)
            table.setdefault(combination, {})[name] = {
                "shift": round(shift, 4),
                "half_width": round(found.half_width(shift), 4),
                "real_spleens": len(found.spleens),
                "real_views": len(values),
                "generated_views": len(found.generated),
                "coverage": round(float(np.mean(np.abs(values) <= widths)), 4),
                "mrva_real": round(float(mrva(values).mean()), 2),
                "mrva_generated": round(float(mrva(found.generated).mean()), 2),
            }
    return table


def best_methods(table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """For each combination the method with the smallest error on spleens left out, the real views and the generated ones counting alike."""
    return {
        combination: max(by_method, key=lambda name: by_method[name]["mrva_real"] + by_method[name]["mrva_generated"])
        for combination, by_method in table.items()
    }


def _warped_only_from(pack: ShapePack, number: int) -> np.ndarray:
    rows = np.flatnonzero(pack.sources[:, number] & (pack.sources.sum(1) == 1) & ~pack.real)
    rng = np.random.default_rng(number)
    parts = [rng.permutation(rows[pack.kind[rows] == kind])[:_GENERATED] for kind in (0, 1)]
    return np.sort(np.concatenate(parts))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
