"""Pictures of a result for reports, the demonstration and the documentation.

``overview.png`` shows the segments and the uncertainty in three planes beside the volumes; ``review.png`` shows the places
that are worth a look. Planes are those of the voxel grid with its axes put nearest to R, A and S, hung as in radiology:
patient right on the left of the picture, anterior up (axial) or on the left (sagittal).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image import Image
from ..image_io.color_table import uncertainty_colors
from ..measure.volumes import bounding_box
from .report import RESEARCH_ONLY, Report
from .words import interval_text, number_text, unit_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ..measure.measurement import Measurement
    from ..result import Result, SegmentSpec
    from ..uncertainty.regions import ReviewRegion

# Axis of the canonical (S, A, R) array that is held fixed, and the letters at the left, right and top of the picture.
PLANES = (("Axial", 0, ("R", "L", "A")), ("Coronal", 1, ("R", "L", "S")), ("Sagittal", 2, ("A", "P", "S")))
PAPER, PANEL, TEXT, FAINT, ACCENT = "#0b0f14", "#121923", "#e8edf2", "#8494a5", "#4fb3d9"
_MARGIN_MM = 45.0
_LONG_NAME = 24
_SHOWN_FROM = 10.0  # fainter uncertainty than this only hides the image
_AIR_HU = -500.0
_SOFT_TISSUE_HU, _BONE_HU = (-160.0, 280.0), (-200.0, 1000.0)
_CORTEX_HU = 500.0


def write_pictures(directory: Path, result: Result) -> list[Path]:
    """Write ``overview.png`` and, if something is worth a look, ``review.png``; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    view = _View(result)
    paths = [directory / "overview.png"]
    _save(_overview(view, Report.from_result(result)), paths[0])
    if result.regions:
        paths.append(directory / "review.png")
        _save(_review(view, result.regions[:6]), paths[1])
    return paths


