"""The segments of GliomaUncertainty: keys, names, colors and codes.

Keys are the targets' own ("WT", "TC", "ET"), so that other tools for BraTS recognize them; red, green and yellow for necrosis, edema
and enhancing tumor are ITK-SNAP's, in which BraTS was drawn. Whole tumor and core are composites that no terminology has a word
for: both are coded as neoplasm, their names say the rest.
"""

from __future__ import annotations

from DeepVolumetryLib.result import Code, SegmentSpec

from .labels import SUB_REGIONS, TARGETS

ALTERED_STRUCTURE = Code("SCT", "49755003", "Morphologically Altered Structure")
NEOPLASM = Code("SCT", "108369006", "Neoplasm")
ENHANCING_LESION = Code("NCIt", "C113842", "Enhancing Lesion")
EDEMA = Code("SCT", "79654002", "Edema")
NECROSIS = Code("SCT", "6574001", "Necrosis")
BRAIN = Code("SCT", "12738006", "Brain")

KEYS = (*TARGETS, *SUB_REGIONS)


def display_name(segment: str) -> str:
    """What a segment key is called in tables; the key itself if unknown."""
    return next((spec.name for spec in SPECS if spec.key == segment), segment)


def _spec(key: str, name: str, color: tuple[int, int, int], type_: Code, parent: str = "") -> SegmentSpec:
    return SegmentSpec(key, name, color, ALTERED_STRUCTURE, type_, region=BRAIN, parent=parent)


SPECS: tuple[SegmentSpec, ...] = (
    _spec("WT", "Whole tumor (WT)", (80, 200, 235), NEOPLASM),
    _spec("TC", "Tumor core (TC)", (255, 140, 60), NEOPLASM, "WT"),
    _spec("ET", "Enhancing tumor (ET)", (255, 255, 0), ENHANCING_LESION, "TC"),
    _spec("edema", "Edema", (0, 255, 0), EDEMA, "WT"),
    _spec("necrosis", "Necrosis or non-enhancing core", (255, 0, 0), NECROSIS, "TC"),
)
PARENTS = {spec.key: spec.parent for spec in SPECS if spec.parent}
