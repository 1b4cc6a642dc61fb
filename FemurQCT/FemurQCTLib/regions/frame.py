"""The frame of a proximal femur: head, neck axis, shaft axis, lesser trochanter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]

LEFT, RIGHT = "left", "right"


@dataclass(frozen=True)
class Frame:
    """Points in mm RAS, unit vectors in RAS.

    Attributes:
        side: "left" or "right".
        head_center, head_radius: sphere through the surface of the head.
        neck_center: middle of the narrowest section of the neck.
        neck_axis: from the neck into the head.
        neck_radius: radius of a circle with the area of the narrowest section, mm.
        shaft_point: a point on the axis of the shaft, at the level of the lesser trochanter.
        shaft_axis: upwards.
        lesser_trochanter_level: mm along the shaft axis from ``head_center``; negative, as it lies below.
        shaft_length: mm of shaft below the lesser trochanter in the mask.
        warnings: sentences for the user.
    """

    side: str
    head_center: Vector
    head_radius: float
    neck_center: Vector
    neck_axis: Vector
    neck_radius: float
    shaft_point: Vector
    shaft_axis: Vector
    lesser_trochanter_level: float
    shaft_length: float
    warnings: tuple[str, ...] = ()

    @property
    def anterior(self) -> NDArray[np.float64]:
        """Unit vector across the plane of neck and shaft, to the front."""
        across = np.cross(self.shaft_axis, self.neck_axis)
        across /= np.linalg.norm(across)
        return across if across[1] >= 0 else -across

    @property
    def medial(self) -> NDArray[np.float64]:
        """Unit vector in the plane of neck and shaft, across the shaft, towards the head."""
        axis = np.asarray(self.shaft_axis)
        along = np.asarray(self.neck_axis) - np.dot(self.neck_axis, axis) * axis
        return np.asarray(along / np.linalg.norm(along))

    @property
    def neck_shaft_angle(self) -> float:
        """Degrees between the neck axis and the downward shaft axis."""
        return float(np.degrees(np.arccos(np.clip(-np.dot(self.neck_axis, self.shaft_axis), -1, 1))))

    @property
    def anteversion(self) -> float:
        """Degrees by which the neck points forward of the left-right axis of the patient, seen along the shaft.

        The condyles of the knee are not in a scan of the hip: this is the turn of the leg on the table together with the anteversion of
        the bone, which is what has to be undone before projecting.
        """
        axis = np.asarray(self.shaft_axis)
        across = np.array([1.0 if self.side == LEFT else -1.0, 0.0, 0.0])  # medial of a left femur is to the right
        across -= np.dot(across, axis) * axis
        across /= np.linalg.norm(across)
        forward = np.cross(axis, across) if self.side == LEFT else np.cross(across, axis)
        return float(np.degrees(np.arctan2(np.dot(self.medial, forward), np.dot(self.medial, across))))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Frame:
        """Reads what ``to_dict`` wrote.

        Raises:
            KeyError: if something is missing.
        """
        names = [field.name for field in fields(cls)]
        known: dict[str, Any] = {name: tuple(values[name]) if isinstance(values[name], list) else values[name] for name in names}
        return cls(**known)
