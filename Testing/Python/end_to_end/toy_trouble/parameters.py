"""The real module's parameters."""

from RenalParenchymaLib.parameters import Parameters

__all__ = ["Parameters"]
