"""Inputs: node selectors that preselect sensibly and say what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from .message import Message

SELECTION_NODE = "vtkMRMLSelectionNodeSingleton"


class InputsSection:
    """Watches the selector of the input volume.

    Args:
        ui: the panel's widgets; uses inputSelector, sampleDataButton and the message "input".
        problem: answers what is wrong with the chosen node, "" if nothing.
        loadSample: makes the sample study and returns its volume node.
        onChanged: called when another node is chosen.
    """

    def __init__(self, ui, problem: Callable[[object], str], loadSample: Callable[[], object], onChanged: Callable[[], None]) -> None:
        self.ui = ui
        self._problem, self._loadSample, self._onChanged = problem, loadSample, onChanged
        self.message = Message(ui, "input")
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onNodeChanged)
        ui.sampleDataButton.connect("clicked(bool)", self._onSampleData)
        self.refresh()

    @property
    def problem(self) -> str:
        """Why the input cannot be segmented, in words; "" if it can."""
        return self._problem(self.ui.inputSelector.currentNode())

    def preselect(self) -> None:
        """Choose what the user most likely means: the volume in the slice views, else the only one in the scene."""
        if self.ui.inputSelector.currentNode():
            return
        selection = slicer.mrmlScene.GetNodeByID(SELECTION_NODE)
        active = slicer.mrmlScene.GetNodeByID(selection.GetActiveVolumeID() or "") if selection else None
        candidates = [active, *slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
        usable = [node for node in candidates if node and not node.GetHideFromEditors() and not self._problem(node)]
        if usable and (usable[0] is active or len(usable) == 1):
            self.ui.inputSelector.setCurrentNode(usable[0])

    def setEnabled(self, enabled: bool) -> None:
        self.ui.inputSelector.setEnabled(enabled)
        self.ui.sampleDataButton.setEnabled(enabled)

    def refresh(self) -> None:
        problem = self.problem
        if not problem:
            self.message.clear()
        elif self.ui.inputSelector.currentNode():
            self.message.warning(problem)
        else:
            self.message.hint(problem)

    def _onNodeChanged(self) -> None:
        self.refresh()
        self._onChanged()

    def _onSampleData(self) -> None:
        slicer.app.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
        try:
            node = self._loadSample()
        except Exception as error:
            logging.exception("The sample could not be made")
            self.message.error(_("The sample could not be made ({reason}). Choose a volume.").format(reason=error))
            return
        finally:
            slicer.app.restoreOverrideCursor()
        self.ui.inputSelector.setCurrentNode(node)
        slicer.util.setSliceViewerLayers(background=node, fit=True)
