"""The real module's comparisons."""

from RenalParenchymaLib.evaluation import comparisons, names_of, reference_input, region

__all__ = ["comparisons", "names_of", "reference_input", "region"]
