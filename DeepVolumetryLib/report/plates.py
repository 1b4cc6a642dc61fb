"""Pictures for a page: planes through the segments, without and with the uncertainty.

A plate is a row of square tiles; letters, scale and legend are drawn by the page, so that they are sharp at any size.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .pictures import PLANES, _figure, _View, colormap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..result import Result
    from ..uncertainty.regions import ReviewRegion

Letters = tuple[str, str, str]
Heads = tuple[tuple[str, ...], tuple[Letters, ...]]
_BLANK = ("", "", "")
_TILE_INCHES, _DPI, _QUALITY = 2.4, 150, 85
PLACES = 4
"""So many places to review are drawn."""
PLACE_MM = 35.0
"""To each side of the center of a place."""


@dataclass(frozen=True)
class Plate:
    """A row of square tiles.

    Attributes:
        jpeg: the picture, as wide as all tiles.
        titles: above each tile.
        letters: at the left, right and top of each tile; empty strings where they are not known.
        tile_mm: width of a tile in the patient; 0 if they differ.
        gap: between two tiles, as a share of a tile.
        uncertainty: True if the colors of the uncertainty lie over it.
    """

    jpeg: bytes = field(repr=False)
    titles: tuple[str, ...]
    letters: tuple[Letters, ...]
    tile_mm: float = 0.0
    uncertainty: bool = False
    gap: float = 0.02


def draw_plates(result: Result) -> list[Plate]:
    """Segments, then uncertainty: three planes of a volume, or all pictures of a study side by side."""
    return _of_pictures(result) if min(result.image.shape) == 1 else _of_volume(result)


def draw_places(result: Result, count: int = PLACES) -> Plate | None:
    """The first places to review, each in the axial plane through its center; None if there is none or the images are pictures."""
    if not result.regions or min(result.image.shape) == 1:
        return None
    view, regions = _View(result), sorted(result.regions, key=lambda region: region.rank)[:count]
    figure = _tiles(count)
    for n, region in enumerate(regions):
        i, j, k = np.rint((view.image.ras_to_ijk @ (*region.center_ras_mm, 1))[:3]).astype(int)
        heat = {region.target: view.uncertainty[region.target]} if region.target in view.uncertainty else None
        view.show(figure.axes[n], 0, int(np.clip(k, 0, view.image.shape[0] - 1)), view.around((k, j, i), PLACE_MM), heat=heat)
    for axes in figure.axes[len(regions) :]:
        axes.set_axis_off()
    return Plate(_jpeg(figure), *heads_of_places(regions, count), uncertainty=True)


def heads_of_planes() -> Heads:
    """Titles and letters of three tiles, one for each plane."""
    return tuple(name for name, _, _ in PLANES), tuple(letters for _, _, letters in PLANES)


def heads_of_places(regions: Sequence[ReviewRegion], count: int = PLACES) -> Heads:
    """Titles and letters of axial tiles, one for each region; empty ones up to ``count``."""
    titles, missing = [f"{region.rank}  {region.target}, {region.at_stake_ml:.1f} mL" for region in regions], count - len(regions)
    return (*titles, *[""] * missing), (*[PLANES[0][2]] * len(regions), *[_BLANK] * missing)


def heads_of_pictures(result: Result) -> Heads:
    """Titles and letters of all pictures of a study side by side; never fewer than two tiles, so that one picture does not fill a page."""
    titles = [(name or part.image.name or "picture").capitalize() for name, part in result.parts.items()]
    count = max(2, len(titles))
    return (*titles, *[""] * (count - len(titles))), (_BLANK,) * count


@dataclass(frozen=True)
class Aim:
    """Where to look: the point in RAS where the planes meet, what is in the middle of the tiles, and the width of a tile in mm."""

    center: tuple[float, ...]
    middle: tuple[float, ...]
    width: float


def aim_at(result: Result) -> Aim:
    """What the tiles of `draw_plates` show of a volume."""
    view = _View(result)
    middle = [(cut.start + cut.stop - 1) / 2 for cut in view.frame()]
    center, middle_ras = (tuple((view.image.ijk_to_ras @ (*reversed(kji), 1))[:3].tolist()) for kji in (view.center(), middle))
    return Aim(center, middle_ras, _width(view))


def _width(view: _View) -> float:
    return max((cut.stop - cut.start) * step for cut, step in zip(view.frame(), view.image.spacing[::-1], strict=True))


def _of_volume(result: Result) -> list[Plate]:
    view = _View(result)
    center, frame = view.center(), view.frame()
    width = _width(view)
    plates = []
    for heat in _without_and_with(view.uncertainty):
        figure = _tiles(len(PLANES))
        for axes, (_, axis, _) in zip(figure.axes, PLANES, strict=True):
            view.show(axes, axis, center[axis], frame, heat=heat)
            _same_scale(axes, width)
        plates.append(Plate(_jpeg(figure), *heads_of_planes(), width, bool(heat)))
    return plates


def _of_pictures(result: Result) -> list[Plate]:
    parts = result.parts
    heads = heads_of_pictures(result)
    plates = []
    for shown in (False, True):
        if shown and not any(part.uncertainty for part in parts.values()):
            continue
        figure = _tiles(len(heads[0]))
        for axes in figure.axes[len(parts) :]:
            axes.set_axis_off()
        for axes, part in zip(figure.axes, parts.values(), strict=False):
            _show_picture(axes, part, shown)
        plates.append(Plate(_jpeg(figure), *heads, uncertainty=shown))
    return plates


def _show_picture(axes: Any, part: Result, heat: bool) -> None:
    """A picture as it was read: rows down, columns to the right."""
    thin = int(np.argmin(part.image.shape))
    gray = part.image.voxels.squeeze(axis=thin)
    down, across = np.delete(part.image.spacing[::-1], thin)
    extent = (0.0, gray.shape[1] * across, gray.shape[0] * down, 0.0)
    axes.imshow(gray, cmap="gray", extent=extent, interpolation="bilinear")
    if heat and part.uncertainty:
        hottest = np.maximum.reduce([values.squeeze(axis=thin) for values in part.uncertainty.values()])
        axes.imshow(np.ma.masked_less(hottest, 10), cmap=colormap(), vmin=0, vmax=100, alpha=0.8, extent=extent, interpolation="nearest")
    rows, columns = (np.arange(n) + 0.5 for n in gray.shape)
    for spec in part.specs:
        mask = part.segments.get(spec.key)
        if mask is not None and mask.any() and not mask.all():
            color = [channel / 255 for channel in spec.color]
            axes.contour(columns * across, rows * down, mask.squeeze(axis=thin), levels=[0.5], colors=[color], linewidths=1.6)
    half = max(extent[1], extent[2]) / 2
    axes.set(xlim=(extent[1] / 2 - half, extent[1] / 2 + half), ylim=(extent[2] / 2 + half, extent[2] / 2 - half))
    axes.set(facecolor="black", xticks=[], yticks=[])


def _without_and_with(uncertainty: Mapping[str, NDArray[Any]]) -> Sequence[Mapping[str, NDArray[Any]] | None]:
    return (None, uncertainty) if uncertainty else (None,)


def _tiles(count: int) -> Any:
    figure = _figure(count * _TILE_INCHES, _TILE_INCHES)
    grid = figure.add_gridspec(1, count, left=0, right=1, top=1, bottom=0, wspace=Plate.gap)
    for n in range(count):
        figure.add_subplot(grid[0, n])
    figure.set_facecolor("white")
    return figure


def _same_scale(axes: Any, width: float) -> None:
    """As many millimeters in each tile, so that one bar measures all."""
    x, y = (sum(axes.get_xlim()) / 2, sum(axes.get_ylim()) / 2)
    axes.set(xlim=(x - width / 2, x + width / 2), ylim=(y + width / 2, y - width / 2))


def _jpeg(figure: Any) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="jpg", dpi=_DPI, facecolor="white", pil_kwargs={"quality": _QUALITY})
    return picture.getvalue()
