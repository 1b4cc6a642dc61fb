"""Pictures for docs/results-spleen-ultrasound.md: synthetic pictures beside what was found in them, and what is made of real frames.

    python Testing/Benchmarks/spleen_pictures.py gallery --out docs/pictures/spleen-synthetic-ultrasound.png
    python Testing/Benchmarks/spleen_pictures.py frames --frames ../shared/data/ultrasound_frames \
        --figures ultrasound/frames.json --out docs/pictures/spleen-real-frames.png

The real frames have 64 × 64 pixels, no pixel size and no truth. For the network a size is taken that makes their fan 16 cm deep; nothing is
measured on them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from scipy import ndimage

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.image_io import read_ultrasound
from SpleenVolumeLib.diffusion import Diffusion
from SpleenVolumeLib.fan import find_fan
from SpleenVolumeLib.pipeline import create
from SpleenVolumeLib.segmenter import Segmenter
from SpleenVolumeLib.shapes import ShapeGenerator, load_templates
from SpleenVolumeLib.synthesis import MODALITIES, USDM_BUNDLE, synthesize

DEPTH_MM = 160.0
LEAST_FAN, LEAST_SPLEEN = 0.3, 0.02
"""Share of the picture that a fan must have to count as found; share of the fan from which something counts as marked."""
UNSEEN = ("ts_example", "vh_female")
TRUE, FOUND, FAN = "#ffd400", "#00e5ff", "#ff5050"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("gallery", "frames"))
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--bundle", type=Path, help="of the pipeline; the one that ships if left out")
    parser.add_argument("--usdm", type=Path, default=USDM_BUNDLE)
    parser.add_argument("--figures", type=Path, help="JSON for spleen_ultrasound_results.py (frames only)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    segmenter = create(options.bundle, "cpu").segmenter
    if options.what == "gallery":
        gallery(segmenter, options.usdm, options.out)
    else:
        found = frames(segmenter, options.frames, options.out)
        if options.figures is not None:
            options.figures.write_text(json.dumps(found), encoding="utf-8")
        print(json.dumps(found))


def gallery(segmenter: Segmenter, usdm: Path, out: Path) -> None:
    """Both sources side by side: the same shapes, true (yellow) and found (blue) outlines."""
    generator = ShapeGenerator([template for template in load_templates() if template.name in UNSEEN], implicit=0.0)
    drawn = Diffusion.from_bundle(Bundle.open(usdm))
    figure, axes = plt.subplots(4, 5, figsize=(15, 11), facecolor="black")
    for column in range(5):
        shape = generator.draw(np.random.default_rng([column, 5]), float(np.geomspace(120, 700, 5)[column]))
        for row, source in enumerate(np.repeat(MODALITIES, 2)):
            view = ("coronal", "transverse")[row % 2]
            images, references, volume = synthesize(shape, str(source), np.random.default_rng([column, 9]), (view,), usdm=drawn)
            image, truth = images[view], references[view].voxels[0] > 0
            pixel_mm = (image.spacing[1], image.spacing[0])
            found = segmenter.segment(image.voxels[0], pixel_mm)
            _show(axes[row, column], image.voxels[0], {TRUE: truth, FOUND: found.mask}, pixel_mm)
            dice = 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum())
            name = {"simulator": "simulator", "usdm": "USDM"}[str(source)]
            axes[row, column].set_title(f"{name}, {view}, {volume:.0f} mL, Dice {dice:.2f}", color="white", fontsize=9)
    _save(figure, out)


def frames(segmenter: Segmenter, folder: Path, out: Path) -> dict[str, float]:
    """Every sixth real frame with its fan (red) and what the network takes for a spleen (blue); and shares over all frames."""
    paths = sorted(folder.glob("*.png"))
    shown = paths[::6]
    figure, axes = plt.subplots(2, -(-len(shown) // 2), figsize=(15, 3.6), facecolor="black")
    areas: dict[str, list[float]] = {}
    fans: dict[str, list[bool]] = {}
    for path in paths:
        gray = read_ultrasound(path).gray
        fan = find_fan(gray)
        step = DEPTH_MM / max(1, int(fan.any(axis=1).sum()))
        found = segmenter.segment(gray, (step, step))
        kind = path.name.partition("-")[0]
        fans.setdefault(kind, []).append(bool(fan.mean() > LEAST_FAN))
        areas.setdefault(kind, []).append(float(found.mask.sum() / fan.sum()))
        if path in shown:
            axis = axes.ravel()[shown.index(path)]
            _show(axis, gray, {FAN: fan, FOUND: found.mask}, (1, 1))
            axis.set_title(kind, color="white", fontsize=8)
    _save(figure, out)
    shares: dict[str, float] = {}
    for kind, values in areas.items():
        shares[f"{kind}_frames"] = len(values)
        shares[f"{kind}_fan_found"] = float(np.mean(fans[kind]))
        shares[f"{kind}_marked"] = float(np.mean(np.array(values) > LEAST_SPLEEN))
        shares[f"{kind}_share_of_fan"] = float(np.mean(values))
    return shares


def _show(axis: Axes, gray: np.ndarray, masks: dict[str, np.ndarray], pixel_mm: tuple[float, float]) -> None:
    """A picture with outlines, on a finer grid so that they are thin."""
    fine = max(1, round(400 / max(gray.shape)))
    axis.imshow(np.kron(gray, np.ones((fine, fine), np.uint8)), cmap="gray", vmin=0, vmax=255, aspect=pixel_mm[0] / pixel_mm[1])
    for color, mask in masks.items():
        if mask.any() and not mask.all():
            smooth = ndimage.gaussian_filter(np.kron(mask, np.ones((fine, fine))).astype(np.float32), fine / 3)
            axis.contour(np.pad(smooth, 1)[1:-1, 1:-1], [0.5], colors=[color], linewidths=1.0)
    axis.axis("off")


def _save(figure: plt.Figure, out: Path) -> None:
    for axis in figure.axes:
        axis.axis("off")
    figure.tight_layout(pad=0.4)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80, facecolor="black")
    plt.close(figure)


if __name__ == "__main__":
    main()
