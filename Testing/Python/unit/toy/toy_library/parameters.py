from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from DeepVolumetryLib.errors import InputError


@dataclass(frozen=True)
class Parameters:
    """What the toy does in the phase named ``phase``: "run" (nothing), or one of the accidents in ``pipeline.py``."""

    accident: str = ""
    phase: str = "Thresholding"
    threshold: float = 0.5

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Parameters:
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise InputError(f"Toy has no parameter “{unknown.pop()}”.")
        return cls(**values)
