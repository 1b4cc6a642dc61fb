"""Many numbers of many segments on little paper: a row for each segment, a column for each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .words import interval_text, number_text, unit_text

if TYPE_CHECKING:
    from ..measure.measurement import Measurement

MANY = 30
"""So many numbers fit as a list, one below the other."""
_LEAST_SEGMENTS = 3
_MOST_COLUMNS = 11  # and the volumes


def split(measurements: Sequence[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """What goes into a matrix, and what is left for a list.

    A list reads best as long as it is short. A number stays in it if few segments have it or if something is said about it.
    """
    if len(measurements) <= MANY:
        return [], list(measurements)
    having: dict[tuple[str, str], list[Measurement]] = {}
    for m in measurements:
        having.setdefault((m.name, m.unit), []).append(m)
    shared = [key for key, found in having.items() if len(found) >= _LEAST_SEGMENTS and not any(m.verdict for m in found)]
    chosen = set(shared[:_MOST_COLUMNS])
    dense = [m for m in measurements if (m.name, m.unit) in chosen]
    return dense, [m for m in measurements if (m.name, m.unit) not in chosen]


def matrix(measurements: Sequence[Measurement], colors_of: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """A reportlab table of numbers, each with its interval below it.

    Args:
        measurements: from `split`, and volumes if they belong to the same segments. Segments and numbers stand in the order in
            which they first come.
        colors_of: segment key -> color of reportlab.
        names: segment key -> what it is called.
    """
    from reportlab.platypus import Paragraph, Table

    from .page import BOLD, FAINT, INNER, RULE, right, shown, style

    columns = list(dict.fromkeys((m.name, m.unit) for m in measurements))
    segments = list(dict.fromkeys(m.segment for m in measurements))
    cells = {(m.segment, m.name, m.unit): m for m in measurements}
    heads = [Paragraph(shown(name) + _unit_below(name, unit), right(5.5, textColor=FAINT)) for name, unit in columns]
    levels = {m.level for m in measurements if interval_text(m) and m.level}
    corner = "Segment" + "".join(f"<br/>below: {100 * level:.0f} % interval" for level in levels if len(levels) == 1)
    rows: list[list[Any]] = [["", Paragraph(corner, style(5.5, textColor=FAINT)), *heads]]
    rules: list[Any] = [
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, RULE), ("LINEBELOW", (1, 1), (-1, -1), 0.3, RULE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 0.8), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 2), ("LEFTPADDING", (1, 0), (1, -1), 3),
    ]  # fmt: skip
    faint = FAINT.hexval().replace("0x", "#")
    for n, segment in enumerate(segments, 1):
        row: list[Any] = ["", Paragraph(shown(names[segment]), style(7))]
        for name, unit in columns:
            m = cells.get((segment, name, unit))
            if m is None:
                row.append("")
                continue
            number = f"{m.value:.0f}" if unit == "1" and float(m.value).is_integer() else number_text(m.value, unit)
            interval = interval_text(m).replace(" – ", "–")
            below = f'<br/><font size="4.8" color="{faint}">{interval}</font>' if interval else ""
            row.append(Paragraph(f'<font name="{BOLD}">{number}</font>{below}', right(6.5)))
        rows.append(row)
        if segment in colors_of:
            rules.append(("BACKGROUND", (0, n), (0, n), colors_of[segment]))
    bar, first = 0.012 * INNER, 0.135 * INNER
    widths = [bar, first, *([(INNER - bar - first) / len(columns)] * len(columns))]
    return Table(rows, widths, style=rules, repeatRows=1, hAlign="LEFT")


def _unit_below(name: str, unit: str) -> str:
    from .page import shown

    text = unit_text(unit)
    return "" if not text or name.endswith(text) else f"<br/>{shown(text)}"
