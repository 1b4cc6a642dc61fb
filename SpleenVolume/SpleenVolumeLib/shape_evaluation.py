"""How well volumes are estimated from true outlines: 3D label maps are cut into views, and every method estimates what was cut.

Tables 2 and 3 of DeepSPV (volumes and their intervals, for one view and for two) and its Figs. 9 and 10 (robustness to a turn in the
plane), with further views and calipers. No picture takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.measure.agreement import agreement, coverage

from .parameters import AUTO
from .references import ADULT_HIGH_ML
from .shapes import Cut, Shape, cut_views
from .synthesis import shape_of
from .volume import Views, on_grid

if TYPE_CHECKING:
    from .volume import VolumeEstimate, VolumeModel

SETTINGS: dict[str, tuple[tuple[str, ...], bool]] = {
    "coronal": (("coronal",), False),
    "both": (("coronal", "transverse"), False),
    "both-calipers": (("coronal", "transverse"), True),
    "three": (("coronal", "transverse", "sagittal"), False),
}
"""What ``--views`` may be -> the planes, and whether length and depth are measured by hand too."""
ROTATIONS_DEG = (-20, -15, -10, -5, 0, 5, 10, 15, 20)
ROTATED = ("coronal", "both")


@dataclass(frozen=True)
class LabelMap:
    """One spleen to evaluate on.

    Attributes:
        name: of the case.
        path: 3D label map.
        value: of the spleen in it; None for its only label, or label 1.
        group: real and generated spleens are never pooled.
        volume_ml: true volume that replaces the counted one.
    """

    name: str
    path: Path
    value: int | None = None
    group: str = "all"
    volume_ml: float | None = None


def evaluate(
    maps: Sequence[LabelMap], model: VolumeModel, settings: Sequence[str] = (), method: str = AUTO, rotations: bool = True,
    update: Callable[[float], None] = lambda fraction: None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate every spleen in every way.

    Args:
        maps: the spleens.
        model: estimators.
        settings: keys of ``SETTINGS``; all if empty.
        method: one method, or all that the views allow for "auto".
        rotations: whether to turn the planes too.
        update: called with the fraction done.

    Returns:
        "settings": setting -> group -> method -> numbers; "rotation": setting -> group -> degrees -> MRVA; "cases"; "failed".
    """
    chosen = tuple(settings) or tuple(SETTINGS)
    cases: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for number, each in enumerate(maps):
        try:
            cases.append(_case(each, model, chosen, method, rotations))
        except InputError as error:
            failed.append({"case": each.name, "group": each.group, "message": str(error), "exit_code": error.exit_code})
        update((number + 1) / len(maps))
    return {
        "settings": {setting: _grouped(cases, setting) for setting in chosen},
        "rotation": _rotation(cases),
        "cases": cases,
        "failed": failed,
    }


def views_of(shape: Shape, setting: str, rotation_deg: float = 0.0) -> Views:
    """The largest slices of a shape, turned in their planes, with calipers where the setting has them."""
    planes, with_calipers = SETTINGS[setting]
    masks = cut_views(shape, {plane: Cut(rotation_deg=rotation_deg) for plane in planes})
    length, depth = (float(extent) for extent in shape.extents_mm[:2])
    calipers = {"length_mm": length, "depth_mm": depth} if with_calipers else {}
    return Views({plane: on_grid(mask, (1.0, 1.0)) for plane, mask in masks.items()}, calipers)


def _case(each: LabelMap, model: VolumeModel, settings: Sequence[str], method: str, rotations: bool) -> dict[str, Any]:
    image = read_image(each.path, each.name)
    if each.value is not None:
        image = image.with_voxels((image.voxels == each.value).astype(np.uint8))
    # The voxels are the truth; the smooth shape that is cut holds the same to within a percent.
    shape = shape_of(image)
    counted = _counted(image.voxels, each.value) * image.voxel_ml
    true = each.volume_ml if each.volume_ml is not None else counted
    found = {setting: _methods(model.estimate(views_of(shape, setting), method), method) for setting in settings}
    turned = {}
    if rotations:
        for setting in (each for each in ROTATED if each in settings):
            turned[setting] = {
                str(degrees): model.estimate(views_of(shape, setting, degrees), method).volume_ml for degrees in ROTATIONS_DEG
            }
    return {"case": each.name, "group": each.group, "volume_ml": true, "settings": found, "rotation": turned}


def _counted(voxels: np.ndarray, value: int | None) -> int:
    if value is None:
        values = np.unique(voxels)
        values = values[values != 0]
        value = int(values[0]) if values.size == 1 else 1
        return int(np.count_nonzero(voxels == value))
    return int(np.count_nonzero(voxels))


def _methods(estimate: VolumeEstimate, wanted: str) -> dict[str, dict[str, float | None]]:
    """Method -> volume, low and high; the default one is called "auto" too."""
    found = {estimate.method: (estimate.volume_ml, estimate.low_ml, estimate.high_ml)}
    if wanted == AUTO:
        found = {AUTO: found[estimate.method], **found, **estimate.others}
    return {name: dict(zip(("volume_ml", "low_ml", "high_ml"), map(_none, bounds), strict=True)) for name, bounds in found.items()}


def _grouped(cases: Sequence[Mapping[str, Any]], setting: str) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for group in dict.fromkeys(case["group"] for case in cases):
        mine = [case for case in cases if case["group"] == group]
        methods = dict.fromkeys(method for case in mine for method in case["settings"][setting])
        groups[group] = {method: _numbers(mine, setting, method) for method in methods}
    return groups


def _numbers(cases: Sequence[Mapping[str, Any]], setting: str, method: str) -> dict[str, Any]:
    """Agreement, verdict and interval of one method over one group."""
    rows = [(case["settings"][setting][method], case["volume_ml"]) for case in cases if method in case["settings"][setting]]
    value, low, high = (
        np.array([math.nan if row[key] is None else row[key] for row, _ in rows]) for key in ("volume_ml", "low_ml", "high_ml")
    )
    true = np.array([volume for _, volume in rows])
    large, called = true > ADULT_HIGH_ML, value > ADULT_HIGH_ML
    width = np.sqrt(high / low)
    return {
        **_finite(asdict(agreement(value, true))),
        "sensitivity": _share(called[large]),
        "specificity": _share(~called[~large]),
        "accuracy": _share(called == large),
        "enlarged": int(large.sum()),
        "interval": _finite(asdict(coverage(low, high, true))),
        "interval_factor": _none(float(np.nanmean(width)) if np.isfinite(width).any() else math.nan),
    }


def _rotation(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for setting in ROTATED:
        mine = [case for case in cases if setting in case["rotation"]]
        for group in dict.fromkeys(case["group"] for case in mine):
            rows = [case for case in mine if case["group"] == group]
            by_angle = {}
            for degrees in map(str, ROTATIONS_DEG):
                pair = agreement([case["rotation"][setting][degrees] for case in rows], [case["volume_ml"] for case in rows])
                by_angle[degrees] = {"mrva": _none(pair.mrva), "mrva_sd": _none(pair.mrva_sd)}
            found.setdefault(setting, {})[group] = by_angle
    return found


def _share(hits: np.ndarray) -> float | None:
    return float(hits.mean()) if hits.size else None


def _none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in numbers.items()}
