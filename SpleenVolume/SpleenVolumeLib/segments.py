"""The segment of SpleenVolume: name, color and code, as in Slicer's own terminology list."""

from __future__ import annotations

from DeepVolumetryLib.result import Code, SegmentSpec

KEY = "spleen"
"""Key of the segment, and name of its probability and uncertainty maps."""
VIEWS = ("coronal", "transverse", "sagittal")

SPECS: tuple[SegmentSpec, ...] = (
    SegmentSpec(
        key=KEY,
        name="Spleen",
        color=(157, 108, 162),
        category=Code("SCT", "123037004", "Anatomical Structure"),
        type=Code("SCT", "78961009", "Spleen"),
    ),
)
