"""A small picture of a result for cohort.html: three planes through it, with the outlines of its segments.

Drawn without matplotlib, in some milliseconds: it is made for every case, and shown for the few that stand out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...result import Result

_TILE = 150
_QUALITY = 82
_MARGIN_MM = 25.0


def write_thumbnail(path: Path, result: Result) -> None:
    """Write a JPEG, tiles of 150 pixels side by side: axial, coronal and sagittal, or the picture where there is one slice only."""
    from PIL import Image

    tiles = [Image.fromarray(tile) for tile in thumbnail_tiles(result)]
    whole = Image.new("RGB", (_TILE * len(tiles) + 2 * (len(tiles) - 1), _TILE))
    for number, tile in enumerate(tiles):
        tile.thumbnail((_TILE, _TILE))
        left = number * (_TILE + 2) + (_TILE - tile.width) // 2
        whole.paste(tile, (left, (_TILE - tile.height) // 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    whole.save(beside, "JPEG", quality=_QUALITY)
    beside.replace(path)


def thumbnail_tiles(result: Result) -> list[NDArray[np.uint8]]:
    """RGB pictures (rows, columns, 3), one pixel per 1/150 of what is shown; patient right on the left, anterior or superior on top."""
    if min(result.image.shape) == 1:
        axis = int(np.argmin(result.image.shape))
        gray = _picture(np.take(result.image.voxels, 0, axis=axis - 3))
        steps = [step for at, step in enumerate(result.image.spacing[::-1]) if at != axis]
        masks = {spec.key: np.take(result.segments[spec.key], 0, axis=axis) for spec in result.specs if spec.key in result.segments}
        return [_tile(gray, masks, result, steps[0], steps[1])]
    image = result.image.canonical()
    masks = {
        spec.key: result.image.with_voxels(result.segments[spec.key]).canonical().voxels
        for spec in result.specs
        if spec.key in result.segments
    }
    everything = np.zeros(image.shape, bool)
    for mask in masks.values():
        everything |= mask
    steps = list(image.spacing[::-1])
    center, box = _aim(everything, steps)
    low, high = np.percentile(image.voxels[box][::2, ::2, ::2], (1, 99.5))
    gray = np.clip((image.voxels[box].astype(np.float32) - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    tiles = []
    for axis in range(3):
        at = center[axis] - box[axis].start
        down, across = (step for other, step in enumerate(steps) if other != axis)
        cut = {key: np.take(mask[box], at, axis=axis)[::-1, ::-1] for key, mask in masks.items()}
        tiles.append(_tile(np.take(gray, at, axis=axis)[::-1, ::-1], cut, result, down, across))
    return tiles


def _aim(mask: NDArray[np.bool_], steps: Any) -> tuple[list[int], tuple[slice, ...]]:
    """The planes with most in them, and a box around everything with a margin; the middle and the whole if there is nothing."""
    center, box = [], []
    for axis, step in enumerate(steps):
        areas = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        found = np.flatnonzero(areas)
        center.append(int(areas.argmax()) if found.size else mask.shape[axis] // 2)
        margin = round(_MARGIN_MM / step)
        box.append(slice(max(0, found[0] - margin), found[-1] + margin + 1) if found.size else slice(0, mask.shape[axis]))
    return center, tuple(box)


def _picture(voxels: NDArray[Any]) -> NDArray[np.uint8]:
    """Gray values of a plane as bytes; the channels of a picture in color are averaged."""
    plane = voxels.astype(np.float32)
    plane = plane.mean(0) if plane.ndim == 3 else plane
    low, high = np.percentile(plane, (0.5, 99.8))
    scaled: NDArray[np.uint8] = np.clip((plane - low) / max(float(high - low), 1e-6) * 255, 0, 255).astype(np.uint8)
    return scaled


def _tile(gray: NDArray[np.uint8], masks: dict[str, NDArray[np.bool_]], result: Result, down: float, across: float) -> NDArray[np.uint8]:
    """A plane with square pixels, and each segment's outline in its color."""
    size = (max(1, round(gray.shape[0] * down)), max(1, round(gray.shape[1] * across)))
    factor = _TILE / max(size)
    rows = np.minimum(np.arange(max(1, round(size[0] * factor))) / (down * factor), gray.shape[0] - 1).astype(int)
    columns = np.minimum(np.arange(max(1, round(size[1] * factor))) / (across * factor), gray.shape[1] - 1).astype(int)
    grid = np.ix_(rows, columns)
    colored = np.repeat(gray[grid][..., None], 3, axis=2)
    for spec in result.specs:
        mask = masks[spec.key][grid] if spec.key in masks else None
        if mask is not None and mask.any():
            colored[mask & ~ndimage.binary_erosion(mask)] = spec.color
    return colored
