"""Procedural torsos as surroundings: more variety than the few real label maps that are at hand."""

from __future__ import annotations

import numpy as np

from DeepVolumetryLib.phantom.abdomen import abdomen

from .pack import SPACING_MM, Torso, structure_tissues
from .structures import FAT

PREFIX = "procedural"
_KIDNEY_PARTS = (210, 211, 212, 213)


def procedural_torso(seed: int) -> Torso:
    """A torso of ``phantom.abdomen`` whose own kidneys are taken out; it brings its wall, fat and skin along."""
    body = abdomen(seed, SPACING_MM, kind="normal")
    labels = body.labels.copy()
    labels[np.isin(labels, _KIDNEY_PARTS)] = FAT
    inverse = np.linalg.inv(body.ijk_to_ras)
    centers = {side: (inverse @ (*kidney.center, 1.0))[2::-1] * SPACING_MM for side, kidney in body.kidneys.items()}
    return Torso(f"{PREFIX} {seed}", SPACING_MM, labels, np.zeros(labels.shape, np.int8), centers, structure_tissues(body.names))
