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


class Sex(enum.Enum):
    """As the parameters of the modules spell it."""

    NOT_GIVEN = ""
    FEMALE = "female"
    MALE = "male"

    def label(self) -> str:
        return {"": _("not given"), "female": _("female"), "male": _("male")}[self.value]


class Quality(enum.Enum):
    """As the parameters of the modules spell their speed."""

    FAST = "fast"
    STANDARD = "standard"
    THOROUGH = "thorough"

    def label(self) -> str:
        return {"fast": _("Fast"), "standard": _("Standard"), "thorough": _("Thorough")}[self.value]
