"""Every parameter of RenalParenchyma, in the one place that the panel, the command line and the worker read.

``metadata["range"]`` bounds a number, ``metadata["choices"]`` lists what a text may be, ``metadata["optional"]`` says
that None or 0 means "not given", ``metadata["unit"]`` is for labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from DeepVolumetryLib.errors import InputError

SEXES = ("", "female", "male")
SPEEDS = ("fast", "standard", "thorough")


def _number(default: float | None, low: float, high: float, help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"range": (low, high), "help": help_text, "unit": unit, "optional": default is None})


def _choice(default: str, choices: tuple[str, ...], help_text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help_text})


@dataclass(frozen=True)
class Parameters:
    """What a user may set. Patient facts are only needed for the numbers that use them.

    Raises:
        InputError: if a value is out of range; the sentence says which one and what is expected.
    """

    members: int = _number(4, 1, 16, "Predictions per kidney from which the uncertainty is computed")
    seed: int = _number(0, 0, 2**31 - 1, "Same seed, same members, same result")
    age: float | None = _number(None, 0.1, 120, "Age at the scan, for eGFR and reference ranges", "years")
    sex: str = _choice("", SEXES, "Sex, for eGFR and reference ranges")
    height_cm: float | None = _number(None, 30, 250, "Height, for the body surface area", "cm")
    weight_kg: float | None = _number(None, 1, 400, "Weight, for the body surface area", "kg")
    creatinine_mg_dl: float | None = _number(None, 0.1, 30, "Serum creatinine, for eGFR (µmol/L divided by 88.4)", "mg/dL")
    speed: str = _choice("standard", SPEEDS, "fast: coarser and fewer members; thorough: finer overlap and all members")

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameters:
        """Parameters from a dictionary; what is left out keeps its default.

        Raises:
            InputError: if a name is unknown, a type is wrong or a value is out of range.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"RenalParenchyma has no parameter “{unknown[0]}”; it has {', '.join(known)}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All values, ready for JSON; ``from_dict`` reads it back."""
        return asdict(self)


def _checked(entry: Field[Any], value: Any) -> Any:
    title = entry.name.split("_")[0].capitalize()
    choices = entry.metadata.get("choices")
    if choices is not None:
        value = "" if value is None else value
        if value not in choices:
            raise InputError(f"{title} “{value}” is not known; choose {', '.join(c for c in choices if c)}.")
        return value
    if entry.metadata["optional"] and (value is None or value == 0):
        return None
    low, high = entry.metadata["range"]
    unit = f" {entry.metadata['unit']}" if entry.metadata["unit"] else ""
    whole = isinstance(entry.default, int)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or (whole and value != int(value)):
        raise InputError(f"{title} must be a {'whole ' if whole else ''}number, not “{value}”.")
    if not low <= value <= high:
        hint = " A value in µmol/L must be divided by 88.4." if entry.name == "creatinine_mg_dl" and value > high else ""
        raise InputError(f"{title} {value:g}{unit} is out of range; give {low:g} to {high:g}{unit}.{hint}")
    return int(value) if whole else float(value)
