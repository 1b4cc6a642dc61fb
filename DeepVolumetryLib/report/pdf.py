"""A report on one or two pages: numbers with intervals and verdicts, pictures, state of the review, provenance, limits.

It names no patient: inputs stand there by their names, sizes, UIDs and checksums. What identifies a patient is printed only where the user
gives it as the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ResourceError
from .matrix import matrix, split
from .words import interval_text, names_of, number_text, value_text

if TYPE_CHECKING:
    from ..measure.measurement import Measurement
    from ..result import SegmentSpec
    from ..uncertainty.regions import ReviewRegion
    from .plates import Plate
    from .report import InputRecord, Report

PLACES = 5
_PLATE = 400  # points; the whole width would leave too little room below
_ROOM = 90  # points that a heading wants below it
_KINDS = {"boundary": "where is the edge?", "inside": "does it belong?", "outside": "was it missed?"}
_LIMITS = (
    "Not a medical device. The numbers were computed by neural networks for research; do not base a diagnosis or a treatment on them.",
    "An interval is about the outline alone: it says nothing of motion, artifacts, or images unlike those that it was calibrated on.",
)


def write_pdf(
    report: Report,
    path: Path,
    plates: Sequence[Plate] = (),
    places: Plate | None = None,
    specs: Sequence[SegmentSpec] = (),
    names: Mapping[str, str] | None = None,
    title: str = "",
    label: str = "",
) -> Path:
    """Write the report as PDF; the same report gives the same bytes.

    Args:
        report: numbers, review, provenance.
        path: the file.
        plates: pictures of the segments and of the uncertainty.
        places: pictures of the first places to review.
        specs: segments in display order, for names and colors.
        names: what sums and other keys without a segment are called.
        title: the heading; from the module if "".
        label: printed below the heading as it is, e.g. a study number; "" prints nothing.

    Raises:
        ResourceError: if reportlab is not installed.
    """
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        raise ResourceError("A PDF needs the Python package reportlab. Install it with: pip install reportlab") from error
    from reportlab.platypus import SimpleDocTemplate

    from .page import HEIGHT, MARGIN, WIDTH, NumberedCanvas, fonts

    fonts()
    made = report.provenance
    heading = title or f"{made.module.capitalize()} volumes"

    class Pages(NumberedCanvas):
        footer = f"DeepVolumetry {made.version or __version__} · {made.module} · {made.model_name} {made.model_version}".strip(" ·")

    beside = path.with_name(f".{path.name}.part")
    document = SimpleDocTemplate(
        str(beside), pagesize=(WIDTH, HEIGHT), leftMargin=MARGIN, rightMargin=MARGIN, topMargin=0.7 * MARGIN, bottomMargin=16 * 72 / 25.4,
        title=heading, author="DeepVolumetry", subject="Research report", invariant=1,
    )  # fmt: skip
    story = list(_story(report, plates, places, specs, names_of(report.measurements, specs, names), heading, label))
    document.build(story, canvasmaker=Pages)
    beside.replace(path)
    return path


def _story(
    report: Report,
    plates: Sequence[Plate],
    places: Plate | None,
    specs: Sequence[SegmentSpec],
    names: Mapping[str, str],
    heading: str,
    label: str,
) -> Iterator[Any]:
    from reportlab.platypus import CondPageBreak, KeepTogether, Paragraph, Spacer

    from .page import BOLD, FAINT, Picture, shown, style

    yield Paragraph(shown(heading), style(17, fontName=BOLD))
    if label:
        yield Paragraph(shown(label), style(10, spaceBefore=3))
    yield Paragraph(shown(_study_line(report)), style(8.5, textColor=FAINT, spaceBefore=2, spaceAfter=4))
    if report.warnings:
        yield _warnings(report.warnings)
    volumes = [m for m in report.measurements if m.name == "Volume"]
    others = [m for m in report.measurements if m.name != "Volume"]
    dense, rest = split(_gathered(others))
    colors_of = {spec.key: _color(spec.color) for spec in specs}
    together = bool(dense) and not any(m.verdict for m in volumes)
    if together:
        yield matrix([*volumes, *dense], colors_of, names)
    elif volumes:
        yield _table(volumes, specs, names, of_one_kind=True)
    for plate in plates:
        yield Spacer(0, 5)
        yield Picture(plate, _PLATE)
    if plates:
        yield Paragraph(_legend(specs, report), style(7, textColor=FAINT, spaceBefore=3))
    if (dense and not together) or rest:
        yield CondPageBreak(_ROOM)
        yield _heading("Further numbers" if volumes else "Numbers")
    if dense and not together:
        yield matrix(dense, colors_of, names)
        yield Spacer(0, 4)
    if rest:
        yield _table(rest, specs, names)
    yield CondPageBreak(_ROOM)
    yield KeepTogether([_heading("Review"), Paragraph(shown(report.review_sentence), style()), *_edits(report, names)])
    if report.review:
        yield Spacer(0, 3)
        yield _places(report.review)
    if places is not None:
        yield KeepTogether([Spacer(0, 4), Picture(places, _PLATE)])
    yield KeepTogether([_heading("How it was made"), _provenance(report)])
    if report.inputs:
        yield _inputs(report.inputs)
    sentences = [*report.notes, *_LIMITS]
    yield CondPageBreak(_ROOM)
    yield _heading("Limits")
    yield from (Paragraph(f"• {shown(sentence)}", _bullet()) for sentence in sentences)


def _heading(text: str) -> Any:
    from reportlab.platypus import Paragraph

    from .page import ACCENT, BOLD, style

    return Paragraph(text, style(10.5, fontName=BOLD, textColor=ACCENT, spaceBefore=7, spaceAfter=2))


def _bullet() -> Any:
    from .page import style

    return style(7, leftIndent=7, firstLineIndent=-7, spaceAfter=0.5)


def _study_line(report: Report) -> str:
    """Inputs with size and spacing; no path, because folders are named after patients."""
    lines = []
    for record in report.inputs:
        size, spacing = "×".join(map(str, record.size)), "×".join(f"{step:.3g}" for step in record.spacing_mm)
        lines.append(" ".join(part for part in (record.name, size, f"({spacing} mm)" if spacing else "") if part))
    return "  ·  ".join(lines)


def _warnings(warnings: Sequence[str]) -> Any:
    from reportlab.platypus import Paragraph, Table

    from .page import AMBER, AMBER_PAPER, INNER, shown, style

    rows = [[Paragraph(f"<b>!</b>  {shown(warning)}", style(8, textColor=AMBER))] for warning in warnings]
    return Table(rows, [INNER], style=[("BACKGROUND", (0, 0), (-1, -1), AMBER_PAPER), *_tight(1.5)], spaceAfter=5, hAlign="LEFT")


def _gathered(measurements: Sequence[Measurement]) -> list[Measurement]:
    """What belongs to one segment stands together, segments in the order in which they first come."""
    first = {m.segment: n for n, m in reversed(list(enumerate(measurements)))}
    return sorted(measurements, key=lambda m: first[m.segment])


def _table(measurements: Sequence[Measurement], specs: Sequence[SegmentSpec], names: Mapping[str, str], of_one_kind: bool = False) -> Any:
    """One row per number; the name of a segment stands once where several follow."""
    from reportlab.platypus import Paragraph, Table

    from .page import BOLD, FAINT, INNER, PAPER, RULE, right, shown, style

    levels = {m.level for m in measurements if interval_text(m) and m.level}
    level = next(iter(levels)) if len(levels) == 1 else None
    size = 8.0 if of_one_kind else 7.5
    small, number = style(7, textColor=FAINT), right(7, textColor=FAINT)
    body, bold = style(size), right(size, fontName=BOLD)
    rows = [
        ["", Paragraph("Volume" if of_one_kind else "Segment", small), Paragraph("What", small), Paragraph("Value", number),
         Paragraph(f"{100 * level:.0f} % interval" if level else "Interval", number), Paragraph("Assessment", small)]
    ]  # fmt: skip
    rules: list[Any] = [("LINEBELOW", (0, 0), (-1, 0), 0.5, RULE), *_tight(1.2 if of_one_kind else 0.7)]
    colors_of, before, first = {spec.key: spec.color for spec in specs}, None, 1
    for n, m in enumerate(measurements, 1):
        new, interval = m.segment != before, interval_text(m)
        if interval and m.level and not level:
            interval += f" ({100 * m.level:.0f} %)"
        cells = (names[m.segment] if new else "", m.name, value_text(m), interval, m.verdict)
        styles = (body, body, bold, right(size), style(7))
        rows.append(["", *(Paragraph(shown(cell), each) for cell, each in zip(cells, styles, strict=True))])
        if new and m.segment in colors_of:
            rules.append(("BACKGROUND", (0, n), (0, n), _color(colors_of[m.segment])))
        if new and n > 1 and not of_one_kind:
            rules.append(("LINEABOVE", (1, n), (-1, n), 0.3, RULE))
        if n % 2 == 0 and of_one_kind:
            rules.append(("BACKGROUND", (1, n), (-1, n), PAPER))
        if new:
            rules.append(("NOSPLIT", (0, first), (-1, n - 1)))
            first = n
        before = m.segment
    rules.append(("NOSPLIT", (0, first), (-1, len(measurements))))
    shares = [0.012, 0.15, 0.3, 0.185, 0.108, 0.245]
    if of_one_kind:
        rows, shares = [[*row[:2], *row[3:]] for row in rows], [0.012, 0.28, 0.14, 0.2, 0.368]
    return Table(rows, [INNER * share for share in shares], style=rules, repeatRows=1, hAlign="LEFT")


def _legend(specs: Sequence[SegmentSpec], report: Report) -> str:
    from .page import shown

    measured = {m.segment for m in report.measurements if m.value > 0}
    entries = []
    for spec in specs:
        if spec.key in measured:
            color = _color(spec.color).hexval().replace("0x", "#")
            entries.append(f'<font color="{color}">■</font>&nbsp;{shown(spec.name).replace(" ", "&nbsp;")}')
    return " &nbsp; ".join(entries)


def _edits(report: Report, names: Mapping[str, str]) -> list[Any]:
    from reportlab.platypus import Paragraph

    from .page import shown, style

    edited = ", ".join(names.get(key, key.replace("_", " ")) for key in report.edited_segments)
    return [Paragraph(shown(f"Corrected by hand: {edited}." if edited else "No segment was corrected by hand."), style())]


def _places(review: Sequence[ReviewRegion]) -> Any:
    from reportlab.platypus import Paragraph, Table

    from .page import FAINT, INNER, RULE, right, shown, style

    rows: list[tuple[str, ...]] = [("#", "Place", "Question", "At stake", "Center R, A, S (mm)", "State")]
    for region in review[:PLACES]:
        center = ", ".join(f"{coordinate:.0f}" for coordinate in region.center_ras_mm)
        stake = f"{number_text(region.at_stake_ml)} mL"
        rows.append((str(region.rank), region.target, _KINDS.get(region.kind, ""), stake, center, region.reviewed or "open"))
    if len(review) > PLACES:
        rest = sum(region.at_stake_ml for region in review[PLACES:])
        rows.append(("", f"and {len(review) - PLACES} more", "", f"{number_text(rest)} mL", "", ""))
    cells = []
    for n, row in enumerate(rows):
        look = {"textColor": FAINT} if n == 0 else {}
        cells.append([Paragraph(shown(cell), (right if column == 3 else style)(7.5, **look)) for column, cell in enumerate(row)])
    widths = [INNER * share for share in (0.05, 0.22, 0.21, 0.13, 0.22, 0.17)]
    return Table(cells, widths, style=[("LINEBELOW", (0, 0), (-1, 0), 0.5, RULE), *_tight(0.8)], repeatRows=1, hAlign="LEFT")


def _provenance(report: Report) -> Any:
    made = report.provenance
    chosen = {name: value for name, value in made.parameters.items() if value not in (None, "", False) and name != "prior"}
    parameters = ", ".join(f"{name} {value}" for name, value in chosen.items())
    total = made.seconds.get("total", 0)
    model = f"{made.model_name} {made.model_version}".strip()
    return _pairs(
        [
            ("Program", f"DeepVolumetry {made.version}, module {made.module}"),
            ("Model", f"{model}, license {made.model_license}" if made.model_license else model),
            ("SHA-256 of the model", made.model_sha256),
            ("Computed on", f"{made.device}, {total:.0f} s" if total else made.device),
            ("Parameters", parameters),
        ]
    )


def _inputs(inputs: Sequence[InputRecord]) -> Any:
    pairs = []
    for record in inputs:
        known = (("series UID", record.uid), ("SHA-256", record.sha256))
        pairs.append((f"Input {record.name}", "; ".join(f"{word} {value}" for word, value in known if value)))
    return _pairs(pairs)


def _pairs(pairs: Sequence[tuple[str, str]]) -> Any:
    from reportlab.platypus import Paragraph, Spacer, Table

    from .page import FAINT, INNER, shown, style

    rows = [[Paragraph(shown(name), style(7.5, textColor=FAINT)), Paragraph(shown(text), style(7.5))] for name, text in pairs if text]
    return Table(rows, [INNER * 0.2, INNER * 0.8], style=_tight(0.6), hAlign="LEFT") if rows else Spacer(0, 0)


def _tight(padding: float) -> list[Any]:
    return [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), padding),
        ("BOTTOMPADDING", (0, 0), (-1, -1), padding + 0.8),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]


def _color(rgb: tuple[int, int, int]) -> Any:
    from reportlab.lib import colors

    return colors.Color(*(channel / 255 for channel in rgb))
