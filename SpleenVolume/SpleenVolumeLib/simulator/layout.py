"""What lies around the spleen: a wall, ribs, lung, diaphragm, kidney, stomach, bowel, vessels; all drawn anew for each picture.

Everything is computed at the samples of the scan lines, so borders are as sharp as the beam allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .fans import Field, Placed
from .noise import smooth_field

Rng = np.random.Generator
_OUTSIDE_MM = 60.0
_PAD = 8


@dataclass
class Scene:
    """The tissues at the samples of the lines, (lines, samples).

    Attributes:
        x, y, depth: where the samples are, mm.
        inside: signed distance to the spleen's outline in mm, positive inside.
        level: strength of the scatterers in dB, the spleen's about 0.
        loss: dB lost per mm on the way, there and back, beyond what the gain over depth makes up for.
        mirror: specular interfaces in dB above the scatterers; -inf where there is none.
        dirty: strength in dB of the noise that gas sends back from behind its surface; -inf elsewhere.
    """

    x: Field
    y: Field
    depth: Field
    inside: Field
    level: Field = field(init=False)
    loss: Field = field(init=False)
    mirror: Field = field(init=False)
    dirty: Field = field(init=False)
    _across: Field = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._across = np.maximum(np.hypot(np.gradient(self.x, axis=0), np.gradient(self.y, axis=0)), 1e-3)
        self.level, self.loss = np.zeros_like(self.x), np.zeros_like(self.x)
        self.mirror, self.dirty = np.full_like(self.x, -np.inf), np.full_like(self.x, -np.inf)

    @property
    def spleen(self) -> NDArray[np.bool_]:
        return self.inside > 0

    def line(self, distance: Field, width_mm: float, strength: float, tilted: float = 1.5) -> None:
        """A reflecting interface where ``distance`` (mm, of any field) is 0; brightest where the beam meets it squarely.

        Args:
            distance: signed distance to it.
            width_mm: of the echo.
            strength: dB.
            tilted: how fast it fades with the angle.
        """
        across = np.gradient(distance, axis=0) / self._across
        beam = np.gradient(distance, axis=1) / max(float(self.depth[0, 1] - self.depth[0, 0]), 1e-3)
        square = np.abs(beam) / np.sqrt(beam**2 + across**2 + 1e-6)
        echo = strength + 20 * tilted * np.log10(square + 0.05) - 8.7 * (distance / width_mm) ** 2
        self.mirror = np.maximum(self.mirror, echo.astype(np.float32))


def signed_distance(mask: NDArray[np.bool_]) -> Field:
    """Signed distance in mm to the outline of a 1 mm mask, positive inside, without its steps; 8 mm wider all around."""
    padded = np.pad(mask, _PAD)
    signed = ndimage.distance_transform_edt(padded) - ndimage.distance_transform_edt(~padded)
    return np.asarray(ndimage.gaussian_filter(signed.astype(np.float32), 1.0), np.float32)


def distance_at(signed: Field, placed: Placed, x: Field, y: Field) -> Field:
    """``signed_distance`` at points under the probe."""
    places = np.stack([y + np.float32(placed.top + _PAD), x + np.float32(placed.left + _PAD)])
    return np.asarray(ndimage.map_coordinates(signed, places, order=1, mode="constant", cval=-_OUTSIDE_MM), np.float32)


def compose(signed: Field, placed: Placed, view: str, shape: tuple[int, int], rng: Rng) -> Scene:
    """A drawn body around a spleen.

    Args:
        signed: ``signed_distance`` of the spleen's mask in ultrasound orientation.
        placed: fan and place.
        view: "coronal": the head is on the left; "transverse": the front is.
        shape: lines, samples.
        rng: draws.
    """
    x, y, depth = placed.fan.grid(*shape)
    scene = Scene(x, y, depth, distance_at(signed, placed, x, y))
    box = _Box.of(scene)
    _surroundings(scene, rng)
    if rng.random() < (0.75 if view == "coronal" else 0.5):
        _kidney(scene, box, view, rng)
    if rng.random() < 0.12:
        _liver(scene, box, rng)
    _spleen(scene, rng)
    if rng.random() < 0.6:
        _vessels(scene, box, rng)
    if rng.random() < (0.75 if view == "coronal" else 0.25):
        _diaphragm(scene, box, rng)
    if rng.random() < 0.05:
        _fluid(scene, rng)
    _wall(scene, rng)
    for chance, structure in ((0.45, _stomach), (0.35, _bowel), (0.4 if view == "coronal" else 0.2, _lung)):
        if rng.random() < chance:
            _unless_it_hides(scene, 0.2, structure, box, rng)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15]))):
        _unless_it_hides(scene, 0.35, _rib, box, rng)
    return scene


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    top: float
    bottom: float

    @classmethod
    def of(cls, scene: Scene) -> _Box:
        where = scene.spleen
        if not where.any():
            return cls(-20, 20, 30, 60)
        x, y = scene.x[where], scene.y[where]
        return cls(float(x.min()), float(x.max()), float(y.min()), float(y.max()))

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def _unless_it_hides(scene: Scene, share: float, structure: Callable[[Scene, _Box, Rng], None], box: _Box, rng: Rng) -> None:
    """Add something with a shadow, unless it hides more than a share of the spleen: such a picture would not be kept."""
    before = [array.copy() for array in (scene.level, scene.loss, scene.mirror, scene.dirty)]
    structure(scene, box, rng)
    step = float(scene.depth[0, 1] - scene.depth[0, 0])
    added = np.cumsum(scene.loss - before[1], axis=1) * step > 7
    if (added & scene.spleen).sum() > share * max(1, int(scene.spleen.sum())):
        scene.level, scene.loss, scene.mirror, scene.dirty = before


def _ellipse(scene: Scene, center: tuple[float, float], axes: tuple[float, float], angle: float, ragged: float, rng: Rng) -> Field:
    """Signed distance (about mm) to an ellipse, positive inside, with a ragged outline."""
    dx, dy = scene.x - np.float32(center[0]), scene.y - np.float32(center[1])
    along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
    reach = np.hypot(along / axes[0], across / axes[1])
    distance = (1 - reach) * min(axes)
    return distance + ragged * smooth_field(scene.x, scene.y, max(6.0, min(axes) / 2), rng) if ragged else distance


def _surroundings(scene: Scene, rng: Rng) -> None:
    """Fat, bowel and muscle, not told apart: patches of changing brightness."""
    base, spread = rng.uniform(-10, 9), rng.uniform(2, 6)
    patches = smooth_field(scene.x, scene.y, float(rng.uniform(12, 35)), rng) + 0.5 * smooth_field(scene.x, scene.y, 6, rng)
    if rng.random() < 0.5:  # sharp borders between patches
        patches = np.tanh(3 * patches)
    scene.level += (base + spread * patches).astype(np.float32)
    fascia = smooth_field(scene.x * 0.5, scene.y, float(rng.uniform(10, 25)), rng) * 8
    if rng.random() < 0.7:
        scene.line(fascia, 1.2, float(rng.uniform(0, 14)))


def _spleen(scene: Scene, rng: Rng) -> None:
    where = scene.spleen
    ripple = rng.uniform(0, 1.5) * smooth_field(scene.x, scene.y, 15, rng)
    scene.level = np.where(where, ripple, scene.level).astype(np.float32)
    scene.mirror = np.where(where, -np.inf, scene.mirror).astype(np.float32)
    scene.line(scene.inside, float(rng.uniform(0.6, 1.3)), float(rng.uniform(2, 16)))
    if rng.random() < 0.15:  # small bright foci
        for _ in range(int(rng.integers(1, 6))):
            pick = np.flatnonzero(where.ravel())
            at = int(rng.choice(pick)) if pick.size else 0
            spot = (scene.x.ravel()[at], scene.y.ravel()[at])
            scene.mirror = np.maximum(scene.mirror, np.where(np.hypot(scene.x - spot[0], scene.y - spot[1]) < 1.2, 12, -np.inf))
        scene.mirror = scene.mirror.astype(np.float32)


def _kidney(scene: Scene, box: _Box, view: str, rng: Rng) -> None:
    long = rng.uniform(42, 58) if view == "coronal" else rng.uniform(24, 32)
    axes = (float(long), float(rng.uniform(21, 29)))
    side = 1.0 if rng.random() < 0.9 else -1.0  # toward the feet, or the back
    center = (box.middle[0] + side * rng.uniform(0.1, 0.6) * (box.right - box.left), box.bottom + rng.uniform(-12, 20))
    angle = float(rng.normal(0.25 * side, 0.35))
    outline = np.minimum(_ellipse(scene, center, axes, angle, 1.0, rng), -scene.inside - 1.5)
    sinus = _ellipse(scene, center, (axes[0] * 0.55, axes[1] * 0.42), angle, 3.0, rng)
    cortex = outline > 0
    scene.level = np.where(cortex, rng.uniform(-9, 1) + 0.8 * smooth_field(scene.x, scene.y, 8, rng), scene.level).astype(np.float32)
    scene.mirror = np.where(cortex, -np.inf, scene.mirror).astype(np.float32)
    bright = rng.uniform(4, 13) + 3 * smooth_field(scene.x, scene.y, 5, rng)
    scene.level = np.where(cortex & (sinus > 0), bright, scene.level).astype(np.float32)
    scene.line(outline, 0.9, float(rng.uniform(4, 15)))


def _liver(scene: Scene, box: _Box, rng: Rng) -> None:
    """The tip of a large left lobe that lies on the spleen: nearly as bright as it."""
    center = (box.left - rng.uniform(0, 25), box.top + rng.uniform(0, 25))
    lobe = np.minimum(
        _ellipse(scene, center, (rng.uniform(25, 50), rng.uniform(12, 25)), rng.normal(0.3, 0.3), 1.0, rng), -scene.inside - 1.0
    )
    scene.level = np.where(lobe > 0, rng.uniform(-7, 2), scene.level).astype(np.float32)
    scene.mirror = np.where(lobe > 0, -np.inf, scene.mirror).astype(np.float32)
    scene.line(lobe, 0.9, float(rng.uniform(4, 12)))


def _vessels(scene: Scene, box: _Box, rng: Rng) -> None:
    """Cut veins at the hilum, on the far side."""
    near_outline = np.flatnonzero((np.abs(scene.inside) < 4).ravel() & (scene.y > box.middle[1]).ravel())
    for _ in range(int(rng.integers(1, 5))):
        if not near_outline.size:
            return
        at = int(rng.choice(near_outline))
        center = (float(scene.x.ravel()[at]), float(scene.y.ravel()[at]))
        tube = _ellipse(scene, center, (rng.uniform(3, 10), rng.uniform(1.5, 3.5)), rng.uniform(0, np.pi), 0.0, rng)
        scene.level = np.where(tube > 0, np.float32(-28), scene.level)
        scene.line(tube, 0.7, float(rng.uniform(2, 9)))


def _diaphragm(scene: Scene, box: _Box, rng: Rng) -> None:
    """A bright arc beyond the spleen on the side of the head, with a mirror image or noise of the lung behind it."""
    radius = float(rng.uniform(70, 130))
    gap = float(rng.uniform(1.5, 9))
    center = (box.middle[0] + radius * 0.45, box.middle[1] - radius * rng.uniform(0.15, 0.5))
    reach = np.hypot(scene.x - np.float32(center[0]), scene.y - np.float32(center[1]))
    spleen = reach[scene.spleen]
    radius = max(radius, float(spleen.max()) + gap) if spleen.size else radius
    beyond = (reach > radius) & (scene.x < center[0] - 0.2 * radius) & ~scene.spleen
    behind = rng.uniform(-16, -3) + 1.5 * smooth_field(scene.x, scene.y, 20, rng)
    scene.level = np.where(beyond, behind, scene.level).astype(np.float32)
    scene.mirror = np.where(beyond, -np.inf, scene.mirror).astype(np.float32)
    arc = np.where(scene.x < center[0] - 0.15 * radius, radius - reach, 50).astype(np.float32)
    scene.line(arc, float(rng.uniform(1.0, 2.2)), float(rng.uniform(10, 24)), tilted=0.7)


def _fluid(scene: Scene, rng: Rng) -> None:
    """Ascites or a pleural effusion around the spleen."""
    reach = rng.uniform(4, 12) + 4 * smooth_field(scene.x, scene.y, 25, rng)
    around = (scene.inside <= 0) & (scene.inside > -reach) & (scene.depth > 14)
    scene.level = np.where(around, np.float32(-30), scene.level)
    scene.mirror = np.where(around & (scene.inside < -1.5), -np.inf, scene.mirror).astype(np.float32)


def _wall(scene: Scene, rng: Rng) -> None:
    """Skin, fat and muscle between probe and spleen, in layers along the probe's face."""
    above = np.where(scene.spleen.any(axis=1), np.where(scene.spleen, scene.depth, np.inf).min(axis=1), np.inf)
    least = float(above.min()) if np.isfinite(above).any() else 25.0
    bend = smooth_field(scene.x, np.zeros_like(scene.x), 40, rng)
    total = min(float(rng.uniform(9, 30)), max(5.0, least - 1.5))
    scene.level = np.where(scene.depth < 1.5, 12, scene.level).astype(np.float32)
    borders = np.sort(rng.uniform(0.12, 0.95, int(rng.integers(1, 5)))) * total
    start = 1.5
    for border in (*borders, total):
        edge = border + bend * rng.uniform(0, 0.08) * border
        layer = (scene.depth >= start) & (scene.depth < edge) & ~scene.spleen
        streaks = rng.uniform(0, 4) * smooth_field(scene.x * 0.15, scene.depth, 1.6, rng)
        scene.level = np.where(layer, rng.uniform(-16, 3) + streaks, scene.level).astype(np.float32)
        scene.mirror = np.where(layer, -np.inf, scene.mirror).astype(np.float32)
        scene.line(np.where(scene.spleen, 50, edge - scene.depth).astype(np.float32), 0.8, float(rng.uniform(2, 15)))
        start = edge


