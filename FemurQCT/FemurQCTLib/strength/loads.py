"""How a femur is held and loaded: single-leg stance and a fall on the side.

Both push the head by a given displacement and let it slide across the push. Stance: the lower end of the shaft is held, as if potted. Fall:
the greater trochanter rests on the ground and may slide on it; the lower end is a hinge about the axis across the push and the shaft
(after Op den Buijs and Dragomir-Daescu 2011, whose distal end turned about one axis). Directions are our choice, in degrees:
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.errors import InputError

from ..regions.frame import Frame
from .mesh import VoxelMesh

FALL, STANCE = "fall", "stance"

STANCE_LATERAL = 20.0
"""The force on the head points down the shaft, tilted to the lateral side by this much."""

FALL_UP, FALL_BACK = 10.0, 15.0
"""The ground pushes the trochanter to the medial side: tilted up the shaft, and to the front, as on an inwardly rotated leg."""

PAD_MM, DEEP_MM = 15.0, 9.0
"""What is pushed or supported: the surface within this radius about the push, and not deeper than this; about 5 mm deep on a head."""

END_MM = 8.0
"""Length of shaft that is held."""

PUSH_MM = 1.0


@dataclass(frozen=True)
class Case:
    """What is given at the nodes, along the axes of the mesh.

    Attributes:
        name: "fall" or "stance".
        held: which displacements are given, (nodes, 3).
        moved: their values, mm.
        pushed: nodes of the head that are pushed.
        supports: name -> nodes.
    """

    name: str
    held: NDArray[np.bool_]
    moved: NDArray[np.float64]
    pushed: NDArray[np.bool_]
    supports: dict[str, NDArray[np.bool_]]


def push_direction(frame: Frame, load: str) -> NDArray[np.float64]:
    """Unit vector in RAS along which the head is pushed.

    Raises:
        InputError: for a load that is not offered.
    """
    shaft, medial, front = np.asarray(frame.shaft_axis), frame.medial, frame.anterior
    if load == STANCE:
        tilt = np.radians(STANCE_LATERAL)
        return np.asarray(-np.cos(tilt) * shaft - np.sin(tilt) * medial)
    if load == FALL:
        up, back = np.radians(FALL_UP), np.radians(FALL_BACK)
        return np.asarray(-(np.cos(up) * (np.cos(back) * medial + np.sin(back) * front) + np.sin(up) * shaft))
    raise InputError(f"There is no load “{load}”. Choose {FALL} or {STANCE}.")


def mesh_axes(frame: Frame, load: str) -> NDArray[np.float64]:
    """Axes of the mesh in RAS: the third one against the push, the second along the shaft as far as that goes; right-handed."""
    third = -push_direction(frame, load)
    along = np.asarray(frame.medial if load == STANCE else frame.shaft_axis)
    second = along - (along @ third) * third
    second /= np.linalg.norm(second)
    return np.column_stack([np.cross(second, third), second, third])


def hold(mesh: VoxelMesh, frame: Frame, load: str) -> Case:
    """Given displacements of one load case.

    Raises:
        InputError: if the mesh lacks a head, a trochanter or a lower end to hold.
    """
    points, local = mesh.points, mesh.local
    height = local[:, 2]
    surface = mesh.on_surface
    head = np.linalg.norm(points - np.asarray(frame.head_center), axis=1) < 1.15 * frame.head_radius + mesh.edge
    center = np.asarray(frame.head_center) @ mesh.axes
    pushed = _pad(local, height, surface & head & (height > center[2]), center)
    held, moved = np.zeros(local.shape, bool), np.zeros(local.shape)
    held[pushed, 2], moved[pushed, 2] = True, -PUSH_MM
    down = points @ np.asarray(frame.shaft_axis)
    end = down < down.min() + max(END_MM, 1.01 * mesh.edge)
    supports = {"distal": end}
    if load == STANCE:
        held[end] = True
        moved[end] = 0
    else:
        lateral = ~head & (down > float(np.asarray(frame.shaft_point) @ np.asarray(frame.shaft_axis)))
        ground = _ground(local, surface & lateral)
        held[ground, 2] = True
        hinge = _hinge(mesh, end)
        held[hinge] = True
        supports = {"trochanter": ground, "distal": hinge}
    if not pushed.any() or not all(nodes.any() for nodes in supports.values()):
        raise InputError(f"The femur cannot be held for the load “{load}”: its head, trochanter or shaft is missing in the mesh.")
    return Case(load, held, moved, pushed, supports)


def _pad(
    local: NDArray[np.float64], height: NDArray[np.float64], among: NDArray[np.bool_], center: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Nodes under a round pad about a center, where the highest ones are."""
    under = among & (np.hypot(*(local[:, :2] - center[:2]).T) <= PAD_MM)
    return under & (height > height[under].max() - DEEP_MM) if under.any() else under


def _ground(local: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nodes of the trochanter that rest on a pad about the middle of its lowest part."""
    if not among.any():
        return among
    height = -local[:, 2]
    lowest = among & (height > height[among].max() - DEEP_MM / 2)
    return _pad(local, height, among, local[lowest].mean(axis=0))


def _hinge(mesh: VoxelMesh, end: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A line of nodes across the lower end, along the first axis of the mesh: across the push and about across the shaft."""
    middle = mesh.local[end].mean(axis=0)
    plane = np.abs(mesh.local - middle)
    return end & (plane[:, 1] <= 0.51 * mesh.edge) & (plane[:, 2] <= 0.51 * mesh.edge)
