"""ShapeGenerator: new spleens warped from real ones.

Real templates matter more than what is done to them, so most shapes are a template or a mixture of two; a share are implicit shapes,
for what the few templates do not have. Each shape says which real spleens it came from, so that one of them can be left out. The ranges
are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from .implicit import implicit_distance
from .solid import SPACING_MM, occupancy
from .templates import Template, load_templates
from .warp import Bends, random_displacement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .solid import Distance

STEP_MM = 3.5
"""Grid that shapes are made on, before they are brought to their size."""
SMALLEST_ML, LARGEST_ML = 60.0, 3100.0
REFERENCE_ML = 200.0
_HALF_BOX_MM = 84.0


@dataclass(frozen=True, eq=False)
class Shape:
    """One spleen in 3D.

    Attributes:
        distance: negative inside, about mm; axes superior→inferior, anterior→posterior, right→left.
        step_mm: of its voxels, all directions.
        volume_ml: what the voxels hold.
        sources: names of the real spleens that it was made from; empty for an implicit shape.
        real: True for a template as it is.
    """

    distance: Distance
    step_mm: float
    volume_ml: float
    sources: tuple[str, ...]
    real: bool = False

    @classmethod
    def of_template(cls, template: Template) -> Shape:
        """A real spleen, unchanged."""
        return cls(template.distance, SPACING_MM, template.volume_ml, (template.name,), True)

    @property
    def extents_mm(self) -> NDArray[np.float64]:
        """Craniocaudal length, anteroposterior depth and width of the box around it, (3,)."""
        inside = self.distance < 0
        return (
            np.array([np.ptp(np.flatnonzero(inside.any(tuple(o for o in range(3) if o != axis)))) + 1 for axis in range(3)]) * self.step_mm
        )


class ShapeGenerator:
    """Draws shapes.

    Args:
        templates: real spleens; those that ship if None.
        leave_out: names of templates that must play no part.
        implicit: share of implicit shapes.
        mixed: share of mixtures of two templates.
    """

    def __init__(
        self, templates: Sequence[Template] | None = None, leave_out: Sequence[str] = (), implicit: float = 0.12, mixed: float = 0.35
    ) -> None:
        self.templates = [t for t in (load_templates() if templates is None else templates) if t.name not in leave_out]
        self._implicit, self._mixed = implicit, mixed
        half = int(_HALF_BOX_MM / STEP_MM)
        axis = (np.arange(2 * half + 1) - half) * STEP_MM
        self._grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).astype(np.float32)

    def draw(self, rng: np.random.Generator, volume_ml: float | None = None) -> Shape:
        """One shape; its volume is drawn too if none is given."""
        wanted = draw_volume_ml(rng) if volume_ml is None else volume_ml
        kind = rng.random()
        first = self.templates[rng.integers(len(self.templates))]
        pose = first
        if rng.random() < 0.1:
            pose = self.templates[rng.integers(len(self.templates))]
        bends = Bends.draw(rng, first.spread_mm, math.log(wanted / REFERENCE_ML))
        # From the body back to the template: the smooth random warp, the pose, then the bends in the frame of the spleen's own axes.
        moved = self._grid + random_displacement(self._grid.shape[:3], STEP_MM, rng)
        turn = Rotation.from_rotvec(rng.normal(0, math.radians(6), 3)).as_matrix() @ pose.axes
        frame = bends.undo(moved @ turn.T.astype(np.float32))
        sources: tuple[str, ...] = ()
        if kind < self._implicit:
            field = implicit_distance(frame, rng)
        elif kind < self._implicit + self._mixed and len(self.templates) > 1:
            second = self.templates[rng.integers(len(self.templates))]
            share = rng.uniform(0.1, 0.5)
            field = (1 - share) * _sample(first, frame) + share * _sample(
                second, frame * (second.spread_mm / first.spread_mm).astype(np.float32)
            )
            sources = (first.name, second.name)
        else:
            field, sources = _sample(first, frame), (first.name,)
        if pose is not first and sources:
            sources = (*sources, pose.name)
        elif not sources:
            sources = (first.name, pose.name)  # its proportions and its pose
        field = _details(field, frame, first.spread_mm, rng, wanted)
        return _sized(field, wanted, tuple(dict.fromkeys(sources)))


def draw_volume_ml(rng: np.random.Generator) -> float:
    """A volume in mL: half as in healthy adults (CT: mean 214.6, range 107 to 314.5 mL, Prassopoulos 1997), half evenly in its logarithm up
    to the largest, so that enlarged spleens are learned as well."""
    while True:
        value = math.exp(rng.normal(math.log(200), 0.38)) if rng.random() < 0.5 else math.exp(rng.uniform(math.log(60), math.log(3100)))
        if SMALLEST_ML <= value <= LARGEST_ML:
            return value


def _sample(template: Template, frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of a template at points in the frame of its axes, (…, 3) mm."""
    places = frame @ (template.axes / SPACING_MM).astype(np.float32) + template.center.astype(np.float32)
    found: NDArray[np.float32] = ndimage.map_coordinates(template.distance, np.moveaxis(places, -1, 0), order=1, mode="nearest")
    # Beyond the template's own box the distance has to go on growing.
    limit = np.array(template.distance.shape, np.float32) - 1
    beyond = np.maximum(np.maximum(-places, places - limit), 0).sum(-1) * SPACING_MM
    return found + beyond


