"""Segment: one button that becomes Cancel, progress with phase and time left, and the log."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from .message import Message

POLL_INTERVAL_MS = 100
STEPS = 1000


def timeLeft(seconds: float | None) -> str:
    """ "about 40 s left"; "" if unknown."""
    if seconds is None or seconds < 0:
        return ""
    if seconds < 90:
        return _("about {seconds} s left").format(seconds=max(1, round(seconds)))
    return _("about {minutes} min left").format(minutes=round(seconds / 60))


class RunSection:
    """The button, the bar and the timer that polls while a run is under way.

    Args:
        ui: the panel's widgets.
        onSegment, onCancel: what the button does.
        onPoll: called ten times a second while running.
    """

    def __init__(self, ui, onSegment: Callable[[], None], onCancel: Callable[[], None], onPoll: Callable[[], None]) -> None:
        self.ui = ui
        self._onSegment, self._onCancel = onSegment, onCancel
        self.message = Message(ui, "run")
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_INTERVAL_MS)
        self.timer.connect("timeout()", onPoll)
        ui.runButton.connect("clicked(bool)", self._onClicked)
        self.isRunning = False
        self.stop()

    def start(self) -> None:
        """Show that a run has begun."""
        self.isRunning = True
        self.message.clear()
        self.ui.logText.clear()
        self.ui.runButton.text = _("Cancel")
        self.ui.progressBar.setRange(0, 0)
        self.ui.phaseLabel.text = _("Starting")
        self._showProgress(True)
        self.timer.start()

    def stop(self) -> None:
        """Show that nothing runs."""
        self.timer.stop()
        self.isRunning = False
        self.ui.runButton.text = _("Segment")
        self._showProgress(False)

    def showProgress(self, phase: str, fraction: float, remaining: float | None) -> None:
        """Phase, how much of the whole is done (0-1) and seconds left (None if unknown)."""
        self.ui.progressBar.setRange(0, STEPS)
        self.ui.progressBar.setValue(round(fraction * STEPS))
        self.ui.phaseLabel.text = " · ".join(text for text in (phase, timeLeft(remaining)) if text)

    def log(self, text: str) -> None:
        self.ui.logText.appendPlainText(text.rstrip())

    def setReady(self, problem: str) -> None:
        """The button works if nothing is missing; else its tooltip says what is."""
        self.ui.runButton.setEnabled(self.isRunning or not problem)
        self.ui.runButton.toolTip = problem or _("Segment the volume and measure it. The window stays usable; press again to cancel.")

    def _onClicked(self) -> None:
        if self.isRunning:
            self._onCancel()
        else:
            self._onSegment()

    def _showProgress(self, visible: bool) -> None:
        self.ui.progressBar.setVisible(visible)
        self.ui.phaseLabel.setVisible(visible)
