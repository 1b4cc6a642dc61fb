"""The segments of FemurQCT: keys, names, colors and codes (SNOMED CT; colors are ours).

A greater trochanter and a total hip have no code that was found: such regions carry the code of the proximal femur, and their name
says which part of it they are.
"""

from __future__ import annotations

from DeepVolumetryLib.result import Code, SegmentSpec

SIDES = ("left", "right")
REGIONS = ("head", "neck", "trochanteric", "shaft")
FEMUR, TOTAL_HIP = "femur", "total_hip"

ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
PROXIMAL_FEMUR = Code("SCT", "310651003", "Proximal Femur")
LATERALITY = {"left": Code("SCT", "7771000", "Left"), "right": Code("SCT", "24028007", "Right")}
_PARTS = {
    "head": ("femoral head", (216, 189, 120), Code("SCT", "2812003", "Head of femur")),
    "neck": ("femoral neck", (205, 133, 92), Code("SCT", "29627003", "Neck of femur")),
    "trochanteric": ("trochanteric region", (145, 170, 110), PROXIMAL_FEMUR),
    "shaft": ("femoral shaft", (130, 150, 190), Code("SCT", "41111004", "Shaft of femur")),
}
FEMUR_COLOR = (238, 214, 160)
BOTH = "both_femora"
"""Segment that only measurements have: what compares the sides."""


def key(side: str, part: str) -> str:
    """Segment key, e.g. "left_femur" or "right_neck"."""
    return f"{side}_{part}"


def display_name(segment: str) -> str:
    """What a segment key is called in tables; the key itself if unknown."""
    if segment == BOTH:
        return "Both femora"
    side, _, part = segment.partition("_")
    if part == TOTAL_HIP:
        return f"{side.capitalize()} total hip"
    return next((spec.name for spec in SPECS if spec.key == segment), segment)


def _femur(side: str) -> SegmentSpec:
    return SegmentSpec(
        key(side, FEMUR), f"{side.capitalize()} proximal femur", FEMUR_COLOR, ANATOMICAL_STRUCTURE, PROXIMAL_FEMUR, LATERALITY[side]
    )


def _part(side: str, part: str) -> SegmentSpec:
    name, color, code = _PARTS[part]
    return SegmentSpec(
        key(side, part), f"{side.capitalize()} {name}", color, ANATOMICAL_STRUCTURE, code, LATERALITY[side], parent=key(side, FEMUR)
    )


SPECS: tuple[SegmentSpec, ...] = (
    *(_femur(side) for side in SIDES),
    *(_part(side, part) for side in SIDES for part in REGIONS),
)
