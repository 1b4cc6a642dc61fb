"""Choices that all panels offer."""

from __future__ import annotations

import enum

from slicer.i18n import tr as _


class Device(enum.Enum):
    """Where the model runs, as the engine spells it."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self) -> str:
        return {"auto": _("Automatic"), "cpu": _("CPU"), "cuda": _("Graphics card (CUDA)"), "mps": _("Graphics card (Apple)")}[self.value]
