"""What the page shows of a study, as plain lists and texts that a browser can be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...study import measurementTable, reviewList

if TYPE_CHECKING:
    from ...measure.measurement import Measurement
    from ...uncertainty.regions import ReviewRegion

_SIDES = {"left": "Left", "right": "Right"}


def table(measurements: Sequence[Measurement], names: Mapping[str, str]) -> dict[str, Any]:
    """The measurements as columns and lines; a line is the heading of a structure or a quantity with a text per column.

    Args:
        names: what structures without a side are called.
    """
    rows = measurementTable.rows(measurements)
    sides = measurementTable.columns(rows)
    separator = "\n" if len(sides) > 1 else " "  # as in the panels: side by side, value and interval of several columns are too wide
    lines: list[dict[str, Any]] = []
    structure = None
    for row in rows:
        if row.structure != structure:
            structure = row.structure
            lines.append({"heading": measurementTable.heading(structure, names), "title": "", "cells": []})
        cells = [measurementTable.cell(row.cells[side], separator) if side in row.cells else "" for side in sides]
        lines.append({"heading": "", "title": row.title, "cells": cells})
    return {
        "columns": [_SIDES.get(side, "Total" if len(sides) > 1 else "Value") for side in sides],
        "lines": lines,
        "verdicts": [{"subject": subject, "text": text} for subject, text in measurementTable.verdicts(measurements, names)],
        "level": _level(measurements),
    }


def places(regions: Sequence[ReviewRegion], names: Mapping[str, str]) -> list[dict[str, str]]:
    """The places to review, a row for each; ``names`` are those of the targets."""
    return [
        {
            "rank": str(region.rank),
            "structure": reviewList.structure(region, names),
            "stake": f"{region.at_stake_ml:.2f} mL",
            "reviewed": reviewList.decision(region),
        }
        for region in regions
    ]


def choices(items: Mapping[str, str]) -> list[dict[str, str]]:
    """Items of a list to choose from: key -> title."""
    return [{"value": key, "title": title} for key, title in items.items()]


def _level(measurements: Sequence[Measurement]) -> str:
    levels = {measurement.level for measurement in measurements if measurement.level and measurement.low is not None}
    if not levels:
        return "No intervals are stated."
    return f"In parentheses: {' / '.join(f'{100 * level:g}' for level in sorted(levels))} % interval."
