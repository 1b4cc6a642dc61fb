"""Message: a sentence with an icon, written where it belongs in the panel."""

from __future__ import annotations

import qt

ICON_SIZE = 16


class Message:
    """Two labels of a .ui file, ``<name>MessageIcon`` and ``<name>MessageLabel``, that vanish when there is nothing to say."""

    def __init__(self, ui, name: str) -> None:
        self._icon = getattr(ui, f"{name}MessageIcon")
        self._label = getattr(ui, f"{name}MessageLabel")
        self._icon.setAlignment(qt.Qt.AlignTop)
        self._icon.setFixedWidth(ICON_SIZE)
        self.clear()

    @property
    def text(self) -> str:
        return self._label.text

    def hint(self, text: str) -> None:
        """Something to do next; no icon."""
        self._show(text, None)

    def info(self, text: str) -> None:
        """Something that was done."""
        self._show(text, qt.QStyle.SP_MessageBoxInformation)

    def warning(self, text: str) -> None:
        """Something to keep in mind."""
        self._show(text, qt.QStyle.SP_MessageBoxWarning)

    def error(self, text: str) -> None:
        """Something that went wrong and what to do."""
        self._show(text, qt.QStyle.SP_MessageBoxCritical)

    def clear(self) -> None:
        self._show("", None)

    def _show(self, text: str, icon: int | None) -> None:
        self._label.setText(text)
        self._label.setVisible(bool(text))
        self._icon.setVisible(bool(text) and icon is not None)
        if icon is not None:
            self._icon.setPixmap(self._icon.style().standardIcon(icon).pixmap(ICON_SIZE, ICON_SIZE))
