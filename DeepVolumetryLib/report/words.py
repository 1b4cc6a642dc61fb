"""Numbers, units and names as a reader of a report sees them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..measure.measurement import Measurement
    from ..result import SegmentSpec

_UNITS = {"1": "", "[hnsf'U]": "HU", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "deg": "°"}
_DECIMALS = {"g/cm2": 3}  # as densitometers print it
_POWERS = {"2": "²", "3": "³"}


def unit_text(unit: str) -> str:
    """UCUM as people write it: "mg/cm3{K2HPO4}" is mg/cm³ K2HPO4."""
    if unit in _UNITS:
        return _UNITS[unit]
    plain, _, annotation = unit.partition("{")
    plain = re.sub(r"(?<=m)[23](?!\w)", lambda power: _POWERS[power[0]], plain)
    return f"{plain} {annotation.rstrip('}').replace('_', ' ')}".strip()


def number_text(value: float, unit: str = "") -> str:
    """One decimal, none from 100 on, and as many as a UCUM unit is always given with; a dash for what was not measured."""
    if not math.isfinite(value):
        return "–"
    plain = unit.partition("{")[0]
    if plain in _DECIMALS:
        return f"{value:.{_DECIMALS[plain]}f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def value_text(measurement: Measurement) -> str:
    """The number with its unit; counts without decimals, ratios with two."""
    value = measurement.value
    if measurement.unit == "1" and math.isfinite(value):
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"
    return f"{number_text(value, measurement.unit)} {unit_text(measurement.unit)}".strip() if math.isfinite(value) else "not measured"


def interval_text(measurement: Measurement) -> str:
    """From low to high, "" without an interval."""
    if measurement.low is None or measurement.high is None:
        return ""
    return " – ".join(number_text(end, measurement.unit) for end in (measurement.low, measurement.high))


def names_of(measurements: Iterable[Measurement], specs: Iterable[SegmentSpec], names: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each measured key is called: as the module says, as its segment, or the key in plain words."""
    known = {spec.key: spec.name for spec in specs} | dict(names or {})
    return {m.segment: known.get(m.segment) or m.segment.replace("_", " ").capitalize() for m in measurements}
