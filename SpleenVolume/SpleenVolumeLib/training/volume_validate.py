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

from ..shapes import Cut, Shape, ShapeGenerator, cut_views
from ..volume.descriptors import PIXEL_MM, Descriptors, combinations, describe_masks, joined, key
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
_TURNED = 8
BOTH = ("coronal", "transverse")
ANGLES_DEG = (-20, -15, -10, -5, 0, 5, 10, 15, 20)


@dataclass(frozen=True)
class Errors:
    """Errors of one method with one combination of views: logarithm of estimate over truth.

    Attributes:
        real: on views of real spleens, (N,).
        real_ml: their true volumes in mL.
        real_spleen: which spleen, (N,).
        real_kind: 0 largest slices, 1 sonographer's views.
        generated: on shapes warped from the spleen that was left out.
        generated_ml: their volumes.
        generated_kind: as above.
    """

    real: np.ndarray
    real_ml: np.ndarray
    real_spleen: np.ndarray
    real_kind: np.ndarray
    generated: np.ndarray
    generated_ml: np.ndarray
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
        """Half width of the interval of log V: the larger of what largest slices of generated shapes and all real views ask for.

        Off-plane views of generated shapes, which vary more than real spleens seem to, are reported on and do not count here (ours).
        """
        real = np.abs(self.real[self.real_spleen != without] + shift)
        made = np.abs(self.generated[self.generated_kind == 0])
        return max(conformal_quantile(made.tolist(), LEVEL), _finite(conformal_quantile(real.tolist(), LEVEL)))


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


@dataclass(frozen=True)
class Validation:
    """What leaving real spleens out found.

    Attributes:
        errors: by combination of views and method.
        turned: the same for planes turned within themselves: "coronal" or "coronal+transverse" -> method -> error, (spleens, angles).
        turned_real: which of these spleens are real, (spleens,).
    """

    errors: dict[str, dict[str, Errors]]
    turned: dict[str, dict[str, np.ndarray]]
    turned_real: np.ndarray


def validate(pack: ShapePack, found: Descriptors, networks: Path, views: int = 30, say: Callable[[str], None] = print) -> Validation:
    """Errors by combination and method.

    Args:
        networks: folder of the trained networks; methods without are left out.
        views: sonographer's views of each real spleen.
    """
    generator = ShapeGenerator()
    real = real_pack(views, 5, generator)
    real_found = described(real)
    collected: dict[str, dict[str, list[tuple[np.ndarray, ...]]]] = {}
    turned: dict[str, dict[str, list[np.ndarray]]] = {}
    turned_real: list[bool] = []
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
                    parts += [guess - truth, shapes.volume_ml[chosen], shapes.kind[chosen]]
                entry = (parts[0], parts[1], np.full(len(rows), number), *parts[2:])
                collected.setdefault(key(planes, calipers), {}).setdefault(name, []).append(entry)
        whole = _shapes_to_turn(generator, number)
        turned_real += [shape.real for shape in whole]
        _turn(whole, methods, turned)
        say(f"{template.name} left out: {len(rows)} views of it, {len(made)} of shapes warped from it")
    errors = {
        combination: {
            name: Errors(*(np.concatenate(column) for column in zip(*entries, strict=True))) for name, entries in by_method.items()
        }
        for combination, by_method in collected.items()
    }
    joined_turns = {planes: {name: np.concatenate(parts) for name, parts in by_method.items()} for planes, by_method in turned.items()}
    return Validation(errors, joined_turns, np.array(turned_real))


def _shapes_to_turn(generator: ShapeGenerator, number: int) -> list[Shape]:
    """The spleen that was left out, and some that are warped from it alone."""
    template = generator.templates[number]
    alone = ShapeGenerator([template], implicit=0.0, mixed=0.0)
    rng = np.random.default_rng([17, number])
    return [Shape.of_template(template)] * template.whole + [alone.draw(rng) for _ in range(_TURNED)]


def _turn(shapes: list[Shape], methods: Mapping[str, Estimator], turned: dict[str, dict[str, list[np.ndarray]]]) -> None:
    rows = [
        describe_masks(cut_views(shape, dict.fromkeys(BOTH, Cut(rotation_deg=angle)), None, PIXEL_MM))
        for shape in shapes
        for angle in ANGLES_DEG
    ]
    table, truth = joined(rows), np.repeat(np.log([shape.volume_ml for shape in shapes]), len(ANGLES_DEG))
    for planes in (BOTH[:1], BOTH):
        for name, method in methods.items():
            if method.allows(planes):
                error = method.predict(table, planes, ()) - truth
                turned.setdefault(key(planes), {}).setdefault(name, []).append(error.reshape(len(shapes), -1))


def save_validation(path: Path, found: Validation) -> None:
    """Keep what was found; ``load_validation`` reads it."""
    arrays = {
        f"{combination}|{name}|{entry.name}": getattr(errors, entry.name)
        for combination, by_method in found.errors.items()
        for name, errors in by_method.items()
        for entry in fields(Errors)
    }
    arrays |= {f"{planes}|{name}|turned": values for planes, by_method in found.turned.items() for name, values in by_method.items()}
    arrays["turned_real"] = found.turned_real
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load_validation(path: Path) -> Validation:
    """What ``save_validation`` wrote."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    real = arrays.pop("turned_real")
    errors: dict[str, dict[str, Errors]] = {}
    turned: dict[str, dict[str, np.ndarray]] = {}
    for entry, values in arrays.items():
        combination, name, part = entry.split("|")
        if part == "turned":
            turned.setdefault(combination, {})[name] = values
        elif name not in errors.setdefault(combination, {}):
            errors[combination][name] = Errors(**{each.name: arrays[f"{combination}|{name}|{each.name}"] for each in fields(Errors)})
    return Validation(errors, turned, real)


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
                "generated_views": int(np.count_nonzero(found.generated_kind == 0)),
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
