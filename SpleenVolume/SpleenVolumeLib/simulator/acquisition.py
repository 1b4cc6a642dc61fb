"""From a scene to gray values: speckle, interfaces, attenuation, shadows, noise, gain and what a machine does to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .fans import Field
from .layout import Scene
from .noise import blurred, smooth_field


@dataclass(frozen=True)
class Acquisition:
    """Settings of probe and machine.

    Attributes:
        axial_mm: standard deviation of the pulse along the beam.
        lateral_lines: of the beam at its focus, in scan lines.
        widening: how much wider it is at the end of the picture than at the focus.
        focus: depth of the focus as a share of the picture's.
        compound: independent pictures that are averaged.
        tilt_db: rest of attenuation and gain over the depth, from top to end.
        noise_db: electronic noise at the end of the picture, relative to the spleen.
        range_db: dynamic range of the display.
        gray: gray value of the spleen.
        gamma: of the gray map.
        smooth: blur of the finished picture in pixels.
        sharpen: edge enhancement.
        banding_db: bright bands near the probe.
    """

    axial_mm: float
    lateral_lines: float
    widening: float
    focus: float
    compound: int
    tilt_db: float
    noise_db: float
    range_db: float
    gray: float
    gamma: float
    smooth: float
    sharpen: float
    banding_db: float

    def finished(self, picture: Field, rng: np.random.Generator) -> Field:
        """Gray map, smoothing and sharpening on the pixels of the screen."""
        if self.smooth:
            picture = ndimage.gaussian_filter(picture, self.smooth, truncate=3)
        if self.sharpen:
            picture = picture + self.sharpen * (picture - ndimage.gaussian_filter(picture, 2.0, truncate=3))
        return np.asarray(np.clip(picture + rng.normal(0, 1.5, picture.shape).astype(np.float32), 0, 255), np.float32)


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    """Settings drawn from wide ranges; all are ours."""
    return Acquisition(
        axial_mm=float(rng.uniform(0.25, 0.7)),
        lateral_lines=float(rng.uniform(0.6, 1.5)),
        widening=float(rng.uniform(1.2, 2.6)),
        focus=float(rng.uniform(0.2, 0.7)),
        compound=int(rng.choice([1, 2, 3], p=[0.4, 0.35, 0.25])),
        tilt_db=float(rng.normal(0, 8)),
        noise_db=float(rng.uniform(-45, -10)),
        range_db=float(rng.uniform(42, 75)),
        gray=float(rng.uniform(45, 130)),
        gamma=float(np.exp(rng.normal(0, 0.2))),
        smooth=float(rng.choice([0.0, rng.uniform(0.4, 1.1)])),
        sharpen=float(rng.choice([0.0, rng.uniform(0.2, 0.8)], p=[0.7, 0.3])),
        banding_db=float(rng.choice([0.0, rng.uniform(4, 16)])),
    )


def acquire(scene: Scene, drawn: Acquisition, rng: np.random.Generator) -> Field:
    """Gray values 0-255 of all samples of all lines, (lines, samples)."""
    shape = scene.x.shape
    step = float(scene.depth[0, 1] - scene.depth[0, 0])
    share = scene.depth / scene.depth[0, -1]
    lost = _lost(scene, step)
    amplitude = _amplitude(scene.level - lost)
    reflecting = _amplitude(scene.mirror - lost) * (1 + 0.35 * smooth_field(scene.x, scene.y, 5, rng))
    dirty = _amplitude(scene.dirty)
    envelope = np.zeros(shape, np.float32)
    for _ in range(drawn.compound):
        scatterers = _scatterers(shape, rng) * (amplitude + dirty)
        # An interface is coherent, but rough over a beam's width: its phase is kept, its strength varies.
        echo = _blurred_by_depth(scatterers, drawn, share, step)
        envelope += np.abs(echo / drawn_norm(drawn, step) + _blurred_by_depth(reflecting * 0.5, drawn, share, step))
    envelope /= drawn.compound
    noise = 10 ** (drawn.noise_db / 20) * np.abs(_scatterers(shape, rng)) * (0.15 + share**2)
    decibels = 20 * np.log10(np.hypot(envelope, noise) + 1e-4)
    decibels += drawn.tilt_db * (share - 0.4) + 2 * smooth_field(scene.depth * 0 + scene.x[:, :1] * 0, scene.depth, 25, rng)
    decibels += 1.5 * smooth_field(np.broadcast_to(np.arange(shape[0], dtype=np.float32)[:, None], shape), np.zeros_like(scene.x), 12, rng)
    if drawn.banding_db:
        bands = np.cos(2 * np.pi * scene.depth / rng.uniform(2, 4.5)) * np.exp(-scene.depth / rng.uniform(3, 9))
        decibels += drawn.banding_db * bands
    return _display(decibels.astype(np.float32), scene, drawn)


def _lost(scene: Scene, step: float) -> Field:
    """dB lost on the way to each sample; a shadow's edge is as soft as the aperture is wide."""
    lost = np.cumsum(scene.loss, axis=1) * step
    return blurred(np.minimum(lost, 60).astype(np.float32), 1.5, 0)


def _amplitude(decibels: Field) -> Field:
    return np.asarray(10 ** (np.maximum(decibels, -80) / 20), np.float32)


def _scatterers(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.complex64]:
    return (rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)).astype(np.complex64)


def drawn_norm(drawn: Acquisition, step: float) -> float:
    """RMS that unit scatterers have after the blur at the focus, so that levels in dB keep their meaning."""
    sigma_samples, sigma_lines = max(drawn.axial_mm / step, 0.35), drawn.lateral_lines
    return float(np.sqrt(2 / (4 * np.pi * sigma_samples * sigma_lines)))


def _blurred_by_depth(field: NDArray, drawn: Acquisition, share: Field, step: float) -> NDArray:
    """Point-spread function: Gaussian along the beam; across it narrow at the focus and wide at the end (two blurs are mixed)."""
    if np.iscomplexobj(field):
        return _blurred_by_depth(field.real, drawn, share, step) + 1j * _blurred_by_depth(field.imag, drawn, share, step)
    along = blurred(field, 0, max(drawn.axial_mm / step, 0.35))
    narrow, wide = blurred(along, drawn.lateral_lines, 0), blurred(along, drawn.lateral_lines * drawn.widening, 0)
    part = np.clip(np.abs(share - drawn.focus) / 0.6, 0, 1)
    return (1 - part) * narrow + part * wide * np.sqrt(drawn.widening)


def _display(decibels: Field, scene: Scene, drawn: Acquisition) -> Field:
    """Log compression with the spleen at the gray value that was drawn."""
    where = scene.spleen & (scene.depth > 5)
    typical = float(np.median(decibels[where])) if where.any() else float(np.median(decibels))
    level = (drawn.gray / 255) ** (1 / drawn.gamma)
    value = (decibels - typical) / drawn.range_db + level
    return np.asarray(255 * np.clip(value, 0, 1) ** drawn.gamma, np.float32)