class _View:
    """A result with its axes nearest to S, A, R; nothing is copied."""

    def __init__(self, result: Result) -> None:
        self.image = result.image.canonical()
        self.specs = tuple(spec for spec in result.specs if spec.key in result.segments)
        self.masks = {spec.key: self._turned(result.image, result.segments[spec.key]) for spec in self.specs}
        self.uncertainty = {target: self._turned(result.image, values) for target, values in result.uncertainty.items()}
        self.boxes = {key: box for key, mask in self.masks.items() if (box := bounding_box(mask)) is not None}
        self.low, self.high = window(self.image, self.masks.values())

    @staticmethod
    def _turned(image: Image, voxels: NDArray[Any]) -> NDArray[Any]:
        return image.with_voxels(voxels).canonical().voxels

    def center(self) -> tuple[int, int, int]:
        """Where most of the segments is to be seen, each axis by itself; children (a tumor) weigh more than their organ."""
        found = []
        for axis in range(3):
            seen = np.zeros(self.image.shape[axis])
            for spec in self.specs:
                box = self.boxes.get(spec.key)
                if box is None:
                    continue
                area = np.count_nonzero(self.masks[spec.key][box], axis=tuple({0, 1, 2} - {axis}))
                seen[box[axis]] += area / area.max()
            found.append(int(np.argmax(seen)) if seen.any() else len(seen) // 2)
        return found[0], found[1], found[2]

    def frame(self) -> tuple[slice, slice, slice]:
        """Cube around all segments with a margin, as far as the image goes; everything if there is no segment."""
        steps = self.image.spacing[::-1]
        if not self.boxes:
            k, j, i = (slice(0, n) for n in self.image.shape)
            return k, j, i
        low = [min(box[axis].start for box in self.boxes.values()) for axis in range(3)]
        high = [max(box[axis].stop for box in self.boxes.values()) for axis in range(3)]
        side = max((h - g) * step for g, h, step in zip(low, high, steps, strict=True)) + 2 * _MARGIN_MM
        return self.around([(g + h) / 2 for g, h in zip(low, high, strict=True)], side / 2)

    def around(self, middle: Sequence[float], half_mm: float) -> tuple[slice, slice, slice]:
        """Cube around a voxel position (k, j, i), as far as the image goes."""
        halves = [half_mm / step for step in self.image.spacing[::-1]]
        k, j, i = (slice(max(0, round(m - h)), min(n, round(m + h) + 1)) for m, h, n in zip(middle, halves, self.image.shape, strict=True))
        return k, j, i

    def plane(self, voxels: NDArray[Any], axis: int, index: int, frame: Sequence[slice]) -> NDArray[Any]:
        """One plane as it is hung."""
        cut: list[Any] = list(frame)
        cut[axis] = index
        return voxels[tuple(cut)][::-1, ::-1]

    def show(
        self, axes: Axes, axis: int, index: int, frame: Sequence[slice], outlines: bool = True, heat: Mapping[str, Any] | None = None
    ) -> Any:
        """Draw one plane in millimeters: image, outlines of the segments, uncertainty."""
        down, across = (size for at, size in enumerate(self.image.spacing[::-1]) if at != axis)
        gray = self.plane(self.image.voxels, axis, index, frame)
        extent = (0, gray.shape[1] * across, gray.shape[0] * down, 0)
        axes.imshow(gray, cmap="gray", vmin=self.low, vmax=self.high, extent=extent, interpolation="bilinear")
        drawn = None
        if heat:
            hottest = np.maximum.reduce([self.plane(values, axis, index, frame) for values in heat.values()])
            shown = np.ma.masked_less(hottest, _SHOWN_FROM)
            drawn = axes.imshow(shown, cmap=colormap(), vmin=0, vmax=100, alpha=0.8, extent=extent, interpolation="nearest")
        if outlines:
            rows, columns = (np.arange(n) + 0.5 for n in gray.shape)
            for spec in self.specs:
                mask = self.plane(self.masks[spec.key], axis, index, frame)
                if mask.any() and not mask.all():
                    width = 0.9 if heat else 1.6
                    axes.contour(columns * across, rows * down, mask, levels=[0.5], colors=[_rgb(spec)], linewidths=width)
        # Square tiles on black, whatever the shape of the patient: pictures of different planes then line up.
        half = max(extent[1], extent[2]) / 2
        axes.set(xlim=(extent[1] / 2 - half, extent[1] / 2 + half), ylim=(extent[2] / 2 + half, extent[2] / 2 - half))
        axes.set(facecolor="black", xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return drawn


def _overview(view: _View, report: Report) -> Figure:
    figure = _figure(16, 8.6)
    grid = figure.add_gridspec(
        2, 4, left=0.012, right=0.988, top=0.885, bottom=0.06, wspace=0.03, hspace=0.03, width_ratios=[1, 1, 1, 1.06]
    )
    center, frame = view.center(), view.frame()
    drawn = None
    for column, (name, axis, letters) in enumerate(PLANES):
        for row, heat in enumerate((None, view.uncertainty)):
            if row == 1 and not view.uncertainty:
                continue
            axes = figure.add_subplot(grid[row, column])
            drawn = view.show(axes, axis, center[axis], frame, heat=heat) or drawn
            _letters(axes, letters)
            _scale_bar(axes)
            if row == 0:
                axes.set_title(name, color=FAINT, fontsize=11, pad=4)
    title = f"{report.provenance.module.capitalize()} volumes"
    figure.text(0.012, 0.955, title, color=TEXT, fontsize=20, fontweight="bold", va="center")
    subtitle = "  ·  ".join(part for part in (view.image.modality, view.image.name, _spacing(view.image)) if part)
    figure.text(0.988, 0.955, subtitle, color=FAINT, fontsize=11, va="center", ha="right")
    panel = figure.add_subplot(grid[:, 3])
    _panel(panel, view, report)
    if drawn is not None:
        bar = figure.add_axes((0.30, 0.022, 0.2, 0.012))
        figure.colorbar(drawn, cax=bar, orientation="horizontal", ticks=[0, 25, 50, 75, 100])
        bar.tick_params(colors=FAINT, labelsize=8, length=0, pad=2)
        for spine in bar.spines.values():
            spine.set_visible(False)
        figure.text(0.292, 0.028, "Uncertainty", color=FAINT, fontsize=9, ha="right", va="center")
    figure.text(0.012, 0.028, RESEARCH_ONLY, color=FAINT, fontsize=9, va="center")
    return figure


def _panel(axes: Axes, view: _View, report: Report) -> None:
    """Legend and table in one: a color, a name, a volume and its interval."""
    axes.set(xlim=(0, 1), ylim=(1, 0), facecolor=PANEL, xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    level = next((m.level for m in report.measurements if m.level is not None), None)
    axes.text(0.05, 0.035, "Volume, mL", color=ACCENT, fontsize=11, fontweight="bold", va="center")
    if level is not None:
        axes.text(0.95, 0.035, f"{level:.0%} interval".replace("%", " %"), color=ACCENT, fontsize=11, ha="right", va="center")
    colors = {spec.key: _rgb(spec) for spec in view.specs}
    names = {spec.key: spec.name for spec in view.specs}
    y = 0.082
    for measurement in _volumes(report.measurements, view.boxes):
        if measurement.segment in colors:
            axes.plot(0.065, y, "s", color=colors[measurement.segment], markersize=9)
        name = names.get(measurement.segment) or _plain(measurement.segment)
        long = len(name) > _LONG_NAME  # in full size it would run into the number
        axes.text(0.11, y, name, color=TEXT, fontsize=8 if long else 11, va="center")
        axes.text(0.70, y, number_text(measurement.value), color=TEXT, fontsize=12, fontweight="bold", ha="right", va="center")
        axes.text(0.95, y, interval_text(measurement), color=FAINT, fontsize=10.5, ha="right", va="center")
        y += 0.043
    y += 0.012
    axes.plot([0.05, 0.95], [y, y], color=FAINT, linewidth=0.5, alpha=0.5)
    y += 0.035
    for measurement in _others(report.measurements, room=int((0.935 - y) / 0.052)):
        name = names.get(measurement.segment) or _plain(measurement.segment)
        axes.text(0.05, y, measurement.name, color=TEXT, fontsize=10, va="center")
        axes.text(0.05, y + 0.021, name, color=FAINT, fontsize=8.5, va="center")
        unit = unit_text(measurement.unit)
        short = len(unit) <= 3  # a long unit would run into the name: it goes below
        number = f"{measurement.value:.0f}" if _is_count(measurement) else number_text(measurement.value, measurement.unit)
        value = f"{number} {unit if short else ''}".strip()
        axes.text(0.95, y, value, color=TEXT, fontsize=11, fontweight="bold", ha="right", va="center")
        below = "  ".join(part for part in (interval_text(measurement), "" if short else unit) if part)
        axes.text(0.95, y + 0.021, below, color=FAINT, fontsize=8.5, ha="right", va="center")
        y += 0.052
    made = report.provenance
    model = f"{made.model_name} {made.model_version}".strip()
    footer = "\n".join(part for part in (report.review_sentence, f"Model {model} on {made.device}" if model else "") if part)
    axes.text(0.05, 0.975, footer, color=FAINT, fontsize=8, va="bottom", linespacing=1.5)


def _review(view: _View, regions: Sequence[ReviewRegion]) -> Figure:
    """The first regions, each in the axial plane through its center, without and with the uncertainty."""
    figure = _figure(16, 6.2)
    grid = figure.add_gridspec(2, len(regions), left=0.012, right=0.988, top=0.83, bottom=0.05, wspace=0.05, hspace=0.05)
    figure.text(0.012, 0.935, "Worth a look", color=TEXT, fontsize=20, fontweight="bold", va="center")
    figure.text(0.988, 0.935, "largest expected error first", color=FAINT, fontsize=11, va="center", ha="right")
    for column, region in enumerate(regions):
        i, j, k = np.rint((view.image.ras_to_ijk @ (*region.center_ras_mm, 1))[:3]).astype(int)
        frame = view.around((k, j, i), _MARGIN_MM)
        heat = {region.target: view.uncertainty[region.target]} if region.target in view.uncertainty else None
        for row in (0, 1):
            axes = figure.add_subplot(grid[row, column])
            view.show(axes, 0, int(k), frame, heat=heat if row else None)
            x, y = (frame[2].stop - i - 0.5) * view.image.spacing[0], (frame[1].stop - j - 0.5) * view.image.spacing[1]
            axes.plot(x, y, "+", color=ACCENT, markersize=14, markeredgewidth=1.4, path_effects=_halo())
        question = {"boundary": "where is the edge?", "inside": "does it belong?", "outside": "missed?"}.get(region.kind, "")
        axes = figure.axes[-2]
        axes.set_title(f"{region.rank}   {region.target.capitalize()}", color=TEXT, fontsize=12, loc="left", pad=20, fontweight="bold")
        axes.text(0, 1.03, f"{question}  {region.at_stake_ml:.1f} mL at stake".strip(), color=FAINT, fontsize=9.5, transform=axes.transAxes)
    figure.text(0.012, 0.022, RESEARCH_ONLY, color=FAINT, fontsize=9, va="center")
    return figure


def _figure(width: float, height: float) -> Figure:
    # The object interface draws without a display and leaves pyplot's global state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, facecolor=PAPER)


def window(image: Image, masks: Iterable[NDArray[Any]] = ()) -> tuple[float, float]:
    """Values that are black and white where nobody chose others.

    On CT bone if what is segmented has a cortex, else soft tissue; otherwise what is between the darkest and the brightest of the
    patient.

    Args:
        image: the image.
        masks: what is segmented, on its grid.
    """
    step = tuple(slice(None, None, max(1, n // 64)) for n in image.shape)
    few = image.voxels[step]
    low, high = (float(value) for value in np.percentile(few, (1, 99.7)))
    if image.modality == "CT" or (not image.modality and low < _AIR_HU):  # files other than DICOM do not say what they are
        inside = np.logical_or.reduce([mask[step] for mask in masks] or [np.zeros(few.shape, bool)])
        return _BONE_HU if inside.any() and np.percentile(few[inside], 90) > _CORTEX_HU else _SOFT_TISSUE_HU
    return low, high if high > low else low + 1


def colormap() -> Any:
    """The colors of uncertainty, those of Slicer's views."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(uncertainty_colors() / 255.0)


def _letters(axes: Axes, letters: tuple[str, str, str]) -> None:
    left, right, top = letters
    for x, y, letter in ((0.035, 0.5, left), (0.965, 0.5, right), (0.5, 0.965, top)):
        axes.text(x, y, letter, color=TEXT, fontsize=11, ha="center", va="center", transform=axes.transAxes, path_effects=_halo())


def _scale_bar(axes: Axes) -> None:
    """5 cm."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x, y = left + 0.04 * (right - left), bottom - 0.04 * (bottom - top)
    axes.plot([x, x + 50], [y, y], color=TEXT, linewidth=1.8, solid_capstyle="butt", path_effects=_halo())
    axes.text(x + 25, y - 0.012 * (bottom - top), "5 cm", color=TEXT, fontsize=8, ha="center", va="bottom", path_effects=_halo())


def _halo() -> list[Any]:
    """Dark rim that keeps letters legible on bright tissue."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3, foreground="black", alpha=0.6)]


def _volumes(measurements: Sequence[Measurement], present: Mapping[str, Any]) -> list[Measurement]:
    """Volumes of what was found, and totals."""
    return [
        m for m in measurements if m.name == "Volume" and math.isfinite(m.value) and (m.segment in present or m.segment.startswith("total"))
    ]


def _others(measurements: Sequence[Measurement], room: int) -> list[Measurement]:
    """What else fits: first what has a verdict and what belongs to the whole patient; in the order of the table."""
    rest = [(n, m) for n, m in enumerate(measurements) if m.name != "Volume" and math.isfinite(m.value)]
    chosen = sorted(rest, key=lambda pair: (not pair[1].verdict, not pair[1].segment.startswith(("both", "total")), pair[0]))[
        : max(0, room)
    ]
    return [m for _, m in sorted(chosen, key=lambda pair: pair[0])]


def _rgb(spec: SegmentSpec) -> tuple[float, float, float]:
    red, green, blue = (channel / 255 for channel in spec.color)
    return red, green, blue


def _plain(segment: str) -> str:
    return segment.replace("_", " ").capitalize()


def _is_count(measurement: Measurement) -> bool:
    return measurement.unit == "1" and float(measurement.value).is_integer()


def _spacing(image: Image) -> str:
    i, j, k = image.spacing
    return f"{i:.2g} × {j:.2g} × {k:.2g} mm"
