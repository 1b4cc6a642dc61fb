"""ConformalTable: what the calibration cases of a bundle say about each target, stored beside its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .interval import conformal_quantile, leave_one_out_coverage

LEVEL = 0.95


@dataclass(frozen=True)
class ConformalEntry:
    """One target's calibration.

    Attributes:
        residuals: one per calibration case, see ``interval.residual``; kept so that any level can be asked for.
        nominal: coverage that the intervals are made for.
        measured: coverage that was found, on held-out cases or leaving one out.
        measured_on: what it was measured on, in words.
        measured_cases: number of cases it was measured on.
    """

    residuals: tuple[float, ...]
    nominal: float = LEVEL
    measured: float = math.nan
    measured_on: str = "calibration cases, leaving one out"
    measured_cases: int = 0

    @classmethod
    def from_residuals(cls, residuals: Sequence[float], nominal: float = LEVEL) -> ConformalEntry:
        """Entry from residuals alone; its coverage is measured by leaving one out."""
        values = tuple(sorted(float(r) for r in residuals))
        return cls(values, nominal, leave_one_out_coverage(values, nominal), measured_cases=len(values))

    def scale(self, level: float | None = None) -> float:
        """Factor q of the interval; infinite if there are too few calibration cases."""
        return conformal_quantile(self.residuals, self.nominal if level is None else level)

    @property
    def sentence(self) -> str:
        """What a report says about the interval, e.g. "95 % intervals; 94 % measured on 40 held-out cases"."""
        if math.isnan(self.measured):
            return f"{self.nominal:.0%} intervals; their coverage was not measured".replace("%", " %")
        text = f"{self.nominal:.0%} intervals; {self.measured:.0%} measured on {self.measured_cases} {self.measured_on}"
        return text.replace("%", " %")


@dataclass(frozen=True)
class ConformalTable:
    """Entries by target ("parenchyma"); JSON-able."""

    entries: Mapping[str, ConformalEntry] = field(default_factory=dict)

    def scale(self, target: str, level: float = LEVEL) -> float | None:
        """Factor of the interval of a target, None where none can be stated."""
        entry = self.entries.get(target)
        if entry is None:
            return None
        scale = entry.scale(level)
        return scale if math.isfinite(scale) else None

    def to_dict(self) -> dict[str, Any]:
        """For the bundle's metadata. Infinite residuals (a case missed with nothing at stake) become null."""
        return {
            target: {
                "residuals": [r if math.isfinite(r) else None for r in entry.residuals],
                "cases": len(entry.residuals),
                "scale": entry.scale() if math.isfinite(entry.scale()) else None,
                "nominal": entry.nominal,
                "measured": None if math.isnan(entry.measured) else entry.measured,
                "measured_on": entry.measured_on,
                "measured_cases": entry.measured_cases,
            }
            for target, entry in self.entries.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ConformalTable:
        """Reads what ``to_dict`` wrote; ``cases`` and ``scale`` are for people and are computed anew."""
        return cls(
            {
                target: ConformalEntry(
                    tuple(math.inf if r is None else float(r) for r in entry["residuals"]),
                    float(entry.get("nominal", LEVEL)),
                    math.nan if entry.get("measured") is None else float(entry["measured"]),
                    str(entry.get("measured_on", "")),
                    int(entry.get("measured_cases", 0)),
                )
                for target, entry in values.items()
            }
        )