def _shadow(scene: Scene, surface: Field, width_mm: float, echo: float, loss: float, dirty: float) -> None:
    """Something opaque where ``surface`` > 0: a bright face, little behind it."""
    where = surface > 0
    first = where & (np.cumsum(where, axis=1) == 1)
    scene.loss = np.where(where, scene.loss + loss, scene.loss).astype(np.float32)
    scene.level = np.where(where, -10, scene.level).astype(np.float32)
    scene.mirror = np.where(where, -np.inf, scene.mirror).astype(np.float32)
    step = float(scene.depth[0, 1] - scene.depth[0, 0])
    thick = np.cumsum(first, axis=1) > 0
    below = np.where(thick, np.cumsum(thick, axis=1) * step, np.inf)
    scene.mirror = np.maximum(scene.mirror, np.where(below < width_mm, echo, -np.inf)).astype(np.float32)
    scene.dirty = np.maximum(scene.dirty, np.where(thick, dirty - 0.25 * np.minimum(below, 1e3), -np.inf)).astype(np.float32)


def _stomach(scene: Scene, box: _Box, rng: Rng) -> None:
    """Gas or contents of the stomach beyond the spleen."""
    center = (box.middle[0] - rng.uniform(-0.3, 0.5) * (box.right - box.left), box.bottom + rng.uniform(5, 30))
    axes = (rng.uniform(14, 35), rng.uniform(8, 20))
    outline = np.minimum(_ellipse(scene, center, axes, rng.normal(0, 0.4), 3.0, rng), -scene.inside - 2)
    if rng.random() < 0.3:  # filled
        scene.level = np.where(outline > 0, rng.uniform(-20, 4) + 3 * smooth_field(scene.x, scene.y, 6, rng), scene.level).astype(
            np.float32
        )
        scene.line(outline, 1.2, float(rng.uniform(4, 12)))
        return
    _shadow(scene, outline, rng.uniform(1.5, 4), rng.uniform(14, 26), rng.uniform(0.8, 3), rng.uniform(-14, 2))


