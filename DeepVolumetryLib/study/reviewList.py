"""The places to review in words: a row for each, and how far the review has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .words import tr as _

if TYPE_CHECKING:
    from ..uncertainty.regions import ReviewRegion


def structure(region: ReviewRegion, names: Mapping[str, str]) -> str:
    """ "Tumor, contour"; ``names`` are those of the targets."""
    kinds = {"boundary": _("contour"), "inside": _("inside"), "outside": _("possibly missed")}
    name = names.get(region.target, region.target.capitalize())
    return ", ".join(word for word in (name, kinds.get(region.kind, "")) if word)


def decision(region: ReviewRegion) -> str:
    """What became of a place, "" if nobody looked at it yet."""
    return {"looks_right": _("looks right"), "fixed": _("fixed")}.get(region.reviewed, region.reviewed.replace("_", " "))


def summary(regions: Sequence[ReviewRegion]) -> str:
    """ "2 of 12 places reviewed, 30 % of the volume at stake; 1.4 mL are left." """
    if not regions:
        return _("The model is sure everywhere: there is no place to review.")
    done = sum(bool(region.reviewed) for region in regions)
    stake = sum(region.at_stake_ml for region in regions)
    left = sum(region.at_stake_ml for region in regions if not region.reviewed)
    share = 100 * (stake - left) / stake if stake else 100
    text = _("{done} of {total} places reviewed, {share} % of the volume at stake; {left} mL are left.")
    return text.format(done=done, total=len(regions), share=f"{share:.0f}", left=f"{left:.1f}")


def following(regions: Sequence[ReviewRegion], index: int) -> int:
    """Position of the next place that nobody looked at yet, round the end; the same position if there is none."""
    left = [number for number, region in enumerate(regions) if not region.reviewed]
    return next((number for number in left if number > index), left[0] if left else index)
