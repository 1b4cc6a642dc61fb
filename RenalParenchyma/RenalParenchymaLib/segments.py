"""The segments of RenalParenchyma: keys, names, colors and codes.

Codes are SNOMED CT as in Slicer's terminology lists; kidney and cyst carry Slicer's own colors. A tumor is coded as a
mass: what an image shows is a mass, its histology is for the pathologist.
"""

from __future__ import annotations

from DeepVolumetryLib.result import Code, SegmentSpec

SIDES = ("left", "right")
TISSUES = ("parenchyma", "tumor", "cyst")
TARGETS = ("kidney", *TISSUES)

ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
TISSUE = Code("SCT", "85756007", "Tissue")
ALTERED_STRUCTURE = Code("SCT", "49755003", "Morphologically Altered Structure")
KIDNEY = Code("SCT", "64033007", "Kidney")
PARENCHYMA = Code("SCT", "91772007", "Parenchyma")
MASS = Code("SCT", "4147007", "Mass")
CYST = Code("SCT", "367643001", "Cyst")
LATERALITY = {"left": Code("SCT", "7771000", "Left"), "right": Code("SCT", "24028007", "Right")}

KIDNEY_COLOR = (185, 102, 83)
PARENCHYMA_COLOR = (232, 163, 118)
TUMOR_COLOR = (144, 238, 144)
CYST_COLOR = (205, 205, 100)

TOTALS = {"total_kidney": "Both kidneys", "total_parenchyma": "Renal parenchyma, both sides", "both_kidneys": "Both kidneys"}
"""Segments that only measurements have: sums over both sides, and what belongs to the patient rather than to a side."""


def key(side: str, target: str) -> str:
    """Segment key of a target on a side, e.g. "left_tumor"."""
    return f"{side}_{target}"


def display_name(segment: str) -> str:
    """What a segment key is called in tables: the name of its segment or of its total; the key itself if unknown."""
    return TOTALS.get(segment) or next((spec.name for spec in SPECS if spec.key == segment), segment)


def _kidney(side: str) -> SegmentSpec:
    return SegmentSpec(
        key=key(side, "kidney"),
        name=f"{side.capitalize()} kidney",
        color=KIDNEY_COLOR,
        category=ANATOMICAL_STRUCTURE,
        type=KIDNEY,
        modifier=LATERALITY[side],
    )


def _part(side: str, target: str, name: str, color: tuple[int, int, int], category: Code, type_: Code) -> SegmentSpec:
    return SegmentSpec(
        key=key(side, target),
        name=f"{side.capitalize()} {name}",
        color=color,
        category=category,
        type=type_,
        region=KIDNEY,
        region_modifier=LATERALITY[side],
        parent=key(side, "kidney"),
    )


SPECS: tuple[SegmentSpec, ...] = (
    *(_kidney(side) for side in SIDES),
    *(_part(side, "parenchyma", "renal parenchyma", PARENCHYMA_COLOR, TISSUE, PARENCHYMA) for side in SIDES),
    *(_part(side, "tumor", "renal tumor", TUMOR_COLOR, ALTERED_STRUCTURE, MASS) for side in SIDES),
    *(_part(side, "cyst", "renal cyst", CYST_COLOR, ALTERED_STRUCTURE, CYST) for side in SIDES),
)