def _bowel(scene: Scene, box: _Box, rng: Rng) -> None:
    """Gas in the splenic flexure beside the spleen, on the side of the feet."""
    center = (box.right + rng.uniform(6, 30), rng.uniform(box.top, box.bottom))
    outline = np.minimum(
        _ellipse(scene, center, (rng.uniform(10, 24), rng.uniform(8, 20)), rng.normal(0, 0.4), 3.0, rng), -scene.inside - 2
    )
    _shadow(scene, outline, rng.uniform(1.5, 4), rng.uniform(12, 24), rng.uniform(0.8, 3), rng.uniform(-14, 0))


def _lung(scene: Scene, box: _Box, rng: Rng) -> None:
    """The edge of the lung between wall and spleen on the side of the head: bright face, noise behind it."""
    reach = box.left + rng.uniform(-0.1, 0.22) * (box.right - box.left)
    slope = rng.uniform(-0.4, 0.6)
    start = max(6.0, box.top - rng.uniform(0, 10))
    edge = np.float32(reach) - scene.x + slope * (scene.y - start) * 0.3 + 1.5 * smooth_field(scene.x, scene.y, 20, rng)
    surface = np.minimum(edge, scene.depth - np.float32(start))
    _shadow(scene, surface.astype(np.float32), rng.uniform(1, 2.5), rng.uniform(12, 24), rng.uniform(0.4, 2), rng.uniform(-12, 0))


def _rib(scene: Scene, box: _Box, rng: Rng) -> None:
    center = (rng.uniform(box.left - 15, box.right + 15), rng.uniform(6, max(8.0, min(24.0, box.top))))
    axes = (rng.uniform(5, 9), rng.uniform(2.5, 4.5))
    outline = _ellipse(scene, center, axes, rng.normal(0, 0.2), 0.0, rng)
    _shadow(scene, outline, rng.uniform(0.8, 2), rng.uniform(8, 20), rng.uniform(1, 5), -40.0)
