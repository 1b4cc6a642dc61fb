"""Keys that press a button of the panel from anywhere in the window, but only while the module is shown."""

from __future__ import annotations

from collections.abc import Mapping

import qt
import slicer

# With Alt, so that none is a key of the Segment Editor or of the views.
REVIEW_KEYS = {
    "previousButton": "Alt+Left",
    "nextButton": "Alt+Right",
    "looksRightButton": "Alt+Return",
    "fixedButton": "Alt+Shift+Return",
    "undoReviewButton": "Alt+Backspace",
}


class Shortcuts:
    """Made inactive; `enter` and `exit` switch all of them.

    Args:
        ui: the panel's widgets.
        keys: name of a button -> key; the tooltip of the button names it.
    """

    def __init__(self, ui, keys: Mapping[str, str]) -> None:
        self._shortcuts = []
        for name, key in keys.items():
            button = getattr(ui, name)
            button.toolTip = f"{button.toolTip} [{key}]"
            shortcut = qt.QShortcut(slicer.util.mainWindow())
            shortcut.setKey(qt.QKeySequence(key))
            shortcut.connect("activated()", button.click)
            shortcut.enabled = False
            self._shortcuts.append(shortcut)

    def enter(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.enabled = True

    def exit(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.enabled = False

    def cleanup(self) -> None:
        """The window outlives the panel: leave no key behind."""
        self.exit()
        for shortcut in self._shortcuts:
            shortcut.disconnect("activated()")
            shortcut.setParent(None)
        self._shortcuts = []
