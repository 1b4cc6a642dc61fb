"""Sentences without the paths of images: folders are often named after patients, and a cohort's results are handed on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath


def without_paths(text: str, paths: Iterable[str]) -> str:
    """The text with each path, its last part and its folder replaced by words.

    Args:
        text: a sentence, or a traceback.
        paths: of images.

    A last part of fewer than four letters stays: it is as likely a word.
    """
    for path in sorted(paths, key=len, reverse=True):
        text = text.replace(path, "its file")
        last = PurePath(path).name
        if len(last) >= 4:
            text = re.sub(rf"(?<![\w.]){re.escape(last)}(?!\w)", "its file", text)
        folder = str(PurePath(path).parent)
        if len(PurePath(folder).parts) > 1:
            text = text.replace(folder, "its folder")
    return text
