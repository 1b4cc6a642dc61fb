"""Training batches: slices of synthesized and of real studies, plain or seen on a sphere, some sequences missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from DeepVolumetryLib.phantom.brain_tissues import draw

from ..labels import SEQUENCES
from ..networks import NEIGHBOR_MM
from ..sampling import sample, sphere_grid
from .acquisition import acquire, normalized, varied
from .pack import Case, Head
from .real import real_slab
from .scene import Grid, compose, random_pose
from .transplant import transplant
from .tumor import EDEMA, ENHANCING, NONE, Tumor, grow

VIEWS = {"identity": 0.5, "equidistant": 0.35, "orthographic": 0.15, "linear": 0.0}
"""How often a slice is seen plainly, and on which sphere otherwise."""
_FIELD_PIXELS = (192, 168)  # of 1 mm, large enough for a stretched and turned brain
_MAGNIFICATION = (1.0, 2.5)
_NO_TUMOR = 0.08
_SHOWS_TUMOR = 0.82
_USES = 5  # slabs that show one tumor: growing one takes as long as imaging it
_T1, _T1CE, _T2, _FLAIR = range(4)


@dataclass(frozen=True)
class SampleSettings:
    """What is drawn.

    Attributes:
        shape: of what the network gets, pixels (rows, columns) of 1.5 mm.
        slices: a batch.
        slabs: of how many studies they come.
        views: kind of projection -> how often.
        real: share of the slabs that come from real cases.
        shapes: share of the synthesized tumors that have the warped shape of a real one.
    """

    shape: tuple[int, int] = (128, 112)
    slices: int = 8
    slabs: int = 2
    views: dict[str, float] = field(default_factory=lambda: dict(VIEWS))
    real: float = 0.0
    shapes: float = 0.0


class Anatomy:
    """Heads with their tumors and real cases, ready to be drawn from."""

    def __init__(self, heads: list[Head], cases: list[Case]) -> None:
        self.heads, self.cases = heads, cases
        self._grown: list[tuple[Head, Tumor, int]] = []

    def patient(self, rng: np.random.Generator, shapes: float = 0.0) -> tuple[Head, Tumor | None]:
        """A head and its tumor; a tumor is shown several times, among others, before it is replaced by a new one."""
        if rng.random() < _NO_TUMOR:
            return self.heads[rng.integers(len(self.heads))], None
        if len(self._grown) < 8:
            head = self.heads[rng.integers(len(self.heads))]
            real = bool(self.cases) and rng.random() < shapes
            tumor = transplant(self.cases[rng.integers(len(self.cases))], head, rng) if real else grow(head, rng)
            self._grown.append((head, tumor, _USES))
        number = int(rng.integers(len(self._grown)))
        head, tumor, uses = self._grown.pop(number)
        if uses > 1:
            self._grown.append((head, tumor, uses - 1))
        return head, tumor


def draw_batch(anatomy: Anatomy, settings: SampleSettings, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """One batch: images (N, 12, H, W) float32, targets (N, 3, H, W) float32 from 0 to 1, where the loss counts (N, H, W) bool."""
    slabs = [_slab(anatomy, settings, settings.slices // settings.slabs, rng) for _ in range(settings.slabs)]
    image, target, covered = (torch.cat(parts) for parts in zip(*slabs, strict=True))
    return image, target, covered


def _slab(anatomy: Anatomy, settings: SampleSettings, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    grid = Grid((count + 2, *_FIELD_PIXELS), (NEIGHBOR_MM, 1.0, 1.0))
    real = bool(anatomy.cases) and rng.random() < settings.real
    if real:
        images, targets, brain = real_slab(anatomy.cases[rng.integers(len(anatomy.cases))], grid, rng, _SHOWS_TUMOR)
        box = _box(brain)
        images, targets, brain = images[(slice(None), *box)], targets[(slice(None), *box)], brain[box]
    else:
        images, targets, brain = _synthesized(anatomy, grid, settings.shapes, rng)
        images = images * present_sequences(rng).reshape(4, 1, 1, 1)
    if rng.random() < 0.12:
        images = _misregistered(images, rng)
    planes = [torch.cat([*images[:, k - 1 : k + 2].movedim(1, 0), targets[:, k], brain[None, k].float()]) for k in range(1, count + 1)]
    seen = [sample(plane[None], _view(tuple(brain.shape[1:]), settings, rng)) for plane in planes]
    both = torch.cat(seen)
    channels = 3 * len(SEQUENCES)
    covered = torch.nn.functional.max_pool2d(both[:, -1:], 7, stride=1, padding=3)[:, 0] > 0
    return both[:, :channels].contiguous(), both[:, channels:-1].contiguous(), covered


def _synthesized(anatomy: Anatomy, grid: Grid, shapes: float, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    head, tumor = anatomy.patient(rng, shapes)
    shown = tumor if rng.random() < _SHOWS_TUMOR else None  # where the slab lies; the tumor may still reach into it
    scene = compose(head, tumor, grid, random_pose(head, rng, shown), rng)
    box = _box(scene.brain)
    scene = scene.cropped(box)
    small = Grid(tuple(scene.brain.shape), grid.spacing)  # type: ignore[arg-type]
    contrast = varied(draw(rng), rng)
    images = normalized(acquire(scene, contrast, small, rng), scene, contrast, head, tumor, rng)
    return images, nested_targets(scene.parts), scene.brain


def nested_targets(parts: Tensor) -> Tensor:
    """WT, TC and ET of a map of parts, float32 (3, ...)."""
    return torch.stack([parts != NONE, (parts != NONE) & (parts != EDEMA), parts == ENHANCING]).float()


def _box(brain: Tensor) -> tuple[slice, slice, slice]:
    """All slices, and the rows and columns of the brain with two pixels around it."""
    sides = []
    for axis in (1, 2):
        found = brain.any(2 if axis == 1 else 1).any(0).nonzero()
        low, high = (int(found.min()), int(found.max())) if len(found) else (0, 31)
        sides.append(slice(max(0, low - 2), max(high + 3, low + 32)))
    return slice(None), sides[0], sides[1]


def present_sequences(rng: np.random.Generator) -> Tensor:
    """Which of the four sequences a study has, float (4,): T1ce or FLAIR is always there."""
    here = torch.ones(4)
    draw = rng.random()
    if draw < 0.25:  # as in BraTS 2013 cases
        here[[_T1, _T2]] = 0
    elif draw < 0.9:
        here[_T1] = float(rng.random() > 0.2)
        here[_T2] = float(rng.random() > 0.2)
    elif draw < 0.95:
        here[_FLAIR] = 0
    else:
        here[_T1CE] = 0
    return here


def _misregistered(images: Tensor, rng: np.random.Generator) -> Tensor:
    """One sequence up to 2 mm beside the others."""
    number = int(rng.integers(len(images)))
    moved = ndimage.shift(images[number].numpy(), (0, *rng.uniform(-2, 2, 2)), order=1, mode="constant")
    images = images.clone()
    images[number] = torch.from_numpy(moved)
    return images


def _view(plane: tuple[int, int], settings: SampleSettings, rng: np.random.Generator) -> Tensor:
    """How a slice is seen: plainly, or on a sphere about a random center of the brain with a random magnification."""
    names = list(settings.views)
    shares = np.array([settings.views[name] for name in names], float)
    kind = names[rng.choice(len(names), p=shares / shares.sum())]
    center = (np.array(plane) - 1) * rng.uniform(0.15, 0.85, 2)
    magnification = 1.0 if kind == "identity" else float(rng.uniform(*_MAGNIFICATION))
    kind = "equidistant" if kind == "identity" else kind
    return sphere_grid(plane, (center[0], center[1]), kind, magnification, sphere_shape=settings.shape)


class Samples(IterableDataset):
    """Endless batches; every worker and every resumed slice draws its own."""

    def __init__(self, anatomy: Anatomy, settings: SampleSettings, seed: int) -> None:
        self.anatomy, self.settings, self.seed = anatomy, settings, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield draw_batch(self.anatomy, self.settings, rng)
