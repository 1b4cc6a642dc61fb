"""Making training data and training the networks. See docs/training-spleen.md."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from DeepVolumetryLib.errors import InputError

_TRAINERS = {"volume": ".volume", "unet": ".segmentation", "usdm": ".usdm"}
"""What ``network`` in a configuration may be -> the submodule whose ``train(config, out, resume, minutes)`` trains it."""


def train(config: dict[str, Any], out: Path, resume: bool, minutes: float) -> dict[str, Any]:
    """Train what the configuration names, for some minutes.

    Raises:
        InputError: if it names nothing that can be trained.
    """
    network = config.get("network")
    if network not in _TRAINERS:
        raise InputError(f"The configuration must give “network” as one of: {', '.join(_TRAINERS)}.")
    state: dict[str, Any] = importlib.import_module(_TRAINERS[network], __package__).train(config, out, resume, minutes)
    return state


__all__ = ["train"]
