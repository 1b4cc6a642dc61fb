"""Descriptors of a pack, made once and kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..volume.descriptors import Descriptors, describe_masks, joined
from ..volume.views import PLANES
from .shapes import ShapePack, joined_packs

CALIPER_ERROR = 0.03
"""Standard deviation of the logarithm of a length measured by hand. Ours."""
_KEPT = {"log_scale": np.float64, "shape": np.float64, "stacks": np.float64, "log_calipers": np.float64, "pictures": np.float16}
_USED = {"pictures": np.float32}


def described(pack: ShapePack) -> Descriptors:
    """Descriptors of each row; the calipers are the true extents with the error of a measurement."""
    rows = joined([describe_masks(dict(zip(PLANES, masks, strict=True))) for masks in pack.masks])
    noise = np.random.default_rng(1).normal(0, CALIPER_ERROR, pack.extents_mm.shape)
    return Descriptors(rows.log_scale, rows.shape, rows.stacks, np.log(pack.extents_mm) + noise, rows.pictures)


def load_described(paths: Sequence[Path]) -> tuple[ShapePack, Descriptors]:
    """Several packs as one, without their outlines, with descriptors; these are made once and kept in a file beside each pack."""
    packs, tables = [], []
    for path in map(Path, paths):
        memory = path.with_suffix(".described.npz")
        if not (memory.exists() and memory.stat().st_mtime >= path.stat().st_mtime):
            found = described(ShapePack.load(path))
            np.savez(memory, **{name: getattr(found, name).astype(kept) for name, kept in _KEPT.items()})
        packs.append(ShapePack.load(path, outlines=False))
        with np.load(memory) as stored:
            tables.append(Descriptors(**{name: stored[name].astype(_USED.get(name, np.float64)) for name in _KEPT}))
    return joined_packs(packs), joined(tables)
