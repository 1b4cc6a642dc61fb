"""A tutorial of docs/ as a test reads it: text, words on the screen, keys, links, code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Tutorial:
    """The text of a tutorial, read from the top to the bottom.

    Args:
        name: of the file, "tutorial-renal".
    """

    def __init__(self, name: str) -> None:
        self.name, self.source = name, (DOCS / f"{name}.md").read_text(encoding="utf-8")
        self._text, self._at = " ".join(self.source.split()), 0

    def says(self, *quotes: str) -> None:
        """Read on to where these words stand, one after the other; a test that quotes what is no longer there fails."""
        for quote in quotes:
            at = self._text.find(quote, self._at)
            assert at >= 0, f"{self.name}.md does not say here: {quote}"
            self._at = at + len(quote)

    def bold(self) -> set[str]:
        """What is printed bold: the words on the screen."""
        return {text for text in re.findall(r"\*\*([^*]+)\*\*", self._text) if not text.endswith(".")}

    def keys(self) -> set[str]:
        """Keys that it names: "Alt+Enter"."""
        arrows = {"→": "Right", "←": "Left"}
        plain = re.sub(r"</?kbd>", "", self._text)
        return {
            re.sub("[→←]", lambda arrow: arrows[arrow[0]], found).strip()
            for found in re.findall(r"Alt(?:\+(?:Shift|Enter|Backspace|→|←))+", plain)
        }

    def links(self) -> list[str]:
        """Files that it links to or shows."""
        found = re.findall(r"\]\(([^)#]+)[^)]*\)", self.source) + re.findall(r'src="([^"]+)"', self.source)
        return [link for link in found if not link.startswith("http")]

    def code(self, language: str = "python") -> str:
        """Its block of code in a language, "" for a shell's."""
        (block,) = re.findall(rf"```{language}\n(.*?)```", self.source, re.DOTALL)
        return block

    def commands(self) -> list[list[str]]:
        """What is typed into a shell, one list of words for each command."""
        return [shlex.split(line) for line in self.code("").replace("\\\n", " ").splitlines()]
