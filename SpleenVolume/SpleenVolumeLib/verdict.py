"""Is this spleen too large? Three answers: yes, no, and "the interval does not tell"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import references
from .references import ADULT_HIGH_ML, ADULT_LOW_ML

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .parameters import Parameters

Interval = tuple[float, float] | None


def three_way(value: float, interval: Interval, limit: float, called: str, unit: str = "mL") -> str:
    """ "above …", "below …" or "the interval crosses …".

    Args:
        value: what was measured.
        interval: its interval; without one the value alone decides, and the words say so.
        limit: upper limit.
        called: what the limit is, e.g. "the adult limit".
    """
    named = f"{called} ({limit:.4g} {unit})"
    if interval is None:
        return f"{'above' if value > limit else 'below'} {named}; no interval is stated"
    if interval[0] > limit:
        return f"above {named}"
    if interval[1] < limit:
        return f"below {named}"
    return f"cannot be decided: the interval crosses {named}"


def adult_verdict(value_ml: float, interval: Interval, parameters: Parameters) -> str:
    """The volume against the adult range; for a child the words say why it is not used, for an unknown age that it is an adult value."""
    if not math.isfinite(value_ml):
        return ""
    if parameters.is_child:
        return f"the adult limit of {ADULT_HIGH_ML} mL is not used at {_years(parameters.age)}; see the length"
    words = three_way(value_ml, interval, ADULT_HIGH_ML, "the adult limit")
    if words.startswith("below") and (value_ml if interval is None else interval[1]) < ADULT_LOW_ML:
        words = f"small: below the adult range of {ADULT_LOW_ML}–{ADULT_HIGH_ML} mL"
    return words if parameters.age is not None else f"{words} (for adults; the age is not given)"


def height_verdict(value_ml: float, interval: Interval, limits: references.HeightLimits) -> str:
    """The volume against Chow's limit."""
    return three_way(value_ml, interval, limits.volume_ml, f"the 95th percentile of {limits.group}")


def length_verdict(length_mm: float, parameters: Parameters) -> str:
    """The largest diameter in the coronal view against the limit for children, or for adults by sex and height; "" without a reference."""
    if not math.isfinite(length_mm):
        return ""
    if parameters.is_child and parameters.age is not None:
        limits = references.child_length_limit_mm(parameters.age, parameters.sex)
        if limits is None:
            return ""
        low, high = limits
        named = f"the upper limit of {low:.0f} mm" if low == high else f"the upper limit of {low:.0f} (girls) to {high:.0f} mm (boys)"
        place = "above" if length_mm > high else "below" if length_mm <= low else "between the ends of"
        return f"{place} {named} at {_years(parameters.age)}"
    by_height = references.by_height(parameters.sex, parameters.height_cm)
    if by_height is None:
        return ""
    place = "above" if length_mm > by_height.length_mm else "below"
    unsure = "" if parameters.age is not None else " (for adults; the age is not given)"
    return f"{place} the 95th percentile of {by_height.group}, {by_height.length_mm:.0f} mm{unsure}"


def index_verdict(index_cm3: float, parameters: Parameters) -> str:
    """The splenic index against 120 to 480 cm³, which is a range for adults."""
    if parameters.is_child or not math.isfinite(index_cm3):
        return ""
    low, high = references.INDEX_LOW_CM3, references.INDEX_HIGH_CM3
    place = "above" if index_cm3 > high else "below" if index_cm3 < low else "within"
    unsure = "" if parameters.age is not None else " (for adults; the age is not given)"
    return f"{place} {low:.0f}–{high:.0f} cm³{unsure}"


def probability_above(samples_ml: ArrayLike, limit_ml: float = ADULT_HIGH_ML) -> float:
    """Share of the predictive distribution above a limit, 0 to 1."""
    samples = np.asarray(samples_ml, np.float64)
    return float(np.mean(samples > limit_ml)) if samples.size else math.nan


def missing_references(parameters: Parameters) -> list[str]:
    """Sentences on limits that could not be used, and why."""
    sentences: list[str] = []
    if parameters.is_child and parameters.age is not None:
        if references.child_length_limit_mm(parameters.age) is None:
            sentences.append("No limit of the spleen's length is known below three months of age.")
        if parameters.height_cm is not None:
            sentences.append("The limits by sex and height (Chow 2016) are for adults and are not used.")
    elif parameters.sex and parameters.height_cm is not None and references.by_height(parameters.sex, parameters.height_cm) is None:
        low, high = references.studied_heights(parameters.sex)
        people = references.PEOPLE[parameters.sex]
        sentences.append(f"The limits by sex and height (Chow 2016) hold for {people} of {low:.0f}–{high:.0f} cm and are not used.")
    return sentences


def sources(used: Sequence[str]) -> str:
    """The note below the table."""
    return f"Limits: {'; '.join(used)}." if used else ""


def _years(age: float | None) -> str:
    if age is None:
        return "an unknown age"
    if age < 2:
        return f"{round(12 * age)} months"
    return f"{age:g} years"
