"""A slab of a head with a tumor in it: warped anatomy, parts of the tumor, what is brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from DeepVolumetryLib.phantom.brain_tissues import INDEX, TISSUES
from DeepVolumetryLib.training.fields import spline_noise

from .pack import BRAIN, RIM_STEP_MM, Head
from .tumor import EDEMA_LEVEL, FAR_MM, NONE, Tumor, parts_at


@dataclass(frozen=True)
class Grid:
    """Voxels to fill: shape (K, J, I) and spacing in mm along the same axes."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def points(self) -> Tensor:
        """Places in mm around the middle, (3, K, J, I), order (z, y, x)."""
        axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * step for n, step in zip(self.shape, self.spacing, strict=True)]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"))

    def noise(self, wavelength_mm: float, rng: np.random.Generator, channels: int = 1) -> Tensor:
        """Smooth noise of unit SD on this grid."""
        return spline_noise(self.shape, self.spacing, wavelength_mm, rng, channels)


@dataclass(frozen=True)
class Pose:
    """How a head lies in the grid.

    Attributes:
        matrix: 3x3 from mm of the grid to mm of the head: small rotations and stretches, perhaps a mirroring.
        center: point of the head, mm (z, y, x), that lies in the middle of the grid.
        warp_mm: amplitude of smooth displacements.
    """

    matrix: np.ndarray
    center: np.ndarray
    warp_mm: float = 0.0

    def applied(self, points: Tensor) -> Tensor:
        """Points of the grid (3, ...) in the frame of the head; not warped."""
        turned = torch.from_numpy(self.matrix).float() @ points.reshape(3, -1)
        return turned.reshape(points.shape) + torch.from_numpy(self.center).float().reshape(3, *[1] * (points.ndim - 1))


@dataclass(frozen=True)
class Scene:
    """What is to be imaged, each (K, J, I).

    Attributes:
        tissue: index into ``brain_tissues.TISSUES`` of the head without its tumor; uint8.
        parts: of the tumor, numbered as in ``tumor``; uint8.
        infiltration: how far edema replaces the tissue, 0 to 1, fading at its edge.
        brain: what a brain mask would hold, bool.
    """

    tissue: Tensor
    parts: Tensor
    infiltration: Tensor
    brain: Tensor

    def cropped(self, box: tuple[slice, ...]) -> Scene:
        """The same in a box of voxels."""
        return Scene(self.tissue[box], self.parts[box], self.infiltration[box], self.brain[box])


def random_pose(head: Head, rng: np.random.Generator, tumor: Tumor | None, reach: float = 1.05) -> Pose:
    """A small rotation, stretch and mirroring; the slab shows the tumor, or any height of the brain without one.

    Args:
        reach: how far from the tumor's middle the slab may lie, in radii of the tumor.
    """
    matrix = pose_matrix(rng)
    size = np.array(head.tissue.shape)
    center = (size - 1) / 2
    if tumor is None:
        height = rng.uniform(-0.42, 0.42) * size[0]
    else:
        height = (np.linalg.inv(matrix) @ (tumor.center - center))[0] + rng.uniform(-reach, reach) * tumor.radius
    return Pose(matrix, center + matrix @ np.array([height, rng.normal(0, 3), rng.normal(0, 3)]), rng.uniform(0, 3.5))


def pose_matrix(rng: np.random.Generator) -> np.ndarray:
    """A random matrix for `Pose`: turned by some degrees, stretched by some percent, mirrored in half of the draws."""
    angles = np.deg2rad(rng.normal(0, (5, 5, 9), 3))  # nodding, tilting, turning in the plane of the slices
    stretch = np.exp(rng.normal(0, 0.05, 3)).clip(0.88, 1.13)
    return _rotation(angles) @ np.diag(stretch) @ np.diag([1.0, 1.0, rng.choice([-1.0, 1.0])])


def _rotation(angles: np.ndarray) -> np.ndarray:
    nod, tilt, turn = angles
    about_x = np.array([[np.cos(nod), -np.sin(nod), 0], [np.sin(nod), np.cos(nod), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(tilt), 0, -np.sin(tilt)], [0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)]])
    about_z = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    return about_z @ about_y @ about_x


def compose(head: Head, tumor: Tumor | None, grid: Grid, pose: Pose, rng: np.random.Generator) -> Scene:
    """Set a head with its tumor into a grid; places outside of the head are air."""
    points = pose.applied(grid.points())
    if pose.warp_mm:
        points = points + grid.noise(40, rng, channels=3) * (pose.warp_mm * 0.6)
    if tumor is not None and tumor.push:
        points = _made_room(points, tumor)
    index = points.round().to(torch.int32)
    inside, flat = _flat(index, head.tissue.shape)
    rim = torch.where(inside, _taken(head.rim, flat), torch.tensor(127, dtype=torch.int8)).float() * RIM_STEP_MM
    tissue = torch.where(inside, _taken(head.tissue, flat), torch.tensor(INDEX["air"], dtype=torch.uint8))
    brain = _brain_mask(rim, grid, rng)
    _scatter_hyperintensities(tissue, grid, rng)
    _draw_vessels_and_falx(tissue, rim, points, head, grid, rng)
    parts, infiltration = torch.zeros(grid.shape, dtype=torch.uint8), torch.zeros(grid.shape)
    if tumor is not None:
        _set_tumor(tumor, points, tissue, rim, grid, rng, parts, infiltration)
    parts[~brain] = NONE
    return Scene(tissue, parts, infiltration, brain)


