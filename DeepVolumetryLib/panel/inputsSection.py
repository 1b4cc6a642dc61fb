"""Inputs: node selectors that preselect sensibly and say what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from .message import Message

if TYPE_CHECKING:
    from .segmentationLogic import SegmentationLogic


class InputsSection:
    """Watches the selectors of the input volumes.

    Args:
        ui: the panel's widgets; uses sampleDataButton, guessButton if there is one, and <prefix>Selector with the message
            <prefix> for each input.
        logic: tells what is wrong with a choice, what is worth knowing about it and what the user most likely means.
        prefixes: name of the input -> what the names of its widgets begin with ({"volume": "input"}).
        onChanged: called when another node is chosen.
    """

    def __init__(self, ui, logic: SegmentationLogic, prefixes: Mapping[str, str], onChanged: Callable[[], None]) -> None:
        self.ui = ui
        self._logic, self._loadSamples, self._onChanged = logic, logic.makeSamples, onChanged
        self.selectors = {name: getattr(ui, f"{prefix}Selector") for name, prefix in prefixes.items()}
        self.messages = {name: Message(ui, prefix) for name, prefix in prefixes.items()}
        self._reasons: dict[str, tuple[object, str]] = {}
        for selector in self.selectors.values():
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self._onNodeChanged)
        ui.sampleDataButton.connect("clicked(bool)", self._onSampleData)
        if hasattr(ui, "guessButton"):
            ui.guessButton.connect("clicked(bool)", self._onGuess)
        self.refresh()

    @property
    def nodes(self) -> dict:
        """Name of the input -> chosen node, None where none is."""
        return {name: selector.currentNode() for name, selector in self.selectors.items()}

    @property
    def message(self) -> Message:
        """The message of the first input, where what concerns all of them is said too."""
        return next(iter(self.messages.values()))

    @property
    def problem(self) -> str:
        """Why the inputs cannot be segmented, in words; "" if they can."""
        return next(iter(self._logic.inputProblems(self.nodes).values()), "")

    def preselect(self) -> None:
        """Choose what the user most likely means, unless something is chosen already."""
        if not any(self.nodes.values()):
            self._choose(self._logic.guessInputs())

    def setEnabled(self, enabled: bool) -> None:
        for selector in self.selectors.values():
            selector.setEnabled(enabled)
        self.ui.sampleDataButton.setEnabled(enabled)
        if hasattr(self.ui, "guessButton"):
            self.ui.guessButton.setEnabled(enabled)

    def refresh(self) -> None:
        """Say under each selector what is wrong, else what is worth knowing."""
        nodes = self.nodes
        problems, notes = self._logic.inputProblems(nodes), self._logic.inputNotes(nodes)
        for name, message in self.messages.items():
            guessed, why = self._reasons.get(name, (None, ""))
            if name in problems and nodes[name]:
                message.warning(problems[name])
            elif text := problems.get(name) or notes.get(name) or (why if guessed is not None and guessed is nodes[name] else ""):
                message.hint(text)
            else:
                message.clear()

    def _choose(self, guesses: Mapping[str, tuple[object, str]]) -> None:
        self._reasons = dict(guesses)
        for name, (node, _why) in guesses.items():
            self.selectors[name].setCurrentNode(node)
        self.refresh()

    def _onNodeChanged(self) -> None:
        self.refresh()
        self._onChanged()

    def _onGuess(self) -> None:
        guesses = self._logic.guessInputs()
        if not guesses:
            self.message.warning(_("No volume of the scene could be told by its name or its DICOM header. Choose the volumes yourself."))
            return
        for name in self.selectors.keys() - guesses.keys():
            self.selectors[name].setCurrentNode(None)
        self._choose(guesses)

    def _onSampleData(self) -> None:
        slicer.app.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
        try:
            nodes = self._loadSamples()
        except Exception as error:
            logging.exception("The sample could not be made")
            self.message.error(_("The sample could not be made ({reason}). Choose a volume.").format(reason=error))
            return
        finally:
            slicer.app.restoreOverrideCursor()
        for name, node in nodes.items():
            self.selectors[name].setCurrentNode(node)
        slicer.util.setSliceViewerLayers(background=next(iter(nodes.values())), fit=True)
