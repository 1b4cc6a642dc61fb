"""Calibration phantoms: the densities of their rods, and which equation turns Hounsfield units into density.

The densities are those that the Ogo software lists (Bonelab, University of Calgary). They are where to start: the certificate
of the phantom that lay under the patient wins, see ``PhantomPreset.with_certificate``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from DeepVolumetryLib.errors import InputError

K2HPO4, CHA = "K2HPO4", "CHA"
"""What density is expressed in: dipotassium phosphate in water, or calcium hydroxyapatite. Never mixed: they differ for the same bone."""


@dataclass(frozen=True)
class PhantomPreset:
    """A type of phantom.

    Attributes:
        key: stable name, e.g. "mindways_3".
        name: what the user calls it.
        material: ``K2HPO4`` or ``CHA``.
        densities: of the rods in mg/cm3 of the material, in their order across the table.
        water: density of the water-like part of each rod in mg/cm3; empty for solid phantoms. It decides about the equation, see ``fit``.
        rod_mm: least and largest diameter that the finder accepts for this phantom.
    """

    key: str
    name: str
    material: str
    densities: tuple[float, ...]
    water: tuple[float, ...] = ()
    rod_mm: tuple[float, float] = (8.0, 30.0)

    def __post_init__(self) -> None:
        values = (*self.densities, *self.water)
        if len(self.densities) < 2 or len(set(self.densities)) < 2 or not all(map(math.isfinite, values)):
            raise InputError(f"{self.name} needs the densities of at least two different rods.")
        if self.water and len(self.water) != len(self.densities):
            raise InputError(f"{self.name} has {len(self.densities)} rods but {len(self.water)} water densities: give one for each rod.")

    @property
    def unit(self) -> str:
        """Unit of the densities for people, e.g. "mg/cm³ K2HPO4"."""
        return unit_of(self.material)

    def with_certificate(self, densities: Sequence[float], water: Sequence[float] | None = None) -> PhantomPreset:
        """The same type of phantom with the values of its own certificate.

        Raises:
            InputError: if the number of values does not fit.
        """
        water = self.water if water is None else water
        return replace(self, densities=tuple(map(float, densities)), water=tuple(map(float, water)))


def unit_of(material: str) -> str:
    """Unit of a density for people."""
    return f"mg/cm³ {material}" if material else "mg/cm³"


_ALL = (
    PhantomPreset(
        "mindways_3",
        "Mindways Model 3 (K2HPO4 in water)",
        K2HPO4,
        (-51.83, -53.40, 58.88, 157.05, 375.83),
        (1012.25, 1056.95, 1103.57, 1119.52, 923.20),
    ),
    PhantomPreset("qrm_bdc_3", "QRM-BDC, 3 rods (hydroxyapatite)", CHA, (100.0, 400.0, 800.0)),
    PhantomPreset("qrm_bdc_6", "QRM-BDC, 6 rods (hydroxyapatite)", CHA, (0.0, 100.0, 200.0, 400.0, 600.0, 800.0)),
    PhantomPreset("image_analysis", "Image Analysis QCT-3D Plus (hydroxyapatite)", CHA, (8.0, 97.3, 189.8)),
    PhantomPreset("bmas_200", "B-MAS 200 (hydroxyapatite)", CHA, (0.0, 50.0, 100.0, 150.0, 200.0)),
    PhantomPreset("siemens_osteo", "Siemens Osteo (hydroxyapatite)", CHA, (0.0, 200.0)),
)

PRESETS: dict[str, PhantomPreset] = {preset.key: preset for preset in _ALL}
"""Key -> preset."""


def preset_of(phantom: str | PhantomPreset) -> PhantomPreset:
    """The preset of a key; presets are handed through.

    Raises:
        InputError: for a key that is unknown.
    """
    if isinstance(phantom, PhantomPreset):
        return phantom
    if phantom not in PRESETS:
        raise InputError(f"There is no calibration phantom “{phantom}”. Choose one of {', '.join(PRESETS)}.")
    return PRESETS[phantom]
