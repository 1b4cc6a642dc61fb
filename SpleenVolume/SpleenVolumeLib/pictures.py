"""Pictures of a result: the ultrasound with its outlines and uncertainty, the volume on its axis, the latent map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.bundle import find_bundle
from DeepVolumetryLib.errors import DeepVolumetryError
from DeepVolumetryLib.image_io.color_table import uncertainty_colors

from .model import volume_model
from .outlines import masks_for_volume, parts_by_view
from .parameters import Parameters
from .picture import Picture
from .references import ADULT_HIGH_ML
from .segments import KEY, SPECS
from .volume import Views, latent_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from DeepVolumetryLib.measure.measurement import Measurement
    from DeepVolumetryLib.result import Result

    from .volume import LatentMap, VolumeModel

PAPER, PANEL, TEXT, FAINT, ACCENT, WARM = "#0b0f14", "#121923", "#e8edf2", "#8494a5", "#4fb3d9", "#e0634a"
OUTLINE = tuple(channel / 255 for channel in SPECS[0].color)
RESEARCH_ONLY = "For research. Not for diagnosis."
_SHOWN_FROM = 15.0


def write_pictures(directory: Path, result: Result, model: VolumeModel | None = None) -> list[Path]:
    """Write ``overview.png`` and, where the model has a latent map, ``latent.png``; returns their paths.

    Args:
        directory: is made if need be.
        result: with its views as companions.
        model: estimators; those of the bundle that the result names if None, and no latent map if that cannot be found by its name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pictures = {view: Picture.of(part.image) for view, part in parts_by_view(result).items()}
    parameters = Parameters.from_dict(result.provenance.parameters)
    paths = [directory / "overview.png"]
    _save(_overview(result, pictures, parameters), paths[0])
    found = _latent(result, pictures, parameters, model)
    if found is not None:
        paths.append(directory / "latent.png")
        _save(draw_latent(found), paths[1])
    return paths


def _latent(result: Result, pictures: Mapping[str, Picture], parameters: Parameters, model: VolumeModel | None) -> LatentMap | None:
    try:
        model = model or volume_model(find_bundle("spleen", result.provenance.model_name))
        masks = masks_for_volume(result, pictures, parameters)
        return latent_map(model, Views(masks, parameters.calipers)) if "coronal" in masks else None
    except DeepVolumetryError:
        return None


def draw_latent(found: LatentMap) -> Figure:
    """Training cases, this spleen and the path along the first axis; below, the decoded outlines on the path, colored by volume."""
    rows = len(found.path_masks)
    figure = _figure(11, 6.4 + 2.3 * rows)
    grid = figure.add_gridspec(
        1 + rows, 5, left=0.07, right=0.9, top=0.92, bottom=0.04, height_ratios=[2.6, *([1.0] * rows)], hspace=0.16, wspace=0.06
    )
    axes = figure.add_subplot(grid[0, :])
    _bare(axes, PANEL)
    axes.tick_params(colors=FAINT, labelsize=8)
    volumes = np.log10(found.training_ml)
    low, high = float(volumes.min()), float(volumes.max())
    for real, marker, size in ((False, "o", 9), (True, "D", 34)):
        chosen = found.training_real == real
        shown = {"c": volumes[chosen], "cmap": "viridis", "vmin": low, "vmax": high, "s": size, "marker": marker}
        axes.scatter(*found.training_xy[chosen].T, label="real spleens" if real else "generated spleens", linewidths=0, **shown)
    axes.plot(*found.path_xy.T, "o-", color=TEXT, linewidth=1, markersize=5, label="first axis, decoded below")
    axes.plot(*found.patient_xy, "*", color=WARM, markersize=20, markeredgecolor="white", label=f"this spleen, {found.patient_ml:.0f} mL")
    axes.legend(facecolor=PAPER, edgecolor=FAINT, labelcolor=TEXT, fontsize=9, loc="best")
    axes.set_xlabel("first principal axis of the latent space", color=FAINT, fontsize=9)
    axes.set_ylabel("second", color=FAINT, fontsize=9)
    _colorbar(figure, low, high)
    from matplotlib import colormaps

    for row, (view, masks) in enumerate(found.path_masks.items(), 1):
        for column, (mask, volume) in enumerate(zip(masks, found.path_ml, strict=True)):
            place = figure.add_subplot(grid[row, column])
            _bare(place, "black")
            place.set(xticks=[], yticks=[])
            color = colormaps["viridis"]((np.log10(volume) - low) / max(high - low, 1e-9))
            place.imshow(mask[..., None] * np.array(color[:3]))
            if row == 1:
                place.set_title(f"{volume:.0f} mL", color=TEXT, fontsize=10, pad=3)
            if column == 0:
                place.set_ylabel(view, color=FAINT, fontsize=9)
    figure.text(0.07, 0.965, "Latent map", color=TEXT, fontsize=18, fontweight="bold", va="center")
    figure.text(0.9, 0.965, RESEARCH_ONLY, color=FAINT, fontsize=9, va="center", ha="right")
    return figure