def _details(
    field: NDArray[np.float32], frame: NDArray[np.float32], spread: NDArray[np.float64], rng: np.random.Generator, volume_ml: float
) -> Distance:
    """Rounder when large; lobulated; notched on a border."""
    enlarged = max(math.log(volume_ml / REFERENCE_ML), 0.0)
    field = field - np.float32(rng.normal(0.0, 1.0) + 0.9 * enlarged)
    amplitude = abs(rng.normal(0, 1.2)) if rng.random() < 0.4 else 0.3
    noise = ndimage.gaussian_filter(rng.normal(size=field.shape).astype(np.float32), rng.uniform(2.0, 4.5))
    field = field + noise * np.float32(amplitude / max(float(noise.std()), 1e-9))
    if rng.random() < 0.35:
        for _ in range(rng.integers(1, 4)):
            along, side = rng.uniform(-1.2, 1.2) * spread[0], rng.choice([-1.0, 1.0])
            border = frame[(np.abs(field) < STEP_MM) & (np.abs(frame[..., 0] - along) < 4) & (side * frame[..., 1] > 0)]
            if len(border):
                tip = border[np.argmax(side * border[:, 1])]
                radii = np.array([rng.uniform(2.5, 5), rng.uniform(5, 15), rng.uniform(12, 30)], np.float32)
                cut = (np.sqrt((((frame - tip) / radii) ** 2).sum(-1)) - 1) * radii[0]
                field = np.maximum(field, -cut)
    return ndimage.gaussian_filter(field, 0.45).astype(np.float32)


def _sized(field: Distance, volume_ml: float, sources: tuple[str, ...]) -> Shape:
    """The largest piece, brought to its volume by a change of scale and cropped."""
    labels, count = ndimage.label(field < 0)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        field = np.where((labels > 0) & (labels != sizes.argmax()), np.float32(STEP_MM), field)
    inside = field < 0
    box = tuple(
        slice(max(int(hit[0]) - 3, 0), int(hit[-1]) + 4)
        for hit in (np.flatnonzero(inside.any(tuple(o for o in range(3) if o != axis))) for axis in range(3))
    )
    field = field[box]
    have = float(occupancy(field, STEP_MM).sum()) * STEP_MM**3 / 1000
    scale = (volume_ml / have) ** (1 / 3)
    return Shape(field * np.float32(scale), STEP_MM * scale, volume_ml, sources)
