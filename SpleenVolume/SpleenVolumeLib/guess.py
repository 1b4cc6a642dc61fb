"""Which view a picture shows, from what it is called. Plain Python, so that the panel can ask while Slicer starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .segments import VIEWS

_WORDS = {
    "transverse": re.compile(r"\b(trans\w*|tra|trv|axial|ax|short|sax)\b"),
    "sagittal": re.compile(r"\b(sag\w*)\b"),
    "coronal": re.compile(r"\b(cor\w*|long\w*|lax)\b"),
}


def view_of(name: str, description: str = "") -> str:
    """The view that a name or a DICOM series description speaks of, "" if neither does."""
    for text in (description, name):
        words = re.sub(r"[^a-z]+", " ", re.sub(r"\.\w+$", "", text.lower()))
        found = [view for view, pattern in _WORDS.items() if pattern.search(words)]
        if len(found) == 1:
            return found[0]
    return ""


def assign(names: Sequence[str], headers: Sequence[Mapping[str, str]], taken: Sequence[str] = ()) -> dict[str, int]:
    """Input -> position of its file. A single picture that says nothing is the coronal one, which every volume needs.

    Args:
        names: of files or nodes.
        headers: what their DICOM headers say, by keyword.
        taken: inputs that are known already.
    """
    found: dict[str, int] = {}
    for number, (name, header) in enumerate(zip(names, headers, strict=True)):
        view = view_of(name, header.get("SeriesDescription", ""))
        if view and view not in found and view not in taken:
            found[view] = number
    if not found and len(names) == 1 and not taken and not view_of(names[0]):
        return {VIEWS[0]: 0}
    return found
