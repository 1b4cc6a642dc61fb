"""Tables and sections of docs/results-femur.md: every program writes its own section and leaves the others alone."""

from __future__ import annotations

from pathlib import Path

LABELS = {75: 1, 76: 2}
"""Femora in the label map of TotalSegmentator's example (class order of its version 2): value -> side."""


def put_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of a section, or add the section at the end."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = path.read_text(encoding="utf-8") if path.exists() else "# What FemurQCT reaches\n"
    block = f"{begin}\n{text.strip()}\n{end}"
    if begin in old and end in old:
        first, last = old.index(begin), old.index(end) + len(end)
        new = old[:first] + block + old[last:]
    else:
        new = old.rstrip() + "\n\n" + block + "\n"
    path.write_text(new, encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"
