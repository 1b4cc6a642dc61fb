"""Pictures of widgets without a screen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication, QScrollArea, QWidget


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
    if not real.grab().save(str(path)):
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