def _made_room(points: Tensor, tumor: Tumor) -> Tensor:
    """Mass effect: what is shown at a place lies nearer to the tumor's center in the head as it was."""
    relative = points - torch.from_numpy(tumor.center).float().reshape(3, 1, 1, 1)
    distance = relative.square().sum(0).sqrt() / tumor.radius
    return points - relative * (torch.exp(1 - distance) * (tumor.push / tumor.radius))


def _flat(index: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    inside = torch.ones(index.shape[1:], dtype=torch.bool)
    flat = torch.zeros(index.shape[1:], dtype=torch.int32)
    for axis, count in enumerate(shape):
        inside &= (index[axis] >= 0) & (index[axis] < count)
        flat = flat * count + index[axis].clamp(0, count - 1)
    return inside, flat


def _taken(volume: np.ndarray, flat: Tensor) -> Tensor:
    return torch.from_numpy(volume).reshape(-1).index_select(0, flat.reshape(-1)).reshape(flat.shape)


def _brain_mask(rim: Tensor, grid: Grid, rng: np.random.Generator) -> Tensor:
    """As skull-stripping leaves it: some CSF around the brain, rarely pieces of what lies farther out, at times a cut off slice edge."""
    cut = rng.uniform(0.0, 2.5) + 0.6 * grid.noise(14, rng)
    if rng.random() < 0.12:
        cut = cut + 3.0 * (grid.noise(40, rng) - rng.uniform(0.3, 1.2)).clamp_min(0)
    brain = rim < cut
    if rng.random() < 0.06:
        rows = int(rng.integers(1, max(2, grid.shape[1] // 6)))
        brain[:, :rows] = False
        brain[:, grid.shape[1] - int(rng.integers(1, rows + 1)) :] = False
    return brain


def _scatter_hyperintensities(tissue: Tensor, grid: Grid, rng: np.random.Generator) -> None:
    """White-matter hyperintensities of age and small vessels, in place; as a label map has them, or more."""
    if rng.random() < 0.3:
        spots = grid.noise(rng.uniform(5, 14), rng) > rng.uniform(1.7, 2.8)
        tissue[spots & (tissue == INDEX["white"])] = INDEX["hyperintensity"]
    elif rng.random() < 0.4:
        tissue[tissue == INDEX["hyperintensity"]] = INDEX["white"]


def _draw_vessels_and_falx(tissue: Tensor, rim: Tensor, points: Tensor, head: Head, grid: Grid, rng: np.random.Generator) -> None:
    """Label maps lack what is bright beside tumors after contrast medium: vessels in the sulci, the falx, the dura; in place."""
    fluid = tissue == INDEX["csf"]
    if rng.random() < 0.85:
        thickness = rng.uniform(0.08, 0.2)
        one, other = grid.noise(rng.uniform(9, 18), rng, channels=2).abs()
        tissue[fluid & (one < thickness) & (other < 2 * thickness)] = INDEX["vessel"]
    if rng.random() < 0.8:
        a, b, c, d = (float(value) for value in head.midplane)
        side = (points[0] * a + points[1] * b + points[2] * c + d).abs()
        tissue[fluid & (side < rng.uniform(0.4, 1.2))] = INDEX["dura"]
    if rng.random() < 0.7:
        inner = rng.uniform(1.0, 3.0)
        tissue[fluid & (rim > inner) & (grid.noise(25, rng) > rng.uniform(-1.0, 1.5))] = INDEX["dura"]


_SOFT = torch.zeros(len(TISSUES), dtype=torch.bool)
_SOFT[[number for number in BRAIN if number not in (INDEX["ventricle"], INDEX["choroid"])]] = True


def _set_tumor(
    tumor: Tumor, points: Tensor, tissue: Tensor, rim: Tensor, grid: Grid, rng: np.random.Generator, parts: Tensor, infiltration: Tensor
) -> None:
    """Write the tumor's parts and how far edema replaces the tissue, looking only at the box around the tumor."""
    levels = tumor.at(points)
    near = levels[EDEMA_LEVEL] < FAR_MM * 0.4
    near |= levels[0] < 8
    if not near.any():
        return
    box = tuple(slice(int(where.min()), int(where.max()) + 1) for where in near.nonzero(as_tuple=True))
    soft = _SOFT.index_select(0, tissue[box].reshape(-1).int()).reshape(tissue[box].shape)
    if rng.random() < 0.4:  # swelling closes the sulci
        soft |= (tissue[box] == INDEX["csf"]) & (rim[box] < -3)
    levels = levels[(slice(None), *box)]
    rough = rng.uniform(0.2, 1.0), rng.uniform(0.3, 1.1)
    roughness = torch.stack([grid.noise(5, rng)[box] * rough[0], grid.noise(rng.uniform(3, 5), rng)[box] * rough[1]])
    parts[box] = parts_at(levels, roughness, rim[box] < 0, soft)
    fading = float(np.exp(rng.uniform(np.log(0.3), np.log(3.5))))
    level = levels[EDEMA_LEVEL] + roughness[0]
    infiltration[box] = torch.sigmoid(-level / fading) * soft * (level < 2 * fading)
