"""Every parameter of SpleenVolume, in the one place that the panel, the command line and the worker read.

``metadata["range"]`` bounds a number, ``metadata["choices"]`` lists what a value may be, ``metadata["optional"]`` says
that None or 0 means "not given", ``metadata["unit"]`` is for labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from DeepVolumetryLib.errors import InputError

from .methods import TITLES

SEXES = ("", "female", "male")
TURNS = (0, 90, 180, 270)
AUTO = "auto"


def _number(default: float | None, low: float, high: float, help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"range": (low, high), "help": help_text, "unit": unit, "optional": default is None})


def _choice(default: Any, choices: tuple[Any, ...], help_text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help_text})


def _mirror(view: str) -> Any:
    return _choice(False, (False, True), f"The {view} picture is shown mirrored: the head, or the front, is on the right")


def _turn(view: str) -> Any:
    return _choice(0, TURNS, f"Degrees clockwise by which the {view} picture must be turned to bring the probe to the top")


@dataclass(frozen=True)
class Parameters:
    """What a user may set. Facts about the patient are only needed for the verdicts that use them.

    Raises:
        InputError: if a value is out of range; the sentence says which one and what is expected.
    """

    members: int = _number(5, 1, 10, "In how many ways the network looks at each picture; their spread is the uncertainty")
    seed: int = _number(0, 0, 2**31 - 1, "Same seed, same result")
    method: str = field(default=AUTO, metadata={"help": "How the volume is estimated; auto takes the best for the views that are given"})
    age: float | None = _number(None, 0.01, 120, "Age, for the reference values: an adult limit is not used for a child", "years")
    sex: str = _choice("", SEXES, "Sex, for the reference values")
    height_cm: float | None = _number(None, 30, 250, "Height, for the reference values by sex and height", "cm")
    length_mm: float | None = _number(None, 20, 400, "Caliper: craniocaudal length of the spleen", "mm")
    depth_mm: float | None = _number(None, 20, 400, "Caliper: extent of the spleen from front to back", "mm")
    coronal_mirror: bool = _mirror("coronal")
    coronal_turn: int = _turn("coronal")
    transverse_mirror: bool = _mirror("transverse")
    transverse_turn: int = _turn("transverse")
    sagittal_mirror: bool = _mirror("sagittal")
    sagittal_turn: int = _turn("sagittal")

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
            raise InputError(f"SpleenVolume has no parameter “{unknown[0]}”; it has {', '.join(known)}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All values, ready for JSON; ``from_dict`` reads it back."""
        return asdict(self)

    @property
    def calipers(self) -> dict[str, float]:
        """Lengths measured by hand in mm, those that were given."""
        return {name: value for name in ("length_mm", "depth_mm") if (value := getattr(self, name)) is not None}

    @property
    def is_child(self) -> bool:
        """True if the age is known to be below 18 years."""
        return self.age is not None and self.age < 18

    def orientation(self, view: str) -> tuple[bool, int]:
        """Whether the picture of a view is mirrored, and by how many degrees clockwise it must be turned then."""
        return getattr(self, f"{view}_mirror"), getattr(self, f"{view}_turn")


def _checked(entry: Field[Any], value: Any) -> Any:
    title = entry.name.removesuffix("_cm").removesuffix("_mm").replace("_", " ").capitalize()
    if entry.name == "method":
        return _checked_method(value)
    choices = entry.metadata.get("choices")
    if choices is not None:
        value = entry.default if value is None else value
        if value not in choices or isinstance(value, bool) != isinstance(entry.default, bool):
            named = ", ".join(str(c) for c in choices if c != "")
            raise InputError(f"{title} “{value}” is not known; choose {named}.")
        return value
    if entry.metadata["optional"] and (value is None or value == 0):
        return None
    low, high = entry.metadata["range"]
    unit = f" {entry.metadata['unit']}" if entry.metadata["unit"] else ""
    whole = isinstance(entry.default, int)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or (whole and value != int(value)):
        raise InputError(f"{title} must be a {'whole ' if whole else ''}number, not “{value}”.")
    if not low <= value <= high:
        hint = " Is it in cm? Give it in mm." if unit == " mm" and value < low else ""
        raise InputError(f"{title} {value:g}{unit} is out of range; give {low:g} to {high:g}{unit}.{hint}")
    return int(value) if whole else float(value)


def _checked_method(value: Any) -> str:
    if value not in (AUTO, *TITLES):
        raise InputError(f"There is no method “{value}”. Choose one of: {', '.join((AUTO, *TITLES))}.")
    return str(value)
