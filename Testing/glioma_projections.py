"""Picture of a slice under each projection, for the documentation: python Testing/glioma_projections.py [FILE].

A FLAIR slice of the phantom brain, as the network sees it from a center in its tumor and from one far away, with lines 20 mm
apart in the patient. Writes docs/pictures/glioma-projections.png, or FILE.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "GliomaUncertainty")]

from GliomaUncertaintyLib import demo  # noqa: E402
from GliomaUncertaintyLib.projection import IDENTITY, Projection, farthest  # noqa: E402
from GliomaUncertaintyLib.sampling import Raster, sphere_matrix, sphere_raster  # noqa: E402

_KINDS = ("equidistant", "orthographic", "linear")
_TITLES = {
    "plain": "As it is, 1.5 mm pixels",
    "equidistant": "Equidistant, ×2 in the center",
    "orthographic": "Orthographic, ×2 in the center",
    "linear": "Linear ×2 (LSU)",
}
_STEP_MM, _MARGIN_MM = 20.0, 6.0


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures" / "glioma-projections.png"
    images, tumor = demo.study(), demo.reference()[0].voxels > 0
    flair = images["flair"].voxels
    k = int(np.argmax(tumor.sum(axis=(1, 2))))
    brain = np.argwhere((flair != 0).any(axis=0)).astype(float)
    inside = np.argwhere(tumor[k]).mean(axis=0)
    middle = (brain.min(axis=0) + brain.max(axis=0)) / 2
    centers = (tuple(inside), tuple(2 * middle - inside))
    figure, axes = plt.subplots(2, 4, figsize=(13, 7.4), facecolor="black", layout="constrained")
    for number, (row, center) in enumerate(zip(axes, centers, strict=True)):
        views = {"plain": IDENTITY} | {kind: Projection(kind, 2.0, center, farthest(brain, center)) for kind in _KINDS}
        for axis, (name, view) in zip(row, views.items(), strict=True):
            _show(axis, flair[k].astype(np.float32), tumor[k].astype(np.float32), brain, view, center)
            axis.set_title("" if number else _TITLES[name], color="white", fontsize=12)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=90, facecolor="black")
    print(target)


def _show(axis: plt.Axes, slice_: NDArray, tumor: NDArray, brain: NDArray, view: Projection, center: tuple[float, ...]) -> None:
    """One slice as the network sees it: the image, the tumor's outline, lines of the patient, and the center."""
    plane = Raster(slice_.shape)
    sphere = sphere_raster(view, brain)
    matrix = sphere_matrix(view, plane, sphere)
    seen, outline = ((matrix @ values.reshape(-1, 1)).reshape(sphere.shape) for values in (slice_, tumor))
    axis.imshow(seen, cmap="gray", origin="lower", vmin=0, vmax=np.percentile(slice_, 99.7), interpolation="nearest")
    for line in _lines(brain):
        index = sphere.indices(view.forward(line))
        axis.plot(index[:, 1], index[:, 0], color="#59c2ff", linewidth=0.5, alpha=0.7)
    axis.contour(outline, [0.5], colors="#ffd23f", linewidths=1.2)
    at = sphere.indices(view.forward(np.array(center)[None]))[0]
    axis.plot(at[1], at[0], "+", color="#ff5d5d", markersize=9)
    axis.set_xlim(-0.5, sphere.shape[1] - 0.5)
    axis.set_ylim(-0.5, sphere.shape[0] - 0.5)
    axis.set_axis_off()


def _lines(brain: NDArray) -> list[NDArray[np.float64]]:
    """Lines along rows and columns through the brain's box, each (n, 2) in mm."""
    low, high = brain.min(axis=0) - _MARGIN_MM, brain.max(axis=0) + _MARGIN_MM
    along = [np.linspace(low[axis], high[axis], 200) for axis in (0, 1)]
    rows = [np.stack([np.full(200, y), along[1]], axis=-1) for y in np.arange(low[0], high[0], _STEP_MM)]
    columns = [np.stack([along[0], np.full(200, x)], axis=-1) for x in np.arange(low[1], high[1], _STEP_MM)]
    return rows + columns


if __name__ == "__main__":
    main()
