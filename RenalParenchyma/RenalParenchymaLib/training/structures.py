"""The structures of a torso, numbered as the training code knows them: TotalSegmentator's classes in alphabetical order."""

from __future__ import annotations

import numpy as np

_PAIRED = (
    *("adrenal_gland", "autochthon", "brachiocephalic_vein", "clavicula", "common_carotid_artery", "femur", "gluteus_maximus"),
    *("gluteus_medius", "gluteus_minimus", "hip", "humerus", "iliac_artery", "iliac_vena", "iliopsoas", "kidney", "kidney_cyst"),
    *("lung_lower_lobe", "lung_upper_lobe", "scapula", "subclavian_artery"),
)
_SINGLE = (
    *("aorta", "atrial_appendage_left", "brachiocephalic_trunk", "brain", "colon", "costal_cartilages", "duodenum", "esophagus"),
    *("gallbladder", "heart", "inferior_vena_cava", "liver", "lung_middle_lobe_right", "pancreas", "portal_vein_and_splenic_vein"),
    *("prostate", "pulmonary_vein", "sacrum", "skull", "small_bowel", "spinal_cord", "spleen", "sternum", "stomach"),
    *("superior_vena_cava", "thyroid_gland", "trachea", "urinary_bladder"),
)
_SIDES = ("left", "right")
_LEVELS = (("C", 7), ("T", 12), ("L", 5), ("S", 1))
STRUCTURES: dict[int, str] = dict(
    enumerate(
        sorted(
            [f"{name}_{side}" for name in _PAIRED for side in _SIDES]
            + [f"rib_{side}_{number}" for side in _SIDES for number in range(1, 13)]
            + [f"vertebrae_{level}{number}" for level, count in _LEVELS for number in range(1, count + 1)]
            + list(_SINGLE)
        ),
        start=1,
    )
)
FAT, WALL, SOFT, SKIN = 200, 201, 202, 203
"""What fills the gaps between the structures and lies around them."""
_OTHER = 199
_FILLED = {"fat": FAT, "muscle": WALL, "soft": SOFT, "skin": SKIN}


def renumbered(labels: np.ndarray, names: dict[int, str]) -> np.ndarray:
    """Labels with any numbering as uint8 with the numbers of `STRUCTURES`; what has another name becomes a structure of its own.

    Raises:
        ValueError: if a value is outside 0 to 65535.
    """
    if labels.min() < 0 or labels.max() > 65535:
        raise ValueError("values of structures must be 0 to 65535")
    known = {name: value for value, name in STRUCTURES.items()} | _FILLED
    table = np.full(65536, _OTHER, np.uint8)
    table[0] = 0
    for value, name in names.items():
        if 0 < value < len(table):
            table[value] = known.get(name, _OTHER)
    return table[labels.astype(np.uint16)]
