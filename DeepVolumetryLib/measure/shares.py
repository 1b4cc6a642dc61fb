"""Which share of a whole one of its two parts is, with an interval that stays within 0-1."""

from __future__ import annotations

import math

Interval = tuple[float, float]


def share(part_ml: float, rest_ml: float) -> float:
    """Share of a part in the part and the rest together, 0-1; NaN if there is neither."""
    total = part_ml + rest_ml
    return part_ml / total if total > 0 else math.nan


def share_interval(part_ml: float, part: Interval, rest_ml: float, rest: Interval) -> Interval:
    """Interval of ``share`` from the intervals of both volumes, taken as independent.

    Works on the log of the ratio of the two (MOVER, Zou and Donner 2008), so it stays within 0-1, unequal sides of the volume
    intervals stay unequal, and the share of the rest mirrors it.
    """
    if part_ml <= 0 or rest_ml <= 0:
        value = share(part_ml, rest_ml)
        return (value, value) if math.isnan(value) else (0.0 if part_ml <= 0 else _share(part[0], rest[1]), _share(part[1], rest[0]))
    log_ratio = math.log(part_ml / rest_ml)
    down = math.hypot(_log(part_ml) - _log(part[0]), _log(rest[1]) - _log(rest_ml))
    up = math.hypot(_log(part[1]) - _log(part_ml), _log(rest_ml) - _log(rest[0]))
    return _logistic(log_ratio - down), _logistic(log_ratio + up)


def _share(part_ml: float, rest_ml: float) -> float:
    value = share(part_ml, rest_ml)
    return 0.0 if math.isnan(value) else value


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _logistic(value: float) -> float:
    if value < -700:
        return 0.0
    return 1 / (1 + math.exp(-value)) if value < 700 else 1.0
