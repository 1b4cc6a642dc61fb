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


def described(pack: ShapePack, path: Path | None = None) -> Descriptors:
    """Descriptors of each row; the calipers are the true extents with the error of a measurement.

    Args:
        path: of the pack; the descriptors are kept in a file beside it.
    """
    memory = path.with_suffix(".described.npz") if path else None
    names = ("log_scale", "shape", "stacks", "log_calipers", "pictures")
    if memory and path and memory.exists() and memory.stat().st_mtime >= path.stat().st_mtime:
        with np.load(memory) as stored:
            return Descriptors(**{name: stored[name].astype(np.float32 if name == "pictures" else np.float64) for name in names})
    rows = joined([describe_masks(dict(zip(PLANES, masks, strict=True))) for masks in pack.masks])
    noise = np.random.default_rng(1).normal(0, CALIPER_ERROR, pack.extents_mm.shape)
    found = Descriptors(rows.log_scale, rows.shape, rows.stacks, np.log(pack.extents_mm) + noise, rows.pictures)
    if memory:
        np.savez(memory, **{name: getattr(found, name).astype(np.float16 if name == "pictures" else np.float64) for name in names})
    return found


def load_described(paths: Sequence[Path]) -> tuple[ShapePack, Descriptors]:
    """Several packs as one, with descriptors."""
    packs = [ShapePack.load(Path(path)) for path in paths]
    return joined_packs(packs), joined([described(pack, Path(path)) for pack, path in zip(packs, paths, strict=True)])
