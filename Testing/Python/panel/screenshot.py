"""Pictures of widgets without a screen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

BACKGROUND = QColor("#efefef")
MARGIN = 10


def grab(widget, path: Path | str, width: int = 480, height: int | None = None) -> Path:
    """Write the widget as users see it to a PNG file.

    Args:
        widget: a strict or a PySide6 widget.
        path: where to write; folders are made.
        width: width in pixels, that of Slicer's module panel by default.
        height: height in pixels; as much as the widget asks for if None.
    """
    real: QWidget = getattr(widget, "_real", widget)
    real.resize(width, height or max(real.sizeHint().height(), 50))
    real.show()
    for _ in range(10):  # layouts settle from the inside out, a level at a time
        QApplication.processEvents()
        real.resize(width, height or max(real.sizeHint().height(), 50))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = real.grab().toImage()
    if not (picture if height else _without_empty_end(picture)).save(str(path)):
        raise OSError(f"cannot write {path}")
    return path


def grab_panel(container, path: Path | str, width: int = 480, height: int = 900) -> Path:
    """As `grab`, but in a scrolling area of fixed size, which is what the module panel is."""
    real: QWidget = getattr(container, "_real", container)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(real)
    try:
        return grab(area, path, width, height)
    finally:
        area.takeWidget()


def beside(left: Path | str, right: Path | str, path: Path | str) -> Path:
    """Two pictures side by side, as the panel and a view in Slicer's window."""
    pictures = [QImage(str(each)) for each in (left, right)]
    whole = QImage(sum(p.width() for p in pictures), max(p.height() for p in pictures), QImage.Format.Format_RGB32)
    whole.fill(BACKGROUND)
    painter, x = QPainter(whole), 0
    for picture in pictures:
        painter.drawImage(x, 0, picture)
        x += picture.width()
    painter.end()
    if not whole.save(str(path)):
        raise OSError(f"cannot write {path}")
    return Path(path)


def _without_empty_end(picture: QImage) -> QImage:
    """Cut rows at the bottom that are all background: labels ask for more height than their text needs in the end."""
    width, last = picture.width(), picture.height() - 1
    empty = picture.pixel(0, last)
    while last > 0 and all(picture.pixel(x, last) == empty for x in range(0, width, 3)):
        last -= 1
    return picture.copy(0, 0, width, min(last + 1 + MARGIN, picture.height()))
