"""Another cut-off for the probability inside one review region, or inside an area that was painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .corrections import belongs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..result import Result, SegmentSpec
    from ..uncertainty.regions import ReviewRegion


def masksAt(result: Result, region: ReviewRegion, probability: float) -> tuple[tuple[slice, slice, slice], dict[str, NDArray[np.bool_]]]:
    """As `masksIn` inside the box of a review region; returns the box too."""
    box = tuple(slice(low, high) for low, high in zip(*region.box_kji, strict=True))
    spec = specAt(result, region)
    return box, {} if spec is None else masksIn(result, spec, region.target, box, probability)


def masksIn(
    result: Result,
    spec: SegmentSpec,
    target: str,
    box: tuple[slice, slice, slice],
    probability: float,
    where: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[np.bool_]]:
    """Masks inside a box (K, J, I) if a segment began at another probability than 0.5 there.

    What the segment gains is taken from its siblings and added to its parent; what it loses goes to the sibling that
    is likelier than what is around the organ, and leaves the parent if none is.

    Args:
        result: is not changed.
        spec: the segment.
        target: its probability map.
        box: where to look.
        probability: from which on a voxel belongs to the segment.
        where: voxels of the box that may change; all of them if None.

    Returns:
        segment key -> mask inside the box, of the segments that change.
    """
    siblings = [other for other in result.specs if other.parent and other.parent == spec.parent and other.key != spec.key]
    now = {key: mask[box].copy() for key, mask in result.segments.items() if key in {spec.key, spec.parent, *(s.key for s in siblings)}}
    wanted = result.probability[target][box] > probability
    if where is not None:
        wanted = np.where(where, wanted, now[spec.key])
    gained, lost = wanted & ~now[spec.key], now[spec.key] & ~wanted
    now[spec.key] = wanted
    heirs = [other for other in siblings if other.key in now and _target(result, other.key)]
    for other in heirs:
        now[other.key] &= ~gained
    if spec.parent in now:
        kept = _handOver(result, box, spec.parent, heirs, now, lost)
        now[spec.parent] = (now[spec.parent] | gained) & ~(lost & ~kept)
    return {key: mask for key, mask in now.items() if (mask != result.segments[key][box]).any()}


def _handOver(result, box, parent: str, heirs, now, lost) -> NDArray[np.bool_]:
    """Give lost voxels to their likeliest heir; returns the voxels that stay in the parent."""
    chances = {heir.key: result.probability[_target(result, heir.key)][box] for heir in heirs}
    outside = 1 - result.probability[_target(result, parent)][box] if _target(result, parent) else np.zeros(lost.shape)
    best = np.max([outside, *chances.values()], axis=0)
    for key, chance in chances.items():
        now[key] |= lost & (chance == best) & (chance > outside)
    return lost & (outside <= 0.5)


def _target(result: Result, key: str) -> str:
    return next((target for target in result.probability if belongs(key, target)), "")


def specAt(result: Result, region: ReviewRegion) -> SegmentSpec | None:
    """The segment of the region's target that lies there, or whose parent does."""
    return specIn(result, region.target, tuple(slice(low, high) for low, high in zip(*region.box_kji, strict=True)))


def specIn(result: Result, target: str, box: tuple[slice, ...]) -> SegmentSpec | None:
    """The segment of a target that lies in a box, or whose parent does."""
    candidates = [spec for spec in result.specs if spec.key in result.segments and belongs(spec.key, target)]

    def overlap(spec: SegmentSpec) -> int:
        return sum(int(np.count_nonzero(result.segments[key][box])) for key in (spec.key, spec.parent) if key in result.segments)

    return max(candidates, key=overlap, default=None)
