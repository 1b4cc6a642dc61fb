"""A result against a reference: how well the masks agree, and whether the uncertainty is where they do not. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..measure.overlap import Overlap, overlap
from ..uncertainty.score import QuBratsScore, qu_brats_score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..result import Result


@dataclass(frozen=True)
class ComparedTarget:
    """One target of a result against the same in a reference."""

    target: str
    overlap: Overlap
    score: QuBratsScore


def compare(result: Result, reference: Mapping[str, NDArray[np.bool_]], region: NDArray[np.bool_] | None = None) -> list[ComparedTarget]:
    """Compare every target that a result and a reference both have, in the order of the result.

    Args:
        result: its masks as they are now.
        reference: target -> mask on the grid of the result, (K, J, I).
        region: where the QU-BraTS score is counted; everywhere if None.
    """
    found = [target for target in result.uncertainty if target in reference and target in result.segments]
    return [
        ComparedTarget(
            target,
            overlap(result.segments[target], reference[target], result.image),
            qu_brats_score(result.segments[target], reference[target], result.uncertainty[target], region),
        )
        for target in found
    ]
