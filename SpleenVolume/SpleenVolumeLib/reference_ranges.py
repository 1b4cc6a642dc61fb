"""Which of a report's numbers have a reference range, and which: for pictures of a whole cohort. Words are in `verdict`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .references import ADULT_AGE, ADULT_HIGH_ML, ADULT_LOW_ML, INDEX_HIGH_CM3, INDEX_LOW_CM3

if TYPE_CHECKING:
    from DeepVolumetryLib.measure.measurement import Measurement

Range = tuple[float | None, float | None]


def ranges(measurements: Iterable[Measurement], parameters: Mapping[str, Any]) -> dict[tuple[str, str], Range]:
    """(segment, name) -> lower and upper end; none for children, whose limits go by length, nor where the age is not given.

    Args:
        measurements: of a report.
        parameters: of the run: the age says whether limits for adults may be used.
    """
    age = parameters.get("age")
    if age is None or age < ADULT_AGE:
        return {}
    known: dict[str, Range] = {"Volume": (ADULT_LOW_ML, ADULT_HIGH_ML)}
    found: dict[tuple[str, str], Range] = {}
    for m in measurements:
        if m.name in known and m.unit == "mL":
            found[m.segment, m.name] = known[m.name]
        elif m.name.startswith("Splenic index"):
            found[m.segment, m.name] = (INDEX_LOW_CM3, INDEX_HIGH_CM3)
    return found
