"""Where to look first: uncertain places as a short ranked list.

Uncertain voxels near the contour of the segmentation and those away from it are kept apart, so that a faint lesion does
not drown in the rim of its organ. Each connected place larger than what one looks at in one go (the whole rim of a kidney)
is divided around its hottest spots.

Options for tumors: ``islands`` keeps the word "outside" for what has no connection to the mask, ``missed_first`` lists that before
boundaries with less than ten times its stake, and ``count_once`` moves places down that earlier ones already show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .maps import REVIEW_THRESHOLD
from .regions import ReviewRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..image import Image

REACH_MM = 12.5
"""Radius that one look at a slice view takes in."""
BOUNDARY_MM = 3.0
"""Distance from the contour within which an uncertain voxel is a question of where the contour runs."""
MISSED_WEIGHT = 10.0
"""With ``missed_first`` a place outside of the mask comes before others whose stake is of the same order of magnitude."""


def review_regions(
    probability: NDArray[Any],
    uncertainty: NDArray[Any],
    image: Image,
    target: str,
    mask: NDArray[np.bool_] | None = None,
    threshold: float = REVIEW_THRESHOLD,
    least_ml: float = 0.05,
    most: int = 30,
    reach_mm: float = REACH_MM,
    islands: bool = False,
) -> list[ReviewRegion]:
    """Places worth reviewing, the largest expected error first.

    Args:
        probability: calibrated foreground probability, (K, J, I).
        uncertainty: 0-100, same shape.
        image: its grid places the regions; its voxels are not used.
        target: name that the regions carry.
        mask: the segmentation; probability > 0.5 if None.
        threshold: uncertainty from which a voxel belongs to a region.
        least_ml: regions with less at stake are left out.
        most: at most so many regions.
        reach_mm: places wider than twice this are divided. Larger places show more of the error in fewer looks, see
            docs/uncertainty.md.
        islands: call "outside" only what does not touch the mask, not even by way of other uncertain voxels: a whole component
            that may have been missed. What is connected to the mask is then a question of its boundary.

    Returns:
        Regions ranked from 1. The center is a voxel of the region.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if probability.shape != image.shape or uncertainty.shape != image.shape:
        raise ValueError(f"probability {probability.shape} and uncertainty {uncertainty.shape} must be on the grid {image.shape}")
    low, high = _box(uncertainty, threshold)
    if (low >= high).any():
        return []
    inside = tuple(map(slice, low, high))
    p = probability[inside]
    hot = uncertainty[inside] >= threshold
    segmented = (p > 0.5) if mask is None else mask[inside]
    grid = image.cropped(low, high)

    kji = np.argwhere(hot)
    position = kji[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    at_stake = np.minimum(p[hot], 1 - p[hot]).astype(np.float64) * image.voxel_ml
    in_mask = segmented[hot]
    near = _near_contour(segmented, hot, position, grid)
    if islands:
        near |= ~in_mask & ~_islands(hot, segmented)[hot]
    place = _places(hot, near, position, at_stake, reach_mm)

    regions = []
    for voxels in _groups(place):
        stake = float(at_stake[voxels].sum())
        if stake < least_ml:
            continue
        points = position[voxels]
        middle = np.average(points, axis=0, weights=at_stake[voxels] + 1e-12)
        center = points[np.argmin(((points - middle) ** 2).sum(axis=1))]
        indices = kji[voxels] + low
        kind = "boundary" if near[voxels[0]] else ("inside" if in_mask[voxels].mean() > 0.5 else "outside")
        regions.append(
            ReviewRegion(
                rank=0,
                target=target,
                at_stake_ml=stake,
                center_ras_mm=(float(center[0]), float(center[1]), float(center[2])),
                volume_ml=len(voxels) * image.voxel_ml,
                box_kji=(_triple(indices.min(axis=0)), _triple(indices.max(axis=0) + 1)),
                kind=kind,
            )
        )
    return rank_regions(regions, most)


def rank_regions(
    regions: Sequence[ReviewRegion], most: int = 30, missed_first: bool = False, count_once: bool = False
) -> list[ReviewRegion]:
    """Regions of one or several targets in one order: the largest expected error first, numbered from 1.

    Args:
        regions: of one grid, in any order.
        most: at most so many.
        missed_first: the stake of "outside" regions counts ``MISSED_WEIGHT`` times. A missed lesion matters more than a shifted
            contour of the same volume, and is harder to notice.
        count_once: the part of a region's box that lies in boxes of earlier regions does not count: who looked at the boundary
            of a tumor there has seen that of its core too.
    """

    def urgency(region: ReviewRegion) -> float:
        return region.at_stake_ml * (MISSED_WEIGHT if missed_first and region.kind == "outside" else 1.0)

    ordered = sorted(regions, key=lambda region: (-urgency(region), region.target, region.center_ras_mm))
    if count_once:
        ordered = _spread_out(ordered, [urgency(region) for region in ordered], most)
    return [replace(region, rank=rank) for rank, region in enumerate(ordered[:most], 1)]


def reviewed_mask(image: Image, regions: Sequence[ReviewRegion]) -> NDArray[np.bool_]:
    """Voxels that count as reviewed: of all regions whose box holds the voxel, the one with the nearest center is reviewed.

    Args:
        image: the grid.
        regions: all regions, reviewed or not; those of other targets do not matter to each other's voxels.
    """
    certain = np.zeros(image.shape, bool)
    for region in regions:
        if not region.reviewed:
            continue
        low, high = np.array(region.box_kji)
        mine = np.ones(tuple(high - low), bool)
        for other in regions:
            start, stop = np.maximum(low, other.box_kji[0]), np.minimum(high, other.box_kji[1])
            if other.reviewed or other.target != region.target or (start >= stop).any():
                continue
            # Nearer than the other: on this side of the plane half way between the two centers.
            a, b = np.array(region.center_ras_mm), np.array(other.center_ras_mm)
            step = (b - a) @ image.ijk_to_ras[:3, :3]
            beyond = (b - a) @ (image.ijk_to_ras[:3, 3] - (a + b) / 2)
            k, j, i = np.ogrid[tuple(map(slice, start, stop))]
            mine[tuple(map(slice, start - low, stop - low))] &= k * step[2] + j * step[1] + i * step[0] + beyond <= 0
        certain[tuple(map(slice, low, high))] |= mine
    return certain


def shown(shape: tuple[int, int, int], regions: Sequence[ReviewRegion], first: int = 10) -> NDArray[np.bool_]:
    """Voxels in the boxes of the first regions, (K, J, I): what somebody sees who looks at those."""
    seen = np.zeros(shape, bool)
    for region in sorted(regions, key=lambda region: region.rank)[:first]:
        seen[tuple(map(slice, *region.box_kji))] = True
    return seen


def error_share(error: NDArray[np.bool_], regions: Sequence[ReviewRegion], first: int = 10) -> float:
    """Share of the wrong voxels that lie in the boxes of the first regions; NaN if nothing is wrong.

    Large boxes hold much: tell the volume of ``shown`` beside it.
    """
    total = np.count_nonzero(error)
    if total == 0:
        return float("nan")
    k, j, i = error.shape
    return float(np.count_nonzero(error & shown((k, j, i), regions, first)) / total)


def _spread_out(regions: Sequence[ReviewRegion], urgency: Sequence[float], most: int) -> list[ReviewRegion]:
    """Greedily the region whose urgency, times the share of its box that no earlier box holds, is largest."""
    if not regions:
        return []
    corners = np.array([region.box_kji for region in regions])  # (N, 2, 3)
    edges = [np.unique(corners[..., axis]) for axis in range(3)]
    cells = [np.diff(edge) for edge in edges]
    size = cells[0][:, None, None] * cells[1][None, :, None] * cells[2]
    boxes = [tuple(slice(*np.searchsorted(edges[axis], box[:, axis])) for axis in range(3)) for box in corners]
    seen = np.zeros(size.shape, bool)
    left = list(range(len(regions)))
    chosen: list[ReviewRegion] = []
    while left and len(chosen) < most:
        fresh = [urgency[n] * float(size[boxes[n]].sum(where=~seen[boxes[n]]) / max(1, size[boxes[n]].sum())) for n in left]
        best = left.pop(int(np.argmax(fresh)))
        seen[boxes[best]] = True
        chosen.append(regions[best])
    return chosen


def _triple(values: NDArray[Any]) -> tuple[int, int, int]:
    k, j, i = (int(value) for value in values)
    return k, j, i


def _box(uncertainty: NDArray[Any], threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bounding box of the uncertain voxels; slab by slab, so that nothing as large as the image is allocated."""
    rows = np.zeros(uncertainty.shape[1], bool)
    columns = np.zeros(uncertainty.shape[2], bool)
    slabs = np.zeros(uncertainty.shape[0], bool)
    for k, slab in enumerate(uncertainty):
        hot = slab >= threshold
        in_row = hot.any(axis=1)
        if in_row.any():
            slabs[k] = True
            rows |= in_row
            columns |= hot.any(axis=0)
    low, high = [], []
    for axis in (slabs, rows, columns):
        at = np.flatnonzero(axis)
        low.append(at[0] if at.size else 0)
        high.append(at[-1] + 1 if at.size else 0)
    return np.array(low), np.array(high)


def _near_contour(segmented: NDArray[np.bool_], hot: NDArray[np.bool_], position: NDArray[Any], grid: Image) -> NDArray[np.bool_]:
    contour = segmented & ~ndimage.binary_erosion(segmented, border_value=1)
    kji = np.argwhere(contour)
    if not len(kji):
        return np.zeros(len(position), bool)
    reach = max(BOUNDARY_MM, 1.5 * max(grid.spacing))
    # Most uncertain voxels are a few steps from the contour, whatever the directions of the grid: the tree is for the others.
    near = ndimage.binary_dilation(contour, iterations=int(reach / max(grid.spacing)))[hot]
    points = kji[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    distance, _ = cKDTree(points).query(position[~near], distance_upper_bound=reach)
    near[~near] = np.isfinite(distance)
    return np.asarray(near)


def _islands(hot: NDArray[np.bool_], segmented: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Uncertain voxels whose connected component neither holds nor touches a voxel of the mask."""
    everywhere = np.ones((3, 3, 3))
    labels, count = ndimage.label(hot, structure=everywhere)
    connected = np.zeros(count + 1, bool)
    connected[labels[ndimage.binary_dilation(segmented, structure=everywhere)]] = True
    return hot & ~connected[labels]


def _places(
    hot: NDArray[np.bool_], near: NDArray[np.bool_], position: NDArray[Any], weight: NDArray[Any], reach_mm: float
) -> NDArray[np.int64]:
    """Number of the place that each uncertain voxel belongs to."""
    component = np.zeros(len(position), np.int64)
    offset = 0
    for chosen in (near, ~near):
        part = np.zeros(hot.shape, bool)
        part[hot] = chosen
        labels, count = ndimage.label(part, structure=np.ones((3, 3, 3)))
        component[chosen] = labels[part] + offset
        offset += count
    place = np.zeros(len(position), np.int64)
    count = 0
    for voxels in _groups(component):
        parts = _divided(position[voxels], weight[voxels], reach_mm)
        place[voxels] = parts + count
        count += int(parts.max()) + 1
    return place


def _divided(position: NDArray[Any], weight: NDArray[Any], reach_mm: float) -> NDArray[np.int64]:
    """Part number of each voxel of one component: around peaks of what is at stake, at least one and a half reaches apart."""
    if (np.ptp(position, axis=0) <= 2 * reach_mm).all():
        return np.zeros(len(position), np.int64)
    cell_mm = reach_mm / 3
    cell = ((position - position.min(axis=0)) // cell_mm).astype(np.int64)
    shape = tuple(cell.max(axis=0) + 1)
    flat = np.ravel_multi_index(tuple(cell.T), shape)
    density = np.bincount(flat, weight, minlength=int(np.prod(shape))).reshape(shape)
    density = ndimage.gaussian_filter(density, 1.0, mode="constant")
    occupied, voxel_of = np.unique(flat, return_index=True)
    order = np.argsort(-density.ravel()[occupied], kind="stable")
    candidates = position[voxel_of[order]]
    free = np.ones(len(candidates), bool)
    peaks = []
    for number, candidate in enumerate(candidates):
        if free[number]:
            peaks.append(candidate)
            free &= ((candidates - candidate) ** 2).sum(axis=1) > (1.5 * reach_mm) ** 2
    return cKDTree(np.array(peaks)).query(position)[1].astype(np.int64)


def _groups(number: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of equal numbers, one array each."""
    if not number.size:
        return []
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
