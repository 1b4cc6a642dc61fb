"""Coded segment types in the words that Slicer and DICOM understand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from ..result import Code, SegmentSpec

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
OWN_TERMINOLOGY = RESOURCES / "Terminologies" / "DeepVolumetry.term.json"
_SLICER_TERMINOLOGY = "Segmentation category and type - 3D Slicer General Anatomy list"
_SLICER_REGIONS = "Anatomic codes - DICOM master list"


def terminology_entry(spec: SegmentSpec) -> str:
    """The value of Slicer's ``TerminologyEntry`` tag: context~category~type~modifier~region context~region~region modifier.

    Codes that Slicer's general anatomy list lacks are looked up by Slicer in our own context.
    """
    context = _own_context_name() if (spec.category.value, spec.type.value) in _own_types() else _SLICER_TERMINOLOGY
    codes = (spec.category, spec.type, spec.modifier)
    regions = (spec.region, spec.region_modifier)
    return "~".join([context, *map(_coded, codes), _SLICER_REGIONS, *map(_coded, regions)])


def segment_tags(spec: SegmentSpec, algorithm: str, edited: bool = False) -> dict[str, str]:
    """Tags of a segment that a model drew, or drew and a user corrected; DICOM export reads them."""
    return {
        "TerminologyEntry": terminology_entry(spec),
        "DICOM.SegmentAlgorithmType": "SEMIAUTOMATIC" if edited else "AUTOMATIC",
        "DICOM.SegmentAlgorithmName": algorithm,
    }


def _coded(code: Code | None) -> str:
    return f"{code.scheme}^{code.value}^{code.meaning}" if code else "^^"


@cache
def _own_terminology() -> dict:
    return json.loads(OWN_TERMINOLOGY.read_text(encoding="utf-8"))


def _own_context_name() -> str:
    return _own_terminology()["SegmentationCategoryTypeContextName"]


@cache
def _own_types() -> frozenset[tuple[str, str]]:
    categories = _own_terminology()["SegmentationCodes"]["Category"]
    return frozenset((category["CodeValue"], each["CodeValue"]) for category in categories for each in category["Type"])
