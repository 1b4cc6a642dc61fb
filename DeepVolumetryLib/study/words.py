"""Words for the user: translated in Slicer, as they stand elsewhere."""

from __future__ import annotations


def tr(text: str, context: str = "") -> str:
    """The text in the user's language where Slicer's translations are there."""
    try:
        from slicer.i18n import tr as translated
    except ImportError:  # slicer-core without the window has no translations
        return text
    return translated(text, context) if context else translated(text)
