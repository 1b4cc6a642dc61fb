"""The real module's measurements after an edit."""

from RenalParenchymaLib.live import measure, measure_again, names

__all__ = ["measure", "measure_again", "names"]
