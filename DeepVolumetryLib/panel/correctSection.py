"""Correct: Slicer's own Segment Editor on the result, and a cut-off slider for the place under review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .message import Message

if TYPE_CHECKING:
    from ..result import SegmentSpec

DEBOUNCE_MS = 30
# Undo and redo of the Segment Editor tell only that segments were modified.
EDITS = ("SourceRepresentationModified", "SegmentModified", "SegmentAdded", "SegmentRemoved")


class CorrectSection(VTKObservationMixin):
    """Embeds the Segment Editor and tells when the segmentation was edited.

    Args:
        ui: the panel's widgets.
        onEdited: called once things have been still for 30 ms after an edit, so that a brush stroke is measured as one.
        onCutOff: called with the probability that the user wants as cut-off in the current region.
        onAdd: called with the key of a missing structure that the user wants to draw.
        onArea: called with True to begin an area for the slider, which returns its segment ID, and with False to end it.
    """

    def __init__(
        self,
        ui,
        onEdited: Callable[[], None],
        onCutOff: Callable[[float], None],
        onAdd: Callable[[str], None],
        onArea: Callable[[bool], str],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self._onEdited, self._onCutOff, self._onAdd, self._onArea = onEdited, onCutOff, onAdd, onArea
        self._editorNode = None
        self._ignoring = False
        self.message = Message(ui, "correct")
        self.timer = qt.QTimer()
        self.timer.setSingleShot(True)
        self.timer.setInterval(DEBOUNCE_MS)
        self.timer.connect("timeout()", self._onEdited)
        ui.regionThresholdSlider.connect("valueChanged(double)", self._onSlider)
        ui.areaButton.connect("toggled(bool)", self._onAreaToggled)
        ui.addSegmentButton.connect("clicked(bool)", self._onAddClicked)
        self.show(None, None)

    def show(self, segmentationNode, volumeNode, others: Sequence = ()) -> None:
        """The segmentation to edit over the volume, or None before there is a result.

        Args:
            others: all segmentations of the result, where there are several; `edit` changes over to another one.
        """
        self.removeObservers()
        self.timer.stop()
        editor = self.ui.segmentEditorWidget
        if segmentationNode:
            self.edit(segmentationNode, volumeNode)
            for node in others or (segmentationNode,):
                for name in EDITS:
                    self.addObserver(node, getattr(slicer.vtkSegmentation, name), self._onSegmentationModified)
            self.message.hint(_("Correct with the tools below; the measurements follow every edit."))
        else:
            editor.setActiveEffectByName("")
            editor.setSegmentationNode(None)
            self.message.hint(_("The editing tools work once there is a segmentation."))
        editor.setEnabled(segmentationNode is not None)
        self._ignoring = True
        self.ui.areaButton.checked = False
        self._ignoring = False
        self.ui.areaButton.setEnabled(segmentationNode is not None)
        self.showRegion("")
        self.showMissing(())

    def edit(self, segmentationNode, volumeNode) -> None:
        """Change over to another segmentation of the result; nothing happens before there is one."""
        editor = self.ui.segmentEditorWidget
        if segmentationNode is None:
            return
        self._ensureEditorNode()
        if editor.segmentationNode() is not segmentationNode:
            editor.setSegmentationNode(segmentationNode)
        if editor.sourceVolumeNode() is not volumeNode:
            editor.setSourceVolumeNode(volumeNode)

    def showRegion(self, target: str) -> None:
        """Aim the slider at the region under review; "" if there is none."""
        slider = self.ui.regionThresholdSlider
        self._ignoring = True
        slider.value = 0.5
        self._ignoring = False
        for widget in (slider, self.ui.regionThresholdLabel):
            widget.setEnabled(bool(target) or self.ui.areaButton.checked)

    def showMissing(self, specs: Sequence[SegmentSpec]) -> None:
        """Structures that can be added; the row vanishes when there is none."""
        combo = self.ui.addSegmentComboBox
        if [combo.itemData(index) for index in range(combo.count)] != [spec.key for spec in specs]:
            combo.clear()
            for spec in specs:
                combo.addItem(spec.name, spec.key)
        for widget in (self.ui.addSegmentLabel, combo, self.ui.addSegmentButton):
            widget.setVisible(bool(specs))

    def enter(self) -> None:
        """The module is shown: take part in the views."""
        if self.ui.segmentEditorWidget.segmentationNode():
            self.ui.segmentEditorWidget.installKeyboardShortcuts()

    def exit(self) -> None:
        """The module is left: give mouse and keyboard back."""
        self.ui.segmentEditorWidget.setActiveEffectByName("")
        self.ui.segmentEditorWidget.uninstallKeyboardShortcuts()

    def cleanup(self) -> None:
        self.show(None, None)
        self.removeEditorNode()

    def removeEditorNode(self) -> None:
        """Take the editor's own node out of the scene."""
        self.ui.segmentEditorWidget.setMRMLSegmentEditorNode(None)
        if self._editorNode and self._editorNode.GetScene():
            self._editorNode.GetScene().RemoveNode(self._editorNode)
        self._editorNode = None

    def _ensureEditorNode(self) -> None:
        """An own editor node, so that the Segment Editor module keeps what it had selected."""
        if self._editorNode and self._editorNode.GetScene():
            return
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag("DeepVolumetry")
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        self._editorNode = slicer.mrmlScene.AddNode(node)
        self._editorNode.SetOverwriteMode(self._editorNode.OverwriteNone)
        self.ui.segmentEditorWidget.setMRMLSegmentEditorNode(self._editorNode)

    def _onSegmentationModified(self, caller, event) -> None:
        if not self._ignoring:
            self.timer.start()

    def _onAddClicked(self) -> None:
        key = self.ui.addSegmentComboBox.itemData(self.ui.addSegmentComboBox.currentIndex)
        self._onAdd(key)
        self.ui.segmentEditorWidget.setCurrentSegmentID(key)

    def _onAreaToggled(self, isOn: bool) -> None:
        if self._ignoring:
            return
        segment = self._onArea(isOn)
        if isOn:
            self.ui.segmentEditorWidget.setCurrentSegmentID(segment)
        self.ui.segmentEditorWidget.setActiveEffectByName("Paint" if isOn else "")
        self.ui.regionThresholdSlider.setEnabled(isOn)
        self.ui.regionThresholdLabel.setEnabled(isOn)

    def _onSlider(self, value: float) -> None:
        if not self._ignoring:
            self._onCutOff(value)
