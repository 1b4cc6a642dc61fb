"""The planes between the regions: each a point and a normal, so that a panel can show and drag them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from DeepVolumetryLib.errors import InputError

from .frame import Frame, Vector

HEAD_NECK, NECK_BASE, SHAFT_TOP = "head_neck", "neck_base", "shaft_top"
PLANES = (HEAD_NECK, NECK_BASE, SHAFT_TOP)

HEAD_SHARE = 0.5
"""The head ends this many radii lateral of its center; our choice."""

NECK_SHARE = 0.5
"""The neck ends this many head radii lateral of its narrowest section; our choice."""

BELOW_TROCHANTER_MM = 15.0
"""The shaft begins this far below the level of the lesser trochanter; our choice, near where densitometry ends the total hip."""


@dataclass(frozen=True)
class Plane:
    """A plane in RAS, mm. The normal points into the part that lies nearer to the head."""

    origin: Vector
    normal: Vector

    def heights(self, points: ArrayLike) -> NDArray[np.float64]:
        """Signed distance of points (..., 3), positive on the side of the normal."""
        normal = np.asarray(self.normal, np.float64)
        return np.asarray((np.asarray(points, np.float64) - np.asarray(self.origin)) @ (normal / np.linalg.norm(normal)))


def default_planes(frame: Frame) -> dict[str, Plane]:
    """The three planes of a frame, by name (``PLANES``)."""
    neck, shaft = np.asarray(frame.neck_axis), np.asarray(frame.shaft_axis)
    head_end = np.asarray(frame.head_center) - HEAD_SHARE * frame.head_radius * neck
    neck_end = np.asarray(frame.neck_center) - NECK_SHARE * frame.head_radius * neck
    shaft_start = np.asarray(frame.shaft_point) - BELOW_TROCHANTER_MM * shaft
    return {
        HEAD_NECK: Plane(_vector(head_end), _vector(neck)),
        NECK_BASE: Plane(_vector(neck_end), _vector(neck)),
        SHAFT_TOP: Plane(_vector(shaft_start), _vector(shaft)),
    }


def planes_to_dict(planes: Mapping[str, Plane]) -> dict[str, Any]:
    """For JSON: name -> {"origin": [R, A, S], "normal": [R, A, S]}."""
    return {name: {"origin": list(plane.origin), "normal": list(plane.normal)} for name, plane in planes.items()}


def planes_from_dict(values: Mapping[str, Any]) -> dict[str, Plane]:
    """Reads what ``planes_to_dict`` wrote.

    Raises:
        InputError: if a plane is missing or has no direction.
    """
    planes = {}
    for name in PLANES:
        try:
            origin, normal = (np.array(values[name][part], np.float64) for part in ("origin", "normal"))
        except (KeyError, TypeError, ValueError):
            raise InputError(f"The plane {name} is missing or is not an origin and a normal of three numbers each.") from None
        if origin.shape != (3,) or normal.shape != (3,) or not np.isfinite([*origin, *normal]).all() or not np.linalg.norm(normal) > 0:
            raise InputError(f"The plane {name} needs an origin and a normal of three numbers each, the normal not zero.")
        planes[name] = Plane(_vector(origin), _vector(normal / np.linalg.norm(normal)))
    return planes


def _vector(values: NDArray[np.float64]) -> Vector:
    r, a, s = (float(value) for value in values)
    return r, a, s
