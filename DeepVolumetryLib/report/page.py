"""What a page of a report is made of: fonts, styles, page numbers, pictures with their letters, legend and scale.

Fonts are embedded (DejaVu Sans of matplotlib, else Vera of reportlab), so that a page looks the same everywhere.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from ..image_io.color_table import uncertainty_colors
from .plates import Plate
from .report import RESEARCH_ONLY

WIDTH, HEIGHT = A4
MARGIN = 15 * mm
INNER = WIDTH - 2 * MARGIN
INK, FAINT, ACCENT, RULE = (colors.HexColor(color) for color in ("#17202a", "#5d6d7e", "#1f618d", "#ccd1d6"))
AMBER, AMBER_PAPER, PAPER = (colors.HexColor(color) for color in ("#9a6400", "#fff6e0", "#f4f6f8"))
REGULAR, BOLD = "Report", "Report-Bold"
_FILES = {
    "matplotlib": {REGULAR: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf"},
    "reportlab": {REGULAR: "Vera.ttf", BOLD: "VeraBd.ttf"},
}
_STOPS = 11


@cache
def fonts() -> frozenset[int]:
    """Register the fonts; returns the characters that they have."""
    for owner, files in _FILES.items():
        try:
            for name, file in files.items():
                pdfmetrics.registerFont(TTFont(name, str(_folder(owner) / file)))
        except (ImportError, TTFError, OSError):
            continue
        pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
        return frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)
    raise RuntimeError("reportlab was installed without its fonts")


def _folder(owner: str) -> Path:
    if owner == "matplotlib":
        import matplotlib

        return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    import reportlab

    return Path(reportlab.__file__).parent / "fonts"


def shown(text: str) -> str:
    """Text with markup escaped; what the font lacks becomes a question mark instead of an empty box."""
    known = fonts()
    plain = "".join(character if ord(character) in known or character.isspace() else "?" for character in text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def style(size: float = 8.5, **changes: Any) -> ParagraphStyle:
    """Body text unless changed."""
    values = {"fontName": REGULAR, "fontSize": size, "leading": size * 1.3, "textColor": INK, "splitLongWords": 1, **changes}
    return ParagraphStyle(f"report-{size}-{sorted(changes)}", **values)


def right(size: float = 8.5, **changes: Any) -> ParagraphStyle:
    """Numbers stand under each other."""
    return style(size, alignment=TA_RIGHT, **changes)


class NumberedCanvas(Canvas):
    """Writes "page 1 of 2" and what no page may lack at the bottom, once the number of pages is known."""

    footer = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802
        """Keep the page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages and write the file."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._foot(number, len(self._pages))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        self.setStrokeColor(RULE)
        self.setLineWidth(0.5)
        self.line(MARGIN, 13 * mm, WIDTH - MARGIN, 13 * mm)
        self.setFillColor(FAINT)
        self.setFont(BOLD, 7)
        self.drawString(MARGIN, 9.5 * mm, RESEARCH_ONLY)
        self.setFont(REGULAR, 7)
        self.drawCentredString(WIDTH / 2, 9.5 * mm, self.footer)
        self.drawRightString(WIDTH - MARGIN, 9.5 * mm, f"page {number} of {count}")


class Picture(Flowable):
    """A plate with titles, letters, a bar of 5 cm and, beside an uncertainty, its colors."""

    def __init__(self, plate: Plate, width: float = INNER, legend: float = 14 * mm) -> None:
        super().__init__()
        self.plate = plate
        self._picture = ImageReader(io.BytesIO(plate.jpeg))
        across, down = self._picture.getSize()
        self._wide = width - legend
        self._high = self._wide * down / across
        self.width, self.height = width, self._high + 10

    def wrap(self, *_available: float) -> tuple[float, float]:
        """Size on the page."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw at the origin."""
        canvas, plate = self.canv, self.plate
        canvas.drawImage(self._picture, 0, 0, self._wide, self._high)
        count = len(plate.titles)
        tile = self._wide / (count + (count - 1) * plate.gap)
        for n, (title, letters) in enumerate(zip(plate.titles, plate.letters, strict=True)):
            canvas.setFillColor(FAINT)
            canvas.setFont(REGULAR, 7)
            start = n * tile * (1 + plate.gap)
            canvas.drawString(start, self._high + 2.5, _cut(title, tile))
            self._letters(start, tile, letters)
        if plate.tile_mm:
            self._bar(tile / plate.tile_mm)
        if plate.uncertainty:
            self._colors()

    def _letters(self, start: float, tile: float, letters: tuple[str, str, str]) -> None:
        for x, y, letter in zip((0.035, 0.965, 0.5), (0.5, 0.5, 0.94), letters, strict=True):
            self._lettering(start + x * tile, y * self._high - 2.5, letter, 7)

    def _lettering(self, x: float, y: float, text: str, size: float) -> None:
        """White with a dark rim, legible on bright tissue."""
        canvas = self.canv
        canvas.setFont(BOLD, size)
        canvas.setStrokeColor(colors.black)
        canvas.setFillColor(colors.white)
        canvas.setLineWidth(1.6)
        canvas.setLineJoin(1)
        canvas.drawCentredString(x, y, text, mode=1)
        canvas.drawCentredString(x, y, text, mode=0)

    def _bar(self, per_mm: float) -> None:
        for color, width in ((colors.black, 2.6), (colors.white, 1.2)):
            self.canv.setStrokeColor(color)
            self.canv.setLineWidth(width)
            self.canv.line(4, 5, 4 + 50 * per_mm, 5)
        self._lettering(4 + 25 * per_mm, 8, "5 cm", 5.5)

    def _colors(self) -> None:
        left, high = self._wide + 2 * mm, self._high - 8
        canvas = self.canv
        table = uncertainty_colors()
        chosen = table[np.linspace(0, len(table) - 1, _STOPS).round().astype(int)]
        stops = [colors.Color(*(channel / 255 for channel in color)) for color in chosen.tolist()]
        canvas.saveState()
        path = canvas.beginPath()
        path.rect(left, 0, 2.4 * mm, high)
        canvas.clipPath(path, stroke=0)
        canvas.linearGradient(left, 0, left, high, stops, [n / (len(stops) - 1) for n in range(len(stops))])
        canvas.restoreState()
        canvas.setFillColor(FAINT)
        canvas.setFont(REGULAR, 6)
        for value in (0, 50, 100):
            canvas.drawString(left + 3.2 * mm, value / 100 * (high - 5) + 0.5, str(value))
        canvas.drawString(left - 1 * mm, high + 2.5, "uncertainty")


def _cut(title: str, width: float) -> str:
    """As much of a title as fits above its tile."""
    while title and pdfmetrics.stringWidth(title, REGULAR, 7) > width - 4:
        title = title[:-2].rstrip(" …") + "…"
    return title
