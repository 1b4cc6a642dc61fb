"""Every parameter of GliomaUncertainty, in the one place that the panel, the command line and the worker read.

``metadata["range"]`` bounds a number, ``metadata["choices"]`` lists what a text may be; a text without choices is free.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from DeepVolumetryLib.errors import InputError

METHODS = ("spu", "unet", "tta", "lsu", "mcdropout", "ensemble")
PROJECTIONS = ("equidistant", "orthographic")
UNCERTAINTIES = ("error", "spread", "entropy")
SPEEDS = ("fast", "standard", "thorough")
SKULL_STRIP = ("auto", "never")
SCHEMES = ("brats2021", "brats2023", "brats2024", "msd", "brats2013")  # those of labels.py, which needs numpy


def _number(default: float, low: float, high: float, help_text: str) -> Any:
    return field(default=default, metadata={"range": (low, high), "help": help_text, "unit": "", "optional": False})


def _choice(default: str, choices: tuple[str, ...], help_text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help_text})


@dataclass(frozen=True)
class Parameters:
    """What a user may set.

    Raises:
        InputError: if a value is out of range; the sentence says which one and what is expected.
    """

    members: int = _number(
        10, 1, 25, "Predictions from which mean and uncertainty are computed; for spu the plain image and 24 spheres at most"
    )
    method: str = _choice(
        "spu",
        METHODS,
        "spu: spherical projections; unet: the plain image once; tta: flips, shifts and contrasts; lsu: linear magnification; "
        "mcdropout: with dropout; ensemble: snapshots of the training",
    )
    projection: str = _choice("equidistant", PROJECTIONS, "How spu spreads the sphere out again")
    magnification: float = _number(2.0, 1.0, 4.0, "In the center of a projection of spu and lsu")
    uncertainty: str = _choice(
        "error",
        UNCERTAINTIES,
        "What the map shows, 0-100. error: twice the probability that the voxel is wrong; spread: standard deviation of the members; "
        "entropy: of the mean probability",
    )
    seed: int = _number(0, 0, 2**31 - 1, "Same seed, same members, same result; used by tta and mcdropout")
    speed: str = _choice("standard", SPEEDS, "fast: at most 5 members; thorough: 17 members or more")
    scheme: str = _choice("brats2023", SCHEMES, "Values of an exported label map")
    skull_strip: str = _choice("auto", SKULL_STRIP, "auto: find the brain if the skull is there; never: everything that is not 0 is brain")
    prior: str = field(default="", metadata={"help": "report.json of an earlier study, for the change since; may stay empty"})

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))

    @property
    def member_count(self) -> int:
        """Members after ``speed``; "unet" always has one."""
        if self.method == "unet":
            return 1
        return {"fast": min(self.members, 5), "standard": self.members, "thorough": max(self.members, 17)}[self.speed]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameters:
        """Parameters from a dictionary; what is left out keeps its default.

        Raises:
            InputError: if a name is unknown, a type is wrong or a value is out of range.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"GliomaUncertainty has no parameter “{unknown[0]}”; it has {', '.join(known)}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All values, ready for JSON; ``from_dict`` reads it back."""
        return asdict(self)


def _checked(entry: Field[Any], value: Any) -> Any:
    title = entry.name.replace("_", " ").capitalize()
    choices = entry.metadata.get("choices")
    if choices is not None:
        if value not in choices:
            raise InputError(f"{title} “{value}” is not known; choose {', '.join(choices)}.")
        return value
    if "range" not in entry.metadata:
        if not isinstance(value, str):
            raise InputError(f"{title} must be the path of a file, not “{value}”.")
        return value
    low, high = entry.metadata["range"]
    whole = isinstance(entry.default, int)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or (whole and value != int(value)):
        raise InputError(f"{title} must be a {'whole ' if whole else ''}number, not “{value}”.")
    if not low <= value <= high:
        raise InputError(f"{title} {value:g} is out of range; give {low:g} to {high:g}.")
    return int(value) if whole else float(value)
