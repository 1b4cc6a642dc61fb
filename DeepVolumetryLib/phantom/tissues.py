"""What tissues look like: HU on CT, relative signal on fat-suppressed T2 and on T1.

One table serves the numerical phantoms (means) and the synthesis of training images (draws around them). Ranges are
those of textbooks and of published measurements of healthy tissue, wide on purpose; they were not fitted to any
image that a figure is reported on. MR signal is relative to renal cortex = 1 on the same image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# name -> (noncontrast HU, enhanced HU in the nephrographic phase, spread of the mean, texture SD inside the tissue)
_CT = {
    "air": (-1000, -1000, 2, 3),
    "fat": (-102, -100, 10, 10),
    "soft": (35, 55, 15, 15),
    "muscle": (52, 62, 9, 9),
    "skin": (20, 40, 20, 10),
    "marrow": (170, 180, 70, 50),
    "cortical_bone": (550, 560, 200, 120),
    "cord": (32, 38, 8, 6),
    "lung": (-830, -820, 50, 60),
    "liver": (56, 108, 15, 7),
    "spleen": (48, 118, 14, 7),
    "pancreas": (38, 95, 18, 14),
    "bile": (8, 10, 8, 4),
    "adrenal": (25, 70, 15, 10),
    "heart": (42, 140, 25, 12),
    "artery": (42, 155, 28, 8),
    "vein": (42, 145, 28, 10),
    "bowel_wall": (38, 85, 22, 14),
    "bowel_gas": (-940, -940, 60, 40),
    "bowel_fluid": (14, 18, 14, 8),
    "bowel_solid": (30, 40, 60, 45),
    "urine": (5, 8, 8, 4),
    "cortex": (31, 172, 30, 7),
    "medulla": (31, 165, 32, 9),
    "sinus_fat": (-85, -75, 30, 18),
    "collecting": (8, 20, 14, 8),
    "tumor": (35, 88, 38, 16),
    "necrosis": (18, 30, 14, 10),
    "cyst": (9, 11, 12, 4),
    "other": (35, 55, 40, 20),
}
# name -> (low, high) of the mean relative to cortex, texture SD relative to the mean; drawn log-uniformly
_T2 = {
    "air": (0.004, 0.03, 0.5),
    "fat": (0.04, 0.28, 0.25),
    "soft": (0.08, 0.5, 0.3),
    "muscle": (0.10, 0.30, 0.15),
    "skin": (0.15, 0.8, 0.2),
    "marrow": (0.10, 0.42, 0.2),
    "cortical_bone": (0.02, 0.10, 0.3),
    "cord": (0.5, 1.2, 0.15),
    "lung": (0.01, 0.12, 0.6),
    "liver": (0.25, 0.62, 0.10),
    "spleen": (0.62, 1.25, 0.07),
    "pancreas": (0.4, 0.9, 0.18),
    "bile": (1.8, 4.5, 0.08),
    "adrenal": (0.4, 0.9, 0.15),
    "heart": (0.15, 0.6, 0.3),
    "artery": (0.02, 0.25, 0.4),
    "vein": (0.04, 0.9, 0.35),
    "bowel_wall": (0.4, 1.1, 0.2),
    "bowel_gas": (0.004, 0.04, 0.5),
    "bowel_fluid": (0.8, 3.8, 0.2),
    "bowel_solid": (0.1, 0.9, 0.5),
    "urine": (2.2, 4.8, 0.06),
    "cortex": (1.0, 1.0, 0.06),
    "medulla": (0.92, 1.35, 0.08),
    "sinus_fat": (0.12, 0.8, 0.35),
    "collecting": (0.7, 3.2, 0.25),
    "tumor": (0.55, 1.9, 0.2),
    "necrosis": (1.2, 3.5, 0.2),
    "cyst": (2.0, 4.5, 0.05),
    "other": (0.05, 1.2, 0.4),
}
_T1 = {
    "air": (0.004, 0.03, 0.5),
    "fat": (0.15, 3.5, 0.15),
    "soft": (0.6, 1.3, 0.2),
    "muscle": (0.7, 1.15, 0.1),
    "skin": (0.5, 1.3, 0.2),
    "marrow": (0.5, 2.2, 0.2),
    "cortical_bone": (0.03, 0.2, 0.3),
    "cord": (0.7, 1.2, 0.1),
    "lung": (0.02, 0.2, 0.5),
    "liver": (1.0, 1.8, 0.08),
    "spleen": (0.65, 1.05, 0.06),
    "pancreas": (1.0, 1.8, 0.15),
    "bile": (0.25, 1.3, 0.15),
    "adrenal": (0.6, 1.1, 0.12),
    "heart": (0.3, 1.2, 0.25),
    "artery": (0.08, 1.6, 0.25),
    "vein": (0.15, 1.5, 0.25),
    "bowel_wall": (0.6, 1.2, 0.15),
    "bowel_gas": (0.004, 0.04, 0.5),
    "bowel_fluid": (0.2, 0.8, 0.2),
    "bowel_solid": (0.4, 1.8, 0.35),
    "urine": (0.15, 0.45, 0.1),
    "cortex": (1.0, 1.0, 0.06),
    "medulla": (0.62, 0.92, 0.08),
    "sinus_fat": (0.3, 2.8, 0.3),
    "collecting": (0.2, 0.7, 0.2),
    "tumor": (0.5, 1.2, 0.18),
    "necrosis": (0.25, 0.7, 0.2),
    "cyst": (0.15, 0.55, 0.06),
    "other": (0.3, 1.8, 0.3),
}

TISSUES: tuple[str, ...] = tuple(_CT)
INDEX: dict[str, int] = {name: number for number, name in enumerate(TISSUES)}

_EXACT = {
    "kidney_cyst_left": "cyst",
    "kidney_cyst_right": "cyst",
    "kidney_left": "cortex",
    "kidney_right": "cortex",
    "spinal_cord": "cord",
    "gallbladder": "bile",
    "urinary_bladder": "urine",
    "esophagus": "bowel_wall",
    "stomach": "bowel_wall",
    "duodenum": "bowel_wall",
    "small_bowel": "bowel_wall",
    "colon": "bowel_wall",
    "costal_cartilages": "soft",
    "brain": "soft",
    "prostate": "soft",
    "thyroid_gland": "soft",
    "trachea": "bowel_gas",
}
_PREFIX = {
    "adrenal": "adrenal", "aorta": "artery", "atrial": "heart", "autochthon": "muscle", "brachiocephalic_trunk": "artery",
    "brachiocephalic_vein": "vein", "clavicula": "marrow", "common_carotid": "artery", "femur": "marrow", "gluteus": "muscle",
    "heart": "heart", "hip": "marrow", "humerus": "marrow", "iliac_artery": "artery", "iliac_vena": "vein", "iliopsoas": "muscle",
    "inferior_vena": "vein", "liver": "liver", "lung": "lung", "pancreas": "pancreas", "portal": "vein", "pulmonary": "vein",
    "rib": "marrow", "sacrum": "marrow", "scapula": "marrow", "skull": "marrow", "spleen": "spleen", "sternum": "marrow",
    "subclavian": "artery", "superior_vena": "vein", "vertebrae": "marrow",
}  # fmt: skip


def tissue_of(structure: str) -> str:
    """Tissue of a structure named as TotalSegmentator names it, e.g. ``vertebrae_L1`` -> ``marrow``."""
    if structure in INDEX:
        return structure
    if structure in _EXACT:
        return _EXACT[structure]
    return next((tissue for prefix, tissue in _PREFIX.items() if structure.startswith(prefix)), "other")


@dataclass(frozen=True)
class Contrast:
    """Mean and texture SD of every tissue, in the order of TISSUES; HU for CT, signal relative to cortex for MR."""

    modality: str
    mean: np.ndarray
    texture: np.ndarray


def typical(modality: str) -> Contrast:
    """Middle of the ranges: nephrographic CT, fat-suppressed T2 or T1. Raises ValueError for another modality."""
    if modality == "CT":
        return Contrast("CT", np.array([row[1] for row in _CT.values()], float), np.array([row[3] for row in _CT.values()], float))
    table = _mr_table(modality)
    mean = np.array([np.sqrt(low * high) for low, high, _ in table.values()])
    return Contrast(modality, mean, mean * np.array([row[2] for row in table.values()]))


def draw(modality: str, rng: np.random.Generator) -> Contrast:
    """A random contrast: "CT", "T2", "T1" or "random" (any gray value for any tissue, kidney unlike its neighbors)."""
    if modality == "CT":
        return _draw_ct(rng)
    if modality == "random":
        return _draw_random(rng)
    table = _mr_table(modality)
    low, high, spread = (np.array(column, float) for column in zip(*table.values(), strict=True))
    mean = np.exp(rng.uniform(np.log(low), np.log(high)))
    return Contrast(modality, mean, mean * spread * rng.uniform(0.5, 1.5, len(mean)))


def _mr_table(modality: str) -> dict[str, tuple[float, float, float]]:
    tables = {"T2": _T2, "T1": _T1}
    if modality not in tables:
        raise ValueError(f"no tissue table for {modality!r}; there are CT, T2, T1 and random")
    return tables[modality]


def _draw_ct(rng: np.random.Generator) -> Contrast:
    plain, enhanced, spread, texture = (np.array(column, float) for column in zip(*_CT.values(), strict=True))
    phase = rng.choice(["noncontrast", "corticomedullary", "nephrographic", "excretory"], p=[0.22, 0.16, 0.46, 0.16])
    dose = 0.0 if phase == "noncontrast" else rng.uniform(0.55, 1.25)
    shared = rng.normal() * 0.4  # contrast of one patient is stronger or weaker everywhere
    mean = plain + (enhanced - plain) * dose * (1 + 0.2 * shared) + np.clip(rng.normal(size=len(plain)), -2, 2) * spread * 0.7
    if phase == "noncontrast":
        mean[INDEX["cortex"]] = rng.normal(32, 5)
        mean[INDEX["medulla"]] = mean[INDEX["cortex"]] + rng.normal(0, 2)
        for name in ("artery", "vein", "heart"):
            mean[INDEX[name]] = rng.normal(42, 5)
        mean[INDEX["tumor"]] = rng.normal(34, 9)
    elif phase == "corticomedullary":
        mean[INDEX["medulla"]] = mean[INDEX["cortex"]] * rng.uniform(0.35, 0.7)
        mean[INDEX["artery"]] += rng.uniform(60, 200)
    else:
        mean[INDEX["medulla"]] = mean[INDEX["cortex"]] + rng.normal(0, 12)
    if phase == "excretory":
        mean[INDEX["collecting"]] = rng.uniform(200, 900)
    if rng.random() < 0.15:
        mean[INDEX["liver"]] -= rng.uniform(20, 60)  # fatty liver
    if rng.random() < 0.2:
        mean[INDEX["bowel_fluid"]] = rng.uniform(120, 400)  # oral contrast
    return Contrast("CT", mean, texture * rng.uniform(0.5, 1.6, len(texture)))


def _draw_random(rng: np.random.Generator) -> Contrast:
    mean = rng.uniform(0, 1, len(TISSUES))
    mean[INDEX["air"]] = mean[INDEX["bowel_gas"]] = rng.uniform(0, 0.08)
    cortex = INDEX["cortex"]
    mean[INDEX["medulla"]] = np.clip(mean[cortex] * rng.uniform(0.75, 1.25), 0, 1.2)
    # An isointense kidney cannot be told from its neighbors by anybody: enforce a difference from most of them.
    for name in ("fat", "muscle", "liver", "spleen", "soft", "bowel_wall"):
        gap = mean[INDEX[name]] - mean[cortex]
        if abs(gap) < 0.12 and (name not in ("spleen", "bowel_wall") or rng.random() < 0.6):
            mean[INDEX[name]] = mean[cortex] + np.copysign(rng.uniform(0.12, 0.3), gap)
    return Contrast("random", mean, rng.uniform(0.01, 0.08, len(mean)))
