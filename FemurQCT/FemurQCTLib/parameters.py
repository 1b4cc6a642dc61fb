"""Every parameter of FemurQCT, in the one place that the panel, the command line and the worker read.

``metadata["range"]`` bounds a number, ``metadata["choices"]`` lists what a text may be, ``metadata["optional"]`` says that None or 0
means "not given", ``metadata["unit"]`` is for labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from DeepVolumetryLib.errors import InputError

SPEEDS = ("fast", "standard", "thorough")
SIDES = ("both", "left", "right")
PHANTOMS = ("", "mindways_3", "qrm_bdc_3", "qrm_bdc_6", "image_analysis", "bmas_200", "siemens_osteo")
STRENGTHS = ("off", "fall", "stance", "both")
CONTRASTS = ("unknown", "no", "yes")


def _number(default: float | None, low: float, high: float, help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"range": (low, high), "help": help_text, "unit": unit, "optional": default is None})


def _choice(default: str, choices: tuple[str, ...], help_text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help_text})


def _given(help_text: str) -> Any:
    return field(default=None, metadata={"help": help_text, "given": True})


@dataclass(frozen=True)
class Parameters:
    """What a user may set.

    Raises:
        InputError: if a value is out of range; the sentence says which one and what is expected.
    """

    members: int = _number(4, 1, 16, "Predictions per femur from which the uncertainty is computed")
    seed: int = _number(0, 0, 2**31 - 1, "Same seed, same members, same result")
    speed: str = _choice("standard", SPEEDS, "fast: one look at each femur; thorough: eight")
    side: str = _choice("both", SIDES, "Which femora to measure")
    phantom: str = _choice("", PHANTOMS, "Calibration phantom under the patient, or that the entered line belongs to")
    certificate: tuple[float, ...] | None = _given("Densities of the rods by the certificate of this phantom, mg/cm³")
    rods: tuple[tuple[float, float, float], ...] | None = _given("A point in each rod (R, A, S in mm), in the order of the densities")
    slope: float | None = _number(None, 0.1, 5, "Slope of an entered calibration, mg/cm³ per HU", "mg/cm³ per HU")
    intercept: float | None = field(default=None, metadata={"range": (-500.0, 500.0), "help": "Density at 0 HU, mg/cm³", "unit": "mg/cm³"})
    kvp: float | None = _number(None, 40, 180, "Tube voltage of this scan", "kV")
    calibration_kvp: float | None = _number(None, 40, 180, "Tube voltage at which the entered calibration was made", "kV")
    contrast: str = _choice("unknown", CONTRASTS, "Whether contrast medium was given")
    threshold: float = _number(350.0, 100, 900, "Density from which bone counts as cortical", "mg/cm³")
    erosion_mm: float = _number(3.0, 0, 8, "Depth below the surface from which bone may count as trabecular", "mm")
    strength: str = _choice("off", STRENGTHS, "Finite elements: a fall to the side, one-legged stance, or both")
    edge_mm: float = _number(3.0, 1.5, 6, "Edge of a finite element", "mm")
    planes: Any = field(default=None, metadata={"help": "Side -> planes between the regions, as a result has them", "given": True})

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))
        if (self.slope is None) != (self.intercept is None):
            lacking = "intercept" if self.intercept is None else "slope"
            raise InputError(f"An entered calibration needs slope and intercept; the {lacking} is missing.")
        if self.slope is not None and (self.rods or self.certificate):
            raise InputError("Give either rods of a phantom or an entered calibration, not both.")
        if (self.rods or self.certificate) and not self.phantom:
            raise InputError("Rods and certificate belong to a phantom: choose its type.")

    @property
    def calibrated(self) -> bool:
        """True if densities are wanted."""
        return bool(self.phantom) or self.slope is not None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameters:
        """Parameters from a dictionary; what is left out keeps its default.

        Raises:
            InputError: if a name is unknown, a type is wrong or a value is out of range.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"FemurQCT has no parameter “{unknown[0]}”; it has {', '.join(known)}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All values, ready for JSON; ``from_dict`` reads it back."""
        values = asdict(self)
        for name in ("certificate", "rods"):
            values[name] = None if values[name] is None else [list(v) if isinstance(v, tuple) else v for v in values[name]]
        return values


def _checked(entry: Field[Any], value: Any) -> Any:
    title = entry.name.replace("_", " ").capitalize()
    if entry.metadata.get("given"):
        return _structure(entry.name, title, value)
    choices = entry.metadata.get("choices")
    if choices is not None:
        value = entry.default if value is None else value
        if value not in choices:
            raise InputError(f"{title} “{value}” is not known; choose {', '.join(c for c in choices if c)}.")
        return value
    if value is None or (entry.metadata.get("optional") and value == 0):
        if entry.default is None:
            return None
        raise InputError(f"{title} is missing.")
    low, high = entry.metadata["range"]
    unit = f" {entry.metadata['unit']}" if entry.metadata["unit"] else ""
    whole = isinstance(entry.default, int)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or (whole and value != int(value)):
        raise InputError(f"{title} must be a {'whole ' if whole else ''}number, not “{value}”.")
    if not low <= value <= high:
        raise InputError(f"{title} {value:g}{unit} is out of range; give {low:g} to {high:g}{unit}.")
    return int(value) if whole else float(value)


def _structure(name: str, title: str, value: Any) -> Any:
    """Certificate, rods or planes, as tuples of numbers; None where there is nothing."""
    if not value:
        return None
    if name == "planes":
        if not isinstance(value, Mapping) or not all(side in ("left", "right") for side in value):
            raise InputError("Planes must be given by side, left and right.")
        return {side: dict(planes) for side, planes in value.items()}
    try:
        if name == "certificate":
            return tuple(_finite(number) for number in value)
        rods = tuple(tuple(_finite(number) for number in point) for point in value)
    except (TypeError, ValueError):
        raise InputError(f"{title} must be a list of numbers{'' if name == 'certificate' else ' (R, A, S) for each rod'}.") from None
    if any(len(point) != 3 for point in rods):
        raise InputError("Each rod needs three numbers: R, A and S in mm.")
    return rods


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
