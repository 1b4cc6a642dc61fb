"""Measurement: one number with its unit, interval and code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
