"""slicer.i18n in English: texts are returned as they are."""

from __future__ import annotations


def translate(context: str, text: str) -> str:
    return text


def getContext(sourceFile: str) -> str:
    return sourceFile


def tr(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"only text can be translated, not {text!r}")
    return text