def write_rotation(path: Path, rotation: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | None]]]]) -> None:
    """MRVA over a turn in the plane, a curve per choice of views, a panel per group (Figs. 9 and 10 of DeepSPV)."""
    groups = list(dict.fromkeys(group for found in rotation.values() for group in found))
    figure = _figure(6.2 * max(1, len(groups)), 4.6)
    for number, group in enumerate(groups, 1):
        axes = figure.add_subplot(1, len(groups), number)
        _bare(axes, PANEL)
        axes.tick_params(colors=FAINT, labelsize=9)
        for setting, color in zip(rotation, (ACCENT, WARM), strict=False):
            found = rotation[setting].get(group, {})
            angles = [float(degrees) for degrees in found]
            means, deviations = (
                np.array([np.nan if each[key] is None else each[key] for each in found.values()]) for key in ("mrva", "mrva_sd")
            )
            axes.fill_between(angles, means - deviations, np.minimum(means + deviations, 100), color=color, alpha=0.18, linewidth=0)
            axes.plot(angles, means, "o-", color=color, label=setting)
        axes.set_title(group, color=TEXT, fontsize=11)
        axes.set_xlabel("turn in the plane, degrees", color=FAINT)
        axes.set_ylabel("MRVA ± SD, %", color=FAINT)
        axes.grid(color=FAINT, alpha=0.2)
        axes.legend(facecolor=PAPER, edgecolor=FAINT, labelcolor=TEXT)
    figure.tight_layout()
    _save(figure, path)


def _overview(result: Result, pictures: Mapping[str, Picture], parameters: Parameters) -> Figure:
    parts = parts_by_view(result)
    figure = _figure(4.6 * len(parts) + 4.8, 9.2)
    widths = [1.0] * len(parts) + [1.06]
    grid = figure.add_gridspec(
        2, len(parts) + 1, left=0.012, right=0.988, top=0.885, bottom=0.05, wspace=0.03, hspace=0.04, width_ratios=widths
    )
    for column, (view, part) in enumerate(parts.items()):
        for row in (0, 1):
            axes = figure.add_subplot(grid[row, column])
            _show(axes, part, pictures[view], heat=bool(row))
            if row == 0:
                axes.set_title(view.capitalize(), color=FAINT, fontsize=11, pad=4)
    figure.text(0.012, 0.945, "Spleen volume", color=TEXT, fontsize=20, fontweight="bold", va="center")
    figure.text(0.012, 0.022, f"Above: outline. Below: uncertainty. {RESEARCH_ONLY}", color=FAINT, fontsize=9, va="center")
    _panel(figure.add_subplot(grid[:, len(parts)]), result, parameters)
    return figure


