"""Somebody who reads what is written on a panel."""

from __future__ import annotations

_BUTTONS = ("QPushButton", "QToolButton", "QCheckBox")


class Reader:
    """Somebody who finds things in a panel by what is written on them.

    Args:
        panel: a PanelDriver.
    """

    def __init__(self, panel) -> None:
        self._panel, self._ui = panel, panel.ui

    def widgets(self, *kinds: str):
        """(name, widget) of the panel, of some classes."""
        for name, widget in vars(self._ui).items():
            if widget.className() in kinds:
                yield name, widget

    def texts(self) -> set[str]:
        """Everything that is written on the panel: on buttons, labels, boxes that fold, and in lists to choose from."""
        found = set()
        for _, widget in self.widgets(*_BUTTONS, "QLabel", "ctkCollapsibleButton"):
            found.add(widget.text.rstrip(":"))
        for _, combo in self.widgets("QComboBox", "ctkComboBox"):
            found |= {combo.itemText(index) for index in range(combo.count)}
        return found

    def find(self, text: str):
        """The button or check box with a text that can be pressed now; what is folded is unfolded."""
        found = [widget for _, widget in self.widgets(*_BUTTONS) if widget.text.rstrip(":") == text]
        assert found, f"nothing says “{text}”"
        for widget in found:
            self._unfold(widget)
        usable = [widget for widget in found if widget.visible and widget.enabled]
        assert usable, f"“{text}” cannot be pressed"
        return usable[0]

    def press(self, text: str) -> None:
        """Click."""
        self.find(text).click()
        self._panel.wait()

    def beside(self, label: str):
        """What stands beside a label: its buddy."""
        found = [widget for _, widget in self.widgets("QLabel") if widget.text.rstrip(":") == label and widget.buddy() is not None]
        assert found, f"nothing is beside “{label}”"
        name = found[0].buddy().objectName
        widget = getattr(self._ui, name)
        self._unfold(widget)
        return widget

    def choose(self, label: str, item: str) -> None:
        """Choose from the list beside a label."""
        combo = self.beside(label)
        texts = [combo.itemText(index) for index in range(combo.count)]
        assert item in texts, f"“{label}” offers {texts}, not “{item}”"
        combo.setCurrentIndex(texts.index(item))
        self._panel.wait()

    def enter(self, label: str, value: float) -> None:
        """A number beside a label."""
        self.beside(label).value = value
        self._panel.wait()

    def _unfold(self, widget) -> None:
        while (widget := widget.parentWidget()) is not None:
            if widget.className() == "ctkCollapsibleButton":
                widget.collapsed = False
        self._panel.wait()
