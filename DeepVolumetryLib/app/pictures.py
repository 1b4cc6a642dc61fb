"""Pictures of a result: three planes through the middle of what was found, and the uncertainty on top."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ..image import Image
    from ..result import Result, SegmentSpec

    Paint = Callable[[Axes, int], None]

_PLANES = (("axial", 0), ("coronal", 1), ("sagittal", 2))


def write_pictures(directory: Path, result: Result) -> list[Path]:
    """`segments.png` and `uncertainty.png`: patient right on the left, as radiologists look at them.

    The planes are those of the voxel grid, its axes put nearest to R, A and S; an oblique scan is shown as acquired.
    """
    image = result.image.canonical()
    masks = {
        spec: result.image.with_voxels(result.segments[spec.key]).canonical().voxels for spec in result.specs if spec.key in result.segments
    }
    center = _center([mask for mask in masks.values() if mask.any()], image.shape)
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / "segments.png", directory / "uncertainty.png"]

    def contours(axes: Axes, axis: int) -> None:
        _contours(axes, masks, center, axis)

    _figure(image, center, paths[0], contours, "Segments", [spec for spec, mask in masks.items() if mask.any()])
    if not result.uncertainty:
        return paths[:1]
    hottest = np.maximum.reduce([result.image.with_voxels(values).canonical().voxels for values in result.uncertainty.values()])

    def heat(axes: Axes, axis: int) -> None:
        _heat(axes, hottest, center, axis, image)

    _figure(image, center, paths[1], heat, "Uncertainty (0–100, highest of all targets)")
    return paths


def _center(masks: list[NDArray], shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The (k, j, i) of the planes: where most is to be seen, each axis by itself."""
    if not masks:
        return tuple(n // 2 for n in shape)  # type: ignore[return-value]
    counts = [sum(np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis})) for mask in masks) for axis in range(3)]
    return tuple(int(np.argmax(count)) for count in counts)  # type: ignore[return-value]


def _slice(voxels: NDArray, center: tuple[int, int, int], axis: int) -> NDArray:
    """One plane as it is hung: superior or anterior up; patient right, or anterior, on the left."""
    return np.take(voxels, center[axis], axis=axis)[::-1, ::-1]


def _aspect(image: Image, axis: int) -> float:
    i, j, k = image.spacing
    return {0: j / i, 1: k / i, 2: k / j}[axis]


def _window(image: Image) -> tuple[float, float]:
    """Soft tissue on CT; the central range of what is not background otherwise."""
    if image.modality == "CT":
        return -140, 260
    sample = image.voxels[::2, ::4, ::4]
    low, high = np.percentile(sample, (1, 99.5))
    return float(low), float(high if high > low else low + 1)


def _figure(image: Image, center: tuple[int, int, int], path: Path, paint: Paint, title: str, legend: Sequence[SegmentSpec] = ()) -> None:
    # The object interface draws without a display and without pyplot's global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(15, 5.4), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    low, high = _window(image)
    for axes, (name, axis) in zip(figure.subplots(1, 3), _PLANES, strict=True):
        axes.imshow(_slice(image.voxels, center, axis), cmap="gray", vmin=low, vmax=high, aspect=_aspect(image, axis))
        paint(axes, axis)
        axes.set_title(name, color="white")
        axes.set_axis_off()
    figure.suptitle(f"{title}. Not for diagnosis.", color="white")
    if legend:
        lines = [Line2D([], [], color=_color(spec), label=spec.name) for spec in legend]
        figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), labelcolor="white", facecolor="black", frameon=False)
    figure.savefig(path, dpi=90)


def _contours(axes: Axes, masks: dict[SegmentSpec, NDArray], center: tuple[int, int, int], axis: int) -> None:
    for spec, mask in masks.items():
        plane = _slice(mask, center, axis)
        if plane.any() and not plane.all():
            axes.contour(plane, levels=[0.5], colors=[_color(spec)], linewidths=1.4)


def _color(spec: SegmentSpec) -> tuple[float, float, float]:
    red, green, blue = spec.color
    return red / 255, green / 255, blue / 255


def _heat(axes: Axes, uncertainty: NDArray, center: tuple[int, int, int], axis: int, image: Image) -> None:
    plane = _slice(uncertainty, center, axis)
    axes.imshow(np.ma.masked_less(plane, 5), cmap="inferno", vmin=0, vmax=100, alpha=0.7, aspect=_aspect(image, axis))