def _show(axes: Axes, part: Result, picture: Picture, heat: bool) -> None:
    """One picture in millimeters with its outline, or its uncertainty."""
    height, width = (count * step for count, step in zip(picture.gray.shape, picture.pixel_mm, strict=True))
    extent = (0, width, height, 0)
    axes.imshow(picture.gray, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bilinear")
    if heat:
        from matplotlib.colors import ListedColormap

        colors = ListedColormap(uncertainty_colors() / 255.0)
        uncertainty = np.ma.masked_less(picture.seen(part.uncertainty[KEY]), _SHOWN_FROM)
        axes.imshow(uncertainty, cmap=colors, vmin=0, vmax=100, alpha=0.75, extent=extent, interpolation="nearest")
    mask = picture.seen(part.segments[KEY])
    if mask.any() and not mask.all():
        rows, columns = ((np.arange(count) + 0.5) * step for count, step in zip(mask.shape, picture.pixel_mm, strict=True))
        axes.contour(columns, rows, mask, levels=[0.5], colors=[OUTLINE], linewidths=0.9 if heat else 1.8)
    half = max(width, height) / 2
    axes.set(xlim=(width / 2 - half, width / 2 + half), ylim=(height / 2 + half, height / 2 - half))
    _bare(axes, "black")
    axes.set(xticks=[], yticks=[])
    x, y = width / 2 - 0.94 * half, height / 2 + 0.94 * half
    axes.plot([x, x + 50], [y, y], color=TEXT, linewidth=1.8, solid_capstyle="butt")
    axes.text(x + 25, y - 0.015 * half, "5 cm", color=TEXT, fontsize=8, ha="center", va="bottom")


def _panel(axes: Axes, result: Result, parameters: Parameters) -> None:
    """Volume with its interval and limit, then the other numbers, then the method."""
    axes.set(xlim=(0, 1), ylim=(1, 0))
    _bare(axes, PANEL)
    axes.set(xticks=[], yticks=[])
    volume, *others = result.measurements
    if not np.isfinite(volume.value):
        axes.text(0.05, 0.08, _wrapped(" ".join(result.warnings), 46), color=TEXT, fontsize=11, va="top")
        return
    axes.text(0.05, 0.055, f"{volume.value:.0f} mL", color=TEXT, fontsize=26, fontweight="bold", va="center")
    if volume.low is not None and volume.high is not None and volume.level is not None:
        text = f"{100 * volume.level:g} % interval {volume.low:.0f} – {volume.high:.0f} mL"
        axes.text(0.05, 0.105, text, color=ACCENT, fontsize=11, va="center")
    _axis(axes, volume, parameters)
    verdict = _wrapped(volume.verdict, 58)
    axes.text(0.05, 0.212, verdict, color=TEXT, fontsize=9.5, va="top", linespacing=1.3)
    y = 0.256 + 0.019 * verdict.count("\n")
    for row in others:
        if y > 0.84:
            break
        y = _line(axes, y, row.name, f"{row.value:.0f} {_unit(row.unit)}", row.verdict)
    notes = "\n".join(_wrapped(note, 66) for note in result.extras.get("notes", ())[:2])
    model = f"Model {result.provenance.model_name} {result.provenance.model_version}"
    axes.text(0.05, 0.985, f"{notes}\n{model}", color=FAINT, fontsize=8, va="bottom", linespacing=1.4)


def _axis(axes: Axes, volume: Measurement, parameters: Parameters) -> None:
    """Volume and interval on a line with the adult limit, which is not drawn for a child."""
    ends = [value for value in (volume.low, volume.high) if value is not None] or [volume.value]
    top = 1.15 * max(ADULT_HIGH_ML, *ends)

    def place(number: float) -> float:
        return 0.05 + 0.9 * number / top

    y = 0.172
    axes.plot([0.05, 0.95], [y, y], color=FAINT, linewidth=0.8)
    axes.plot([place(ends[0]), place(ends[-1])], [y, y], color=ACCENT, linewidth=6, solid_capstyle="butt", alpha=0.7)
    axes.plot(place(volume.value), y, "o", color=TEXT, markersize=7)
    if not parameters.is_child:
        x = place(ADULT_HIGH_ML)
        axes.plot([x, x], [y - 0.02, y + 0.02], color=WARM, linewidth=1.6)
        axes.text(x, y - 0.026, f"{ADULT_HIGH_ML:g} mL, adults", color=WARM, fontsize=7.5, ha="center", va="bottom")


def _line(axes: Axes, y: float, name: str, value: str, verdict: str) -> float:
    axes.text(0.05, y, name, color=TEXT, fontsize=9.5, va="center")
    axes.text(0.95, y, value, color=TEXT, fontsize=10, fontweight="bold", ha="right", va="center")
    if verdict:
        text = _wrapped(verdict, 66)
        axes.text(0.05, y + 0.014, text, color=FAINT, fontsize=8, va="top", linespacing=1.25)
        y += 0.018 * (text.count("\n") + 1)
    return y + 0.036


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _unit(unit: str) -> str:
    return {"1": "", "cm3": "cm³"}.get(unit, unit)


def _colorbar(figure: Figure, low: float, high: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    place = figure.add_axes((0.92, 0.45, 0.015, 0.4))
    bar = figure.colorbar(ScalarMappable(LogNorm(10**low, 10**high), "viridis"), cax=place)
    bar.set_label("volume, mL", color=FAINT, fontsize=9)
    place.tick_params(colors=FAINT, labelsize=8, which="both")


def _bare(axes: Axes, face: str) -> None:
    axes.set_facecolor(face)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _figure(width: float, height: float) -> Figure:
    # The object interface draws without a display and leaves pyplot's global state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=100, facecolor=PAPER)
