"""Measurement: one number with its unit, interval and code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..result import Code


@dataclass(frozen=True)
class Measurement:
    """One number for one segment.

    Attributes:
        segment: segment key ("left_kidney", "total_parenchyma").
        name: what is measured ("Volume", "Split function").
        value: the number, NaN if it could not be measured.
        unit: UCUM code ("mL", "mm", "%", "1").
        low, high: interval at ``level``; None where no interval is stated.
        level: nominal coverage of the interval, e.g. 0.95.
        code: coded concept of the measurement, e.g. SCT 118565006 Volume.
        verdict: words for the user ("within the reference range"), or "".
    """

    segment: str
    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    level: float | None = None
    code: Code | None = None
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that are not finite become None."""
        values = asdict(self)
        for name in ("value", "low", "high"):
            if values[name] is not None and not math.isfinite(values[name]):
                values[name] = None
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement:
        """Reads what ``to_dict`` wrote.

        Raises:
            KeyError, TypeError: if something is missing or of the wrong kind.
        """
        return cls(
            segment=values["segment"],
            name=values["name"],
            value=math.nan if values["value"] is None else values["value"],
            unit=values["unit"],
            low=values["low"],
            high=values["high"],
            level=values["level"],
            code=Code(**values["code"]) if values["code"] else None,
            verdict=values.get("verdict", ""),
        )
