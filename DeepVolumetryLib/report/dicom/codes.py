"""Codes of measurements, units and segments as DICOM writes them.

What no terminology has a word for gets a code of our own scheme, 99DEEPVOLUMETRY: the name in small letters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...result import Code

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept

SCHEME = "99DEEPVOLUMETRY"
SCHEME_NAME = "DeepVolumetry"
UNCERTAINTY = Code(SCHEME, "uncertainty", "Uncertainty of the segmentation")
COVERAGE = Code(SCHEME, "coverage", "Nominal coverage of the uncertainty range")
VERDICT = Code("DCM", "121106", "Comment")
LOWER = Code("SCT", "371885007", "-, range of lower measurement uncertainty")
UPPER = Code("SCT", "371886008", "+, range of upper measurement uncertainty")

_UNITS = {
    "1": "no units",
    "%": "percent",
    "mL": "milliliter",
    "mL/m2": "milliliter per square meter",
    "mL/min": "milliliter per minute",
    "mL/min/{1.73_m2}": "milliliter per minute per 1.73 square meter",
    "mm": "millimeter",
    "mm2": "square millimeter",
    "cm": "centimeter",
    "cm2": "square centimeter",
    "cm3": "cubic centimeter",
    "m2": "square meter",
    "mg/cm3": "milligram per cubic centimeter",
    "g/cm3": "gram per cubic centimeter",
    "g/cm2": "gram per square centimeter",
    "mg": "milligram",
    "g": "gram",
    "deg": "degree",
    "[hnsf'U]": "Hounsfield unit",
}
# Context group 100; what is reported on where the study does not say its procedure.
_PROCEDURES = {
    "CT": Code("LN", "25045-6", "CT unspecified body region"),
    "MR": Code("LN", "25056-3", "MRI unspecified body region"),
}
_ANY_PROCEDURE = Code("SCT", "363679005", "Imaging procedure")


def concept(code: Code) -> CodedConcept:
    """A code as highdicom takes it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning[:64])


def own(name: str) -> Code:
    """Code of our own for a name, e.g. "split_function"."""
    return Code(SCHEME, re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"), name)


def unit(ucum: str) -> Code:
    """A UCUM unit with its meaning."""
    return Code("UCUM", ucum, _UNITS.get(ucum, ucum))


def procedure(modality: str) -> Code:
    """What kind of study the images of a modality are from."""
    return _PROCEDURES.get(modality, _ANY_PROCEDURE)
