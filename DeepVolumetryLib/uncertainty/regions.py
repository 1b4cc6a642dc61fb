"""Review regions: places where the segmentation is probably wrong, ranked by the volume at stake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReviewRegion:
    """A connected place of high uncertainty.

    Attributes:
        rank: 1 is the most worth looking at.
        target: probability map that it belongs to ("parenchyma").
        at_stake_ml: expected error volume, sum of min(p, 1-p) over the region, in mL.
        center_ras_mm: a voxel of the region nearest its weighted center, so that it never lies outside of it.
        volume_ml: volume of the region itself.
        box_kji: ((k0, j0, i0), (k1, j1, i1)), half open, on the grid of the result.
        reviewed: "" or "looks_right" or "fixed".
        kind: "boundary" (where does the contour run?), "inside" (does this belong?) or "outside" (was something missed?).
    """

    rank: int
    target: str
    at_stake_ml: float
    center_ras_mm: tuple[float, float, float]
    volume_ml: float
    box_kji: tuple[tuple[int, int, int], tuple[int, int, int]] = ((0, 0, 0), (0, 0, 0))
    reviewed: str = ""
    kind: str = ""
