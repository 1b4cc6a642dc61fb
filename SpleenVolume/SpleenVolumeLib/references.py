"""How large a spleen may be: published limits, each with the people that it holds for.

Sources:
    Adults, CT volume: Prassopoulos et al. 1997: 140 patients, mean 214.6 mL, 107.2 to 314.5 mL.
    Adults by sex and height, ultrasound: Chow et al., Radiology 2016;279:306: 95th percentiles of 1200 people.
    Children, ultrasound length: Rosenberg et al., AJR 1991;157:119: upper limits by age.
    Splenic index length x width x thickness: normal 120 to 480 cm³.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

ADULT_AGE = 18.0
ADULT_MEAN_ML, ADULT_LOW_ML, ADULT_HIGH_ML = 214.6, 107.2, 314.5
INDEX_LOW_CM3, INDEX_HIGH_CM3 = 120.0, 480.0
PRASSOPOULOS = "Prassopoulos 1997, CT of 140 adults"
CHOW = "Chow 2016, ultrasound of 1200 adults"
ROSENBERG = "Rosenberg 1991, ultrasound of children"

# sex -> heights that were studied, in cm; then slope and offset of the 95th percentile of the length in cm and of the volume in cm³
_CHOW = {
    "female": ((155.0, 180.0), (0.0282, 7.5526), (7.0996, -939.5)),
    "male": ((165.0, 200.0), (0.0544, 3.6693), (4.3803, -457.15)),
}
PEOPLE = {"female": "women", "male": "men"}

# age in years -> upper limit in cm; from 15 years on it differs by sex
_ROSENBERG = ((0.25, 6.0), (0.5, 6.5), (1.0, 7.0), (2.0, 8.0), (4.0, 9.0), (6.0, 9.5), (8.0, 10.0), (10.0, 11.0), (12.0, 11.5))
_ROSENBERG_GROWN = {"female": 12.0, "male": 13.0}
_GROWN_AGE = 15.0


@dataclass(frozen=True)
class HeightLimits:
    """95th percentiles of people of one sex and height."""

    length_mm: float
    volume_ml: float
    group: str


def by_height(sex: str, height_cm: float | None) -> HeightLimits | None:
    """Chow's limits for an adult; None without sex and height, or for a height that was not studied."""
    if sex not in _CHOW or height_cm is None:
        return None
    (low, high), (length_slope, length_offset), (volume_slope, volume_offset) = _CHOW[sex]
    if not low <= height_cm <= high:
        return None
    length_mm = 10 * (length_slope * height_cm + length_offset)
    return HeightLimits(length_mm, volume_slope * height_cm + volume_offset, f"{PEOPLE[sex]} of {height_cm:g} cm")


def studied_heights(sex: str) -> tuple[float, float]:
    """Heights in cm that Chow's limits hold for."""
    return _CHOW[sex][0]


def child_length_limit_mm(age: float, sex: str = "") -> tuple[float, float] | None:
    """Upper limit of a child's spleen length in mm, at least and at most: they differ where the sex matters and is not given.

    Between the published ages the limit is read off straight lines (ours); None below three months and for adults.
    """
    if not _ROSENBERG[0][0] <= age < ADULT_AGE:
        return None
    grown = (_ROSENBERG_GROWN[sex],) * 2 if sex else (min(_ROSENBERG_GROWN.values()), max(_ROSENBERG_GROWN.values()))
    low, high = (10 * _between(age, limit) for limit in grown)
    return low, high


def _between(age: float, grown_cm: float) -> float:
    if age >= _GROWN_AGE:
        return grown_cm
    points = (*_ROSENBERG, (_GROWN_AGE, grown_cm))
    place = bisect_right([known for known, _ in points], age) - 1
    (before, low), (after, high) = points[place], points[place + 1]
    return low + (high - low) * (age - before) / (after - before)
