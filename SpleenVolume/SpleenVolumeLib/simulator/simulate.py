"""From a spleen's outline to a B-mode picture with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .acquisition import Acquisition, acquire, draw_acquisition
from .fans import Field, Placed, place
from .layout import compose, distance_at, signed_distance
from .overlays import draw_overlays

VIEWS = ("coronal", "transverse", "sagittal")


class Simulated(NamedTuple):
    """A picture and its truth, all (J, I).

    Attributes:
        gray: uint8.
        pixel_mm: height and width of a pixel.
        spleen: its true outline, as far as the fan holds it.
        fan: where the picture shows the patient.
    """

    gray: NDArray[np.uint8]
    pixel_mm: tuple[float, float]
    spleen: NDArray[np.bool_]
    fan: NDArray[np.bool_]


@dataclass(frozen=True)
class SimulatorSettings:
    """What is fixed, where the rest is drawn.

    Attributes:
        whole: share of the spleen that the fan must hold; 1 for all of it.
        pixel_mm: mean size of a pixel; drawn from 0.25 to 0.6 if None.
        overlays: text, scale, gray bar and the like around the fan.
        lines, samples: of the scan.
    """

    whole: float = 1.0
    pixel_mm: float | None = None
    overlays: bool = True
    lines: int = 192
    samples: int = 480


def simulate(spleen: NDArray[np.bool_], view: str, rng: np.random.Generator, settings: SimulatorSettings | None = None) -> Simulated:
    """A B-mode picture of a spleen.

    Args:
        spleen: mask on a 1 mm grid in ultrasound orientation: the probe is above; head (coronal) or front (transverse) on the left.
        view: "coronal", "transverse" or "sagittal"; it decides what lies around.
        rng: same state, same picture.
        settings: see there.

    Raises:
        ValueError: if the mask is empty or the view is not known.
    """
    if view not in VIEWS:
        raise ValueError(f"there is no view “{view}”; choose one of {', '.join(VIEWS)}")
    if not spleen.any():
        raise ValueError("the mask of the spleen is empty")
    settings = settings or SimulatorSettings()
    placed = place(spleen, rng, settings.whole)
    signed = signed_distance(spleen)
    scene = compose(signed, placed, view, (settings.lines, settings.samples), rng)
    drawn = draw_acquisition(rng)
    lines = acquire(scene, drawn, rng)
    return _converted(signed, placed, lines, drawn, settings, rng)


def _converted(
    signed: Field,
    placed: Placed,
    lines: NDArray[np.float32],
    drawn: Acquisition,
    settings: SimulatorSettings,
    rng: np.random.Generator,
) -> Simulated:
    """Scan conversion, and what is drawn around the fan."""
    step = settings.pixel_mm or float(rng.uniform(0.25, 0.6))
    stretch = float(np.exp(rng.normal(0, 0.06))) if rng.random() < 0.3 else 1.0
    pixel_mm = (step * stretch, step / stretch)
    y0, y1, x0, x1 = placed.fan.box
    margin = rng.uniform(0.01, 0.14, 4) if settings.overlays else np.full(4, 0.01)
    tall, wide = y1 - y0, x1 - x0
    rows = np.arange(round((tall * (1 + margin[0] + margin[1])) / pixel_mm[0]), dtype=np.float32) * np.float32(pixel_mm[0])
    columns = np.arange(round((wide * (1 + margin[2] + margin[3])) / pixel_mm[1]), dtype=np.float32) * np.float32(pixel_mm[1])
    y, x = np.meshgrid(rows + np.float32(y0 - margin[0] * tall), columns + np.float32(x0 - margin[2] * wide), indexing="ij")
    angle, depth = placed.fan.polar(x, y)
    fan = (np.abs(angle) <= placed.fan.half_angle) & (depth >= 0) & (depth <= placed.fan.depth)
    places = np.stack(
        [
            (angle[fan] / placed.fan.half_angle + 1) / 2 * (settings.lines - 1),
            depth[fan] / np.float32(placed.fan.depth) * (settings.samples - 1),
        ]
    )
    picture = np.zeros(fan.shape, np.float32)
    picture[fan] = ndimage.map_coordinates(lines, places, order=1, mode="nearest")
    picture = drawn.finished(picture, rng)
    picture[~fan] = 0
    truth = np.zeros(fan.shape, bool)
    truth[fan] = distance_at(signed, placed, x[fan], y[fan]) > 0
    gray = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if settings.overlays:
        gray = draw_overlays(gray, fan, pixel_mm, rng)
    return Simulated(gray, pixel_mm, truth, fan)
