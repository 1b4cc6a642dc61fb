"""A single kidney as an implicit shape: bean, sinus with calyces, tumors and cysts, with volumes to any precision.

Local frame in mm: u along the long axis (upper pole positive), v toward the hilum, w across. Typical lengths
(9.5-12.5 cm) and volumes are those of adults in CT and MR studies.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import Wobble

PARENCHYMA, TUMOR, CYST, SINUS = 210, 211, 212, 213
PART_NAMES = {PARENCHYMA: "parenchyma", TUMOR: "tumor", CYST: "cyst", SINUS: "sinus"}


@dataclass(frozen=True)
class Lesion:
    """A tumor or cyst: an uneven ball around `center` (u, v, w), mm; `outside` is how much of its diameter lies beyond the surface."""

    value: int
    center: NDArray
    radius: float
    outside: float
    surface: Wobble

    def field(self, u: NDArray, v: NDArray, w: NDArray) -> NDArray:
        """Negative inside."""
        squared = (u - self.center[0]) ** 2 + (v - self.center[1]) ** 2 + (w - self.center[2]) ** 2
        return squared / self.radius**2 - 1 - self.surface(u, v, w)


@dataclass(frozen=True)
class Kidney:
    """Shape, pose and contents of one kidney.

    Attributes:
        radii: half length, half width, half thickness in mm.
        bend: how far the poles lean toward the hilum, in half widths.
        notch: depth of the hilum.
        sinus: share of the radii that the sinus takes.
        calyces: (N, 5) end point u, v, w of each calyx, its radius at the neck and at the cup.
        lesions: tumors and cysts; where they overlap, the later one wins.
        surface: unevenness of the outer surface.
        center: RAS of the local origin, mm.
        rotation: 3x3, columns are the RAS directions of u, v, w.
    """

    radii: NDArray
    bend: float
    notch: float
    sinus: NDArray
    calyces: NDArray
    surface: Wobble
    lesions: tuple[Lesion, ...] = ()
    center: NDArray = field(default_factory=lambda: np.zeros(3))
    rotation: NDArray = field(default_factory=lambda: np.eye(3))

    @property
    def reach(self) -> float:
        """Radius in mm of a ball around the center that holds the kidney with its lesions."""
        far = [float(np.linalg.norm(lesion.center)) + 1.25 * lesion.radius for lesion in self.lesions]
        return max(1.25 * float(self.radii[0]), *far) if far else 1.25 * float(self.radii[0])

    def outline(self, u: NDArray, v: NDArray, w: NDArray) -> NDArray:
        """Negative inside the bean, lesions not counted; about the squared distance from the center in radii, less one."""
        a, b, c = self.radii
        along = u / a
        across = v / b - self.bend * along**2
        thick = w / (c * (1 + 0.12 * along))
        hilum = np.exp(-((along / 0.32) ** 2) - (thick / 0.55) ** 2) * np.clip(across, 0, None) ** 2
        return along**2 + across**2 + thick**2 - 1 + self.notch * hilum + self.surface(u, v, w)

    def cavity(self, u: NDArray, v: NDArray, w: NDArray) -> NDArray:
        """True in the sinus: fat and collecting system, open toward the hilum."""
        a, b, c = self.radii * self.sinus
        hollow = (u / a) ** 2 + ((v - 0.55 * self.radii[1]) / b) ** 2 + (w / c) ** 2 < 1
        root = np.array([0.0, 0.35 * self.radii[1], 0.0])
        for *tip, neck, cup in self.calyces:
            axis = np.array(tip) - root
            t = ((u - root[0]) * axis[0] + (v - root[1]) * axis[1] + (w - root[2]) * axis[2]) / (axis @ axis)
            t = np.clip(t, 0, 1)
            apart = (u - root[0] - t * axis[0]) ** 2 + (v - root[1] - t * axis[1]) ** 2 + (w - root[2] - t * axis[2]) ** 2
            hollow = hollow | (apart < (neck + (cup - neck) * t**2) ** 2)
        return hollow

    def classify(self, u: NDArray, v: NDArray, w: NDArray) -> NDArray:
        """Part value at points given by three arrays that broadcast, 0 outside; uint8."""
        organ = self.outline(u, v, w) < 0
        parts = np.where(organ, np.uint8(PARENCHYMA), np.uint8(0))
        parts[organ & self.cavity(u, v, w)] = SINUS
        for lesion in self.lesions:
            parts[lesion.field(u, v, w) < 0] = lesion.value
        return parts

    def at(self, local: ArrayLike) -> NDArray:
        """RAS of a local point u, v, w."""
        return self.center + self.rotation @ np.asarray(local, float)

    def posed(self, center: ArrayLike, side: str, lean: float, back: float, turn: float) -> Kidney:
        """Put into a body: `center` with x counted away from the midline, angles in radians.

        `lean`: upper pole toward the spine; `back`: upper pole backward; `turn`: hilum from medial to the front.
        """
        up = np.array([-np.sin(lean), -np.sin(back), np.cos(lean)])
        up /= np.linalg.norm(up)
        hilum = np.array([-np.cos(turn), np.sin(turn), 0.0])
        hilum -= up * (hilum @ up)
        hilum /= np.linalg.norm(hilum)
        frame = np.stack([up, hilum, np.cross(up, hilum)], axis=1)
        # Built for the right side, where x grows away from the midline; the left kidney is its mirror image.
        mirror = np.array([1.0 if side == "right" else -1.0, 1.0, 1.0])
        return replace(self, center=np.asarray(center, float) * mirror, rotation=frame * mirror[:, None])

    def labels(self, x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        """Part value on an open RAS grid x (1, 1, I), y (1, J, 1), z (K, 1, 1)."""
        return self.classify(*self.local(x, y, z))

    def outline_ras(self, x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        """`outline` on an open RAS grid."""
        return self.outline(*self.local(x, y, z))

    def local(self, x: NDArray, y: NDArray, z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """u, v, w of RAS points given by three arrays that broadcast."""
        offset = [axis - np.float32(start) for axis, start in zip((x, y, z), self.center, strict=True)]
        turn = self.rotation.astype(np.float32)
        u, v, w = (turn[0, c] * offset[0] + turn[1, c] * offset[1] + turn[2, c] * offset[2] for c in range(3))
        return u, v, w

    @cached_property
    def volumes_ml(self) -> dict[str, float]:
        """Volume of every part and of the whole "kidney" in mL, from points 0.8 mm apart (error below 0.1 %)."""
        step, reach = 0.8, self.reach
        axis = np.arange(-reach, reach + step, step, dtype=np.float32)
        counts = np.zeros(256)
        for u in np.array_split(axis, 12):
            counts += np.bincount(self.classify(u[:, None, None], axis[None, :, None], axis[None, None, :]).ravel(), minlength=256)
        volumes = {name: float(counts[value]) * step**3 / 1000 for value, name in PART_NAMES.items()}
        return {"kidney": sum(volumes.values()), **volumes}


def kidney_parts(
    seed: int | np.random.Generator, *, scale: float = 1.0, tumors: int | None = None, cysts: int | None = None, sinus: float | None = None
) -> Kidney:
    """A random kidney in its local frame.

    Args:
        seed: a number or a generator.
        scale: length relative to an adult kidney of average size.
        tumors, cysts: how many; random if None.
        sinus: size of sinus and collecting system relative to average; random if None.
    """
    rng = np.random.default_rng(seed)
    radii = scale * np.array([rng.normal(55.5, 4), rng.normal(30, 2), rng.normal(26, 2)]).clip((42, 22, 18), (68, 36, 31))
    width = sinus or rng.uniform(0.75, 1.25)
    surface = Wobble(rng, wavelength=0.9 * radii[0], amplitude=rng.uniform(0.02, 0.09))
    bean = Kidney(
        radii=radii,
        bend=rng.uniform(0.15, 0.5),
        notch=rng.uniform(0.8, 1.8),
        sinus=np.clip(width * rng.uniform(0.9, 1.1, 3) * (0.48, 0.54, 0.42), 0.2, 0.68),
        calyces=_calyces(rng, radii, width),
        surface=surface,
    )
    tumors = int(rng.choice(4, p=(0.55, 0.38, 0.05, 0.02))) if tumors is None else tumors
    cysts = int(rng.choice(5, p=(0.55, 0.24, 0.12, 0.06, 0.03))) if cysts is None else cysts
    lesions = [_lesion(rng, bean, CYST) for _ in range(cysts)] + [_lesion(rng, bean, TUMOR) for _ in range(tumors)]
    return replace(bean, lesions=tuple(lesions))


def _calyces(rng: np.random.Generator, radii: NDArray, width: float) -> NDArray:
    """Cups that point from the sinus toward the surface and end about a cortex and a medulla (11-16 mm) below it."""
    count = int(rng.integers(7, 12))
    along = np.linspace(-1, 1, count) + rng.normal(0, 0.12, count)
    angle = rng.normal(0, 0.8, count) + np.where(np.arange(count) % 2, 0.5, -0.5)
    direction = np.stack([along * 1.1, -np.cos(angle) * np.sqrt(np.clip(1.2 - along**2, 0.05, None)), np.sin(angle) * 0.8], axis=1)
    depth = 1 - rng.uniform(11, 16, (count, 1)) / radii
    tips = np.clip(direction, -1, 1) * radii * depth * (0.9, 0.55, 0.75)
    necks = rng.uniform(2.0, 3.2, (count, 1)) * width
    return np.concatenate([tips, necks, necks * rng.uniform(1.1, 1.8, (count, 1))], axis=1)


def _lesion(rng: np.random.Generator, bean: Kidney, value: int) -> Lesion:
    """Somewhere along the surface but not in the hilum; from buried to hanging on by a rim."""
    largest = 36.0 if value == TUMOR else 28.0
    radius = float(np.exp(rng.uniform(np.log(6 if value == TUMOR else 3), np.log(largest))))
    direction = rng.normal(size=3)
    direction[1] = -abs(direction[1]) if rng.random() < 0.85 else 0.3 * direction[1]
    direction /= np.linalg.norm(direction)
    distance = np.linspace(5, 1.6 * bean.radii[0], 200)
    inside = bean.outline(*(distance * d for d in direction)) < 0
    depth = float(distance[inside].max(initial=5))
    # At most 4 cm beyond the surface: what hangs further out would grow through the back of a slim patient.
    outside = min(float(rng.beta(1.2, 1.2) * 0.85), 20 / radius)
    center = direction * max(depth + (2 * outside - 1) * radius, 0.3 * depth)
    uneven = rng.uniform(0.01, 0.1 if value == TUMOR else 0.02)
    return Lesion(value, center, radius, outside, Wobble(rng, wavelength=1.8 * radius, amplitude=uneven))
