"""The real module's segments."""

from RenalParenchymaLib.segments import SPECS, TOTALS, display_name

__all__ = ["SPECS", "TOTALS", "display_name"]
