"""Which of a report's numbers have a reference range, and which: for pictures of a whole cohort. Words are in `references`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .references import LENGTH_MM, parenchyma_percentiles

if TYPE_CHECKING:
    from DeepVolumetryLib.measure.measurement import Measurement

Range = tuple[float | None, float | None]
_ADULT_YEARS = 18


def ranges(measurements: Iterable[Measurement], parameters: Mapping[str, Any]) -> dict[tuple[str, str], Range]:
    """(segment, name) -> lower and upper end, None where none was published.

    Args:
        measurements: of a report.
        parameters: of the run: sex and age choose the range.
    """
    sex, age = str(parameters.get("sex") or ""), parameters.get("age")
    found: dict[tuple[str, str], Range] = {}
    for m in measurements:
        side = m.segment.partition("_")[0]
        if side not in LENGTH_MM:
            continue
        if m.segment.endswith("_parenchyma") and m.name == "Volume":
            reference = parenchyma_percentiles(side, sex, age)
            if reference is not None and reference.p5 is not None:
                found[m.segment, m.name] = (reference.p5, None)
        elif m.segment.endswith("_kidney") and m.name == "Length" and age is not None and age >= _ADULT_YEARS:
            mean, sd = LENGTH_MM[side]
            found[m.segment, m.name] = (mean - 2 * sd, mean + 2 * sd)
    return found
