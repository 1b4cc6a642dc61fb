"""Divide the mask of a femur by its planes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.volumes import bounding_box

from .frame import Frame
from .planes import HEAD_NECK, NECK_BASE, SHAFT_TOP, Plane, default_planes

REGIONS = ("head", "neck", "trochanteric", "shaft")
"""These four are disjoint and together are the femur."""

TOTAL_HIP = "total_hip"
"""Neck and trochanteric region, without the head, as densitometry of the hip has it."""

_REACH = 1.5


def divide(mask: NDArray[Any], image: Image, frame: Frame, planes: Mapping[str, Plane] | None = None) -> dict[str, NDArray[np.bool_]]:
    """Region -> mask (K, J, I); ``REGIONS`` and ``TOTAL_HIP``.

    Args:
        mask: of the femur, (K, J, I) on the grid of the image.
        image: geometry only.
        frame: of this femur.
        planes: those of the frame if None.

    The shaft is what lies below its plane. Above it, the head and the neck lie beyond their planes, and not farther from the axis of the
    neck than 1.5 radii of the head: the tip of a tall greater trochanter may lie beyond the planes as well, and belongs to neither.
    """
    planes = default_planes(frame) if planes is None else planes
    parts = {name: np.zeros(image.shape, bool) for name in (*REGIONS, TOTAL_HIP)}
    box = bounding_box(mask)
    if box is None:
        return parts
    inside = np.argwhere(mask[box]) + [s.start for s in box]
    points = inside[:, ::-1] @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
    label = classify(points, frame, planes)
    for number, name in enumerate(REGIONS):
        parts[name][tuple(inside[label == number].T)] = True
    parts[TOTAL_HIP] = parts["neck"] | parts["trochanteric"]
    return parts


def classify(points: NDArray[np.float64], frame: Frame, planes: Mapping[str, Plane]) -> NDArray[np.int8]:
    """Index into ``REGIONS`` of each point (N, 3), RAS in mm."""
    off_axis = points - np.asarray(frame.head_center)
    axis = np.asarray(planes[NECK_BASE].normal, np.float64)
    off_axis -= np.outer(off_axis @ axis, axis)
    near = np.einsum("ni,ni->n", off_axis, off_axis) < (_REACH * frame.head_radius) ** 2
    label = np.full(len(points), REGIONS.index("trochanteric"), np.int8)
    label[near & (planes[NECK_BASE].heights(points) >= 0)] = REGIONS.index("neck")
    label[near & (planes[HEAD_NECK].heights(points) >= 0)] = REGIONS.index("head")
    label[planes[SHAFT_TOP].heights(points) < 0] = REGIONS.index("shaft")
    return label
