"""Which candidate is which kidney: sides from the patient's coordinates, and what to say of unusual anatomy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_SMALL_ML, _LARGE_ML = 60.0, 450.0
_LEVEL_MM = 80.0
_SHARE_OF_LARGER = 0.12
_UNSURE = 0.62


@dataclass(frozen=True)
class Candidate:
    """A connected place that looks like a kidney.

    Attributes:
        volume_ml: at 5 mm, lesions included.
        confidence: mean probability.
        center_ras: weighted center in mm.
        low_ras, high_ras: corners of its box in mm.
        cut: share of its voxels at the edge of what was scanned.
    """

    volume_ml: float
    confidence: float
    center_ras: NDArray[np.float64]
    low_ras: NDArray[np.float64]
    high_ras: NDArray[np.float64]
    cut: float = 0.0


@dataclass(frozen=True)
class Chosen:
    """Candidates taken as kidneys.

    Attributes:
        sides: "left" and "right" -> number of the candidate (from 1). Both name the same one if the kidneys are fused.
        fused: True if one candidate is both kidneys; it is then divided at the spine.
        warnings: sentences for the user.
    """

    sides: dict[str, int]
    fused: bool = False
    warnings: list[str] = field(default_factory=list)


def assign_sides(candidates: list[Candidate], midline_r: Callable[[float], float]) -> Chosen:
    """Left and right kidney among the candidates (the largest first).

    Args:
        candidates: as the localizer gives them.
        midline_r: R coordinate of the spine at a height S, both in mm. In RAS the patient's right has the larger R.

    One kidney a side: the largest that is not dwarfed by the other side's. Both on one side (crossed ectopia), one only,
    fused, unusually small or large, and far apart in height are named in the warnings; volumes are given all the same.
    """
    if not candidates:
        return Chosen({}, warnings=["No kidney was found. Check that the scan covers the kidneys, or outline them under Correct."])
    largest = candidates[0].volume_ml
    kept = [
        n for n, c in enumerate(candidates, 1) if c.volume_ml >= _SHARE_OF_LARGER * largest or (c.volume_ml > 30 and c.confidence > 0.8)
    ]
    first = candidates[0]
    middle = midline_r(float(first.center_ras[2]))
    reach = first.high_ras[0] - middle, middle - first.low_ras[0]
    if min(reach) > 35 and not any(_beside(candidates[n - 1], midline_r) > 25 for n in kept[1:]):
        return Chosen(
            {"left": 1, "right": 1}, True, ["The kidneys are fused (horseshoe kidney?). They are divided at the spine; check both sides."]
        )
    sides: dict[str, int] = {}
    for number in kept:
        candidate = candidates[number - 1]
        side = "right" if candidate.center_ras[0] > midline_r(float(candidate.center_ras[2])) else "left"
        sides.setdefault(side, number)
    warnings = []
    crossed = [n for n in kept if n not in sides.values() and candidates[n - 1].volume_ml > 60 and candidates[n - 1].confidence > 0.8]
    if len(sides) == 1 and crossed:
        (only,) = sides
        other = "left" if only == "right" else "right"
        sides[other] = crossed[0]
        warnings.append(
            f"Both kidneys lie on the patient's {only} (crossed ectopia or a transplant?). The smaller one is listed as {other}."
        )
    return Chosen(sides, False, warnings + _remarks(candidates, sides))


def _beside(candidate: Candidate, midline_r: Callable[[float], float]) -> float:
    return abs(float(candidate.center_ras[0]) - midline_r(float(candidate.center_ras[2])))


def _remarks(candidates: list[Candidate], sides: dict[str, int]) -> list[str]:
    found = {side: candidates[number - 1] for side, number in sorted(sides.items())}
    remarks = []
    for side, candidate in found.items():
        if candidate.cut > 0.04:
            remarks.append(f"The {side} kidney reaches the edge of the scan; its volume is incomplete.")
        if candidate.volume_ml < _SMALL_ML:
            remarks.append(f"The {side} kidney is unusually small ({candidate.volume_ml:.0f} mL on the coarse grid).")
        if candidate.volume_ml > _LARGE_ML:
            remarks.append(f"The {side} kidney with its lesions is unusually large ({candidate.volume_ml:.0f} mL on the coarse grid).")
        if candidate.confidence < _UNSURE:
            remarks.append(f"The model is unsure of the {side} kidney; check it first.")
    if len(found) == 1:
        (only,) = found
        missing = "left" if only == "right" else "right"
        remarks.append(f"Only the {only} kidney was found. If the {missing} one is there, outline it under Correct.")
    elif len(found) == 2 and abs(found["left"].center_ras[2] - found["right"].center_ras[2]) > _LEVEL_MM:
        remarks.append("The kidneys lie at very different heights (ectopic or transplanted kidney?). Check the sides.")
    others = [candidate for number, candidate in enumerate(candidates, 1) if number not in sides.values()]
    for candidate in others[:3]:
        r, a, s = candidate.center_ras
        remarks.append(
            f"Another place looks like kidney ({candidate.volume_ml:.0f} mL at R {r:.0f}, A {a:.0f}, S {s:.0f} mm) and was left out."
        )
    return remarks
