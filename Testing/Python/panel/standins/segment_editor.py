"""qMRMLSegmentEditorWidget: looks like Slicer's and keeps its state in a real vtkMRMLSegmentEditorNode. It does not paint."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .node_combobox import qMRMLNodeComboBox, qMRMLWidget
from .observers import Observations
from .segment_table import qMRMLSegmentsTableView
from .signals import emit
from .strict import implements

# Slicer's effects in their order, with a glyph for the button; the ones written in Python have self().
EFFECTS = {
    "": "↖", "Threshold": "◐", "Paint": "✎", "Draw": "✐", "Erase": "⌫", "Level tracing": "◎", "Grow from seeds": "❀",
    "Fill between slices": "≣", "Margin": "⊞", "Hollow": "▣", "Smoothing": "≈", "Scissors": "✂", "Islands": "⁘",
    "Logical operators": "∩", "Mask volume": "▩",
}  # fmt: skip
WRITTEN_IN_CPP = ("Paint", "Erase", "Scissors")
NEEDS_NODE = "call setMRMLSegmentEditorNode first; without it Slicer's Segment Editor ignores this"


@implements
class qSlicerSegmentEditorAbstractEffect(QObject):
    """One effect; parameters are attributes of the segment editor node, as in Slicer."""

    def __init__(self, name: str, editor: qMRMLSegmentEditorWidget):
        super().__init__(editor)
        self._name, self._editor = name, editor

    def name(self) -> str:
        return self._name

    title = name

    def parameterSetNode(self):
        return self._editor.mrmlSegmentEditorNode()

    def active(self) -> bool:
        return self._editor.activeEffect() is self

    def parameter(self, name: str) -> str:
        node = self.parameterSetNode()
        return node.GetAttribute(f"{self._name}.{name}") or node.GetAttribute(name) or ""

    def integerParameter(self, name: str) -> int:
        return int(self.parameter(name))

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name))

    def parameterDefined(self, name: str) -> bool:
        return self.parameter(name) != ""

    def setParameter(self, name: str, value) -> None:
        self.parameterSetNode().SetAttribute(f"{self._name}.{name}", str(value))

    def setCommonParameter(self, name: str, value) -> None:
        self.parameterSetNode().SetAttribute(name, str(value))

    def setParameterDefault(self, name: str, value) -> None:
        if not self.parameterDefined(name):
            self.setParameter(name, value)


@implements
class qSlicerSegmentEditorScriptedEffect(qSlicerSegmentEditorAbstractEffect):
    pass


@implements
class qMRMLSegmentationShow3DButton(QPushButton):
    pass


def _tool_button(text: str, tip: str = "", checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setFixedSize(QSize(28, 28))
    return button


@implements
class qMRMLSegmentEditorWidget(qMRMLWidget):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._node = None
        self._segmentation_events = Observations(self, self.updateWidgetFromMRML)
        self._node_events = Observations(self, self.updateWidgetFromMRML)
        self._shown: tuple = (None, None, "")
        self._effects: dict[str, QObject] = {}
        self._history = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(self._selectors())
        layout.addLayout(self._buttons())
        middle = QHBoxLayout()
        middle.addLayout(self._effect_buttons())
        self._table = qMRMLSegmentsTableView()
        frame = QFrame()
        frame.setObjectName("SegmentsTableResizableFrame")
        frame_layout = QVBoxLayout(frame)
        frame_layout.setContentsMargins(0, 0, 0, 0)
        frame_layout.addWidget(self._table)
        frame.setMinimumHeight(180)
        middle.addWidget(frame, 1)
        layout.addLayout(middle)
        for name, title in (("OptionsGroupBox", "Effect options"), ("MaskingGroupBox", "Masking")):
            box = QGroupBox(title)
            box.setObjectName(name)
            box.hide()
            layout.addWidget(box)
        self._table._table.itemSelectionChanged.connect(self._segment_clicked)
        self.updateWidgetFromMRML()

    # --- construction
    def _selectors(self) -> QGridLayout:
        grid = QGridLayout()
        rows = (
            ("SegmentationNodeLabel", "Segmentation:", "SegmentationNodeComboBox", "vtkMRMLSegmentationNode"),
            ("SourceVolumeNodeLabel", "Source volume:", "SourceVolumeNodeComboBox", "vtkMRMLScalarVolumeNode"),
        )
        self._combos = {}
        for row, (label_name, text, name, node_type) in enumerate(rows):
            label, combo = QLabel(text), qMRMLNodeComboBox()
            label.setObjectName(label_name)
            combo.setObjectName(name)
            combo.setNodeTypes([node_type])
            combo.setNoneEnabled(True)
            grid.addWidget(label, row, 0)
            grid.addWidget(combo, row, 1)
            self._combos[name] = combo
        self._combos["SourceVolumeNodeComboBox"].setAddEnabled(False)
        geometry = _tool_button("⬚", "Specify geometry")
        geometry.setObjectName("SpecifyGeometryButton")
        grid.addWidget(geometry, 1, 2)
        for combo in self._combos.values():
            combo._combo.activated.connect(self._node_chosen)
        return grid

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        buttons = (
            (QPushButton("Add"), "AddSegmentButton"),
            (QPushButton("Remove"), "RemoveSegmentButton"),
            (qMRMLSegmentationShow3DButton("Show 3D"), "Show3DButton"),
            (_tool_button("➜"), "SwitchToSegmentationsButton"),
        )
        for button, name in buttons:
            button.setObjectName(name)
            row.addWidget(button, 1 if isinstance(button, QPushButton) else 0)
        buttons[0][0].clicked.connect(self._add_segment)
        buttons[1][0].clicked.connect(self._remove_segment)
        return row

    def _effect_buttons(self) -> QVBoxLayout:
        frames = QVBoxLayout()
        self._effect_buttons_group = QButtonGroup(self)
        effects, undo = QFrame(), QFrame()
        for frame, name in ((effects, "EffectsGroupBox"), (undo, "UndoRedoGroupBox")):
            frame.setObjectName(name)
            frame.setFrameShape(QFrame.Shape.StyledPanel)
            frames.addWidget(frame)
        grid = QGridLayout(effects)
        grid.setContentsMargins(4, 4, 4, 4)
        grid.setSpacing(4)
        for index, (name, glyph) in enumerate(EFFECTS.items()):
            button = _tool_button(glyph, name or "None", checkable=True)
            button.setObjectName(name)
            self._effect_buttons_group.addButton(button)
            button.clicked.connect(lambda _checked, effect=name: self.setActiveEffectByName(effect))
            grid.addWidget(button, index // 2, index % 2)
            if name:
                cls = qSlicerSegmentEditorAbstractEffect if name in WRITTEN_IN_CPP else qSlicerSegmentEditorScriptedEffect
                self._effects[name] = cls(name, self)
        row = QHBoxLayout(undo)
        row.setContentsMargins(4, 4, 4, 4)
        for glyph, tip in (("↶", "Undo"), ("↷", "Redo")):
            button = _tool_button(glyph, tip)
            button.setEnabled(False)
            row.addWidget(button)
        frames.addStretch(1)
        return frames

    # --- user
    def _node_chosen(self, _row: int) -> None:
        if self._node is not None:
            self.setSegmentationNode(self._combos["SegmentationNodeComboBox"].currentNode())
            self.setSourceVolumeNode(self._combos["SourceVolumeNodeComboBox"].currentNode())

    def _segment_clicked(self) -> None:
        selected = self._table.selectedSegmentIDs()
        if selected and self._node is not None:
            self.setCurrentSegmentID(selected[0])

    def _add_segment(self) -> None:
        self.setCurrentSegmentID(self.segmentationNode().GetSegmentation().AddEmptySegment())

    def _remove_segment(self) -> None:
        self.segmentationNode().GetSegmentation().RemoveSegment(self.currentSegmentID())

    # --- what Python sees
    def _scene_changed(self) -> None:
        for combo in self._combos.values():
            combo.setMRMLScene(self._scene)

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLSegmentEditorNode(self, node) -> None:
        self._node = node
        self._node_events.clear()
        if node is not None:
            self._node_events.observe(node, "ModifiedEvent")
        self.updateWidgetFromMRML()

    def _can_set(self, value) -> bool:
        """Without an editor node Slicer ignores everything; clearing is harmless, the rest is a mistake."""
        if self._node is None and value:
            raise RuntimeError(NEEDS_NODE)
        return self._node is not None

    def segmentationNode(self):
        return self._node.GetSegmentationNode() if self._node else None

    def segmentationNodeID(self) -> str:
        node = self.segmentationNode()
        return node.GetID() if node else ""

    def setSegmentationNode(self, node) -> None:
        if self._can_set(node) and node is not self.segmentationNode():
            self._node.SetAndObserveSegmentationNode(node)
            self.setActiveEffect(None)

    def setSegmentationNodeID(self, node_id: str) -> None:
        self.setSegmentationNode(self._scene.GetNodeByID(node_id))

    def sourceVolumeNode(self):
        return self._node.GetSourceVolumeNode() if self._node else None

    def sourceVolumeNodeID(self) -> str:
        node = self.sourceVolumeNode()
        return node.GetID() if node else ""

    def setSourceVolumeNode(self, node) -> None:
        if node is not None and self.segmentationNode() is None:
            raise RuntimeError("set the segmentation node before the source volume; Slicer ignores the volume otherwise")
        if self._can_set(node):
            self._node.SetAndObserveSourceVolumeNode(node)

    def setSourceVolumeNodeID(self, node_id: str) -> None:
        self.setSourceVolumeNode(self._scene.GetNodeByID(node_id))

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node else ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        if self._can_set(segment_id):
            self._node.SetSelectedSegmentID(segment_id)

    def effectCount(self) -> int:
        return len(self._effects)

    def availableEffectNames(self) -> list[str]:
        return list(self._effects)

    def effectByName(self, name: str):
        return self._effects.get(name)

    def activeEffect(self):
        return self._effects.get(self._node.GetActiveEffectName() or "") if self._node else None

    def setActiveEffect(self, effect) -> None:
        self.setActiveEffectByName(effect.name() if effect else "")

    def setActiveEffectByName(self, name: str) -> None:
        if name and name not in self._effects:
            raise ValueError(f"the Segment Editor has no effect '{name}'")
        if self._can_set(name):
            self._node.SetActiveEffectName(name)

    def updateWidgetFromMRML(self) -> None:
        segmentation, volume = self.segmentationNode(), self.sourceVolumeNode()
        old_segmentation, old_volume, old_segment = self._shown
        segment_ids = list(segmentation.GetSegmentation().GetSegmentIDs()) if segmentation else []
        if self._node is not None and segment_ids and self.currentSegmentID() not in segment_ids:
            self._node.SetSelectedSegmentID(segment_ids[0])  # comes back here through the node's event
            return
        self._shown = (segmentation, volume, self.currentSegmentID())
        self._combos["SegmentationNodeComboBox"].setCurrentNode(segmentation)
        self._combos["SourceVolumeNodeComboBox"].setCurrentNode(volume)
        if segmentation is not old_segmentation:
            self._table.setSegmentationNode(segmentation)
            self._segmentation_events.clear()
            if segmentation is not None:
                self._segmentation_events.observe(segmentation, "ModifiedEvent", segmentation.GetSegmentation().SegmentRemoved)
            emit(self, "segmentationNodeChanged(vtkMRMLSegmentationNode*)", segmentation)
        if volume is not old_volume:
            emit(self, "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)", volume)
        if self.currentSegmentID() != old_segment:
            self._table.setSelectedSegmentIDs([self.currentSegmentID()])
            emit(self, "currentSegmentIDChanged(QString)", self.currentSegmentID())
        ready = segmentation is not None and volume is not None and bool(segment_ids)
        active = self._node.GetActiveEffectName() or "" if self._node else ""
        for button in self._effect_buttons_group.buttons():
            button.setEnabled(ready)
            button.setChecked(button.objectName() == active)
        self.findChild(QPushButton, "AddSegmentButton").setEnabled(segmentation is not None and volume is not None)
        self.findChild(QPushButton, "RemoveSegmentButton").setEnabled(bool(segment_ids))

    def _show(self, names: tuple[str, ...], visible: bool) -> None:
        for name in names:
            self.findChild(QWidget, name).setVisible(visible)

    def setSegmentationNodeSelectorVisible(self, visible: bool) -> None:
        self._show(("SegmentationNodeLabel", "SegmentationNodeComboBox"), visible)

    def segmentationNodeSelectorVisible(self) -> bool:
        return not self._combos["SegmentationNodeComboBox"].isHidden()

    def setSourceVolumeNodeSelectorVisible(self, visible: bool) -> None:
        self._show(("SourceVolumeNodeLabel", "SourceVolumeNodeComboBox", "SpecifyGeometryButton"), visible)

    def sourceVolumeNodeSelectorVisible(self) -> bool:
        return not self._combos["SourceVolumeNodeComboBox"].isHidden()

    def setSwitchToSegmentationsButtonVisible(self, visible: bool) -> None:
        self._show(("SwitchToSegmentationsButton",), visible)

    def setAddRemoveSegmentButtonsVisible(self, visible: bool) -> None:
        self._show(("AddSegmentButton", "RemoveSegmentButton"), visible)

    def setShow3DButtonVisible(self, visible: bool) -> None:
        self._show(("Show3DButton",), visible)

    def setSpecifyGeometryButtonVisible(self, visible: bool) -> None:
        self._show(("SpecifyGeometryButton",), visible)

    def _ignored(self, *_arguments) -> None:
        """Needs views; a panel only has to be able to call it."""

    installKeyboardShortcuts = uninstallKeyboardShortcuts = setupViewObservations = removeViewObservations = _ignored
    updateEffectList = _ignored

    # --- undo, with the history that Slicer's widget has
    def _history_of(self, segmentation):
        import slicer

        if self._history is None:
            self._history = slicer.vtkSegmentationHistory()
            self._history.SetMaximumNumberOfStates(10)
        wanted = segmentation.GetSegmentation() if segmentation else None
        if self._history.GetSegmentation() is not wanted:
            self._history.SetSegmentation(wanted)
        return self._history

    def saveStateForUndo(self) -> None:
        if self.segmentationNode() is not None:
            self._history_of(self.segmentationNode()).SaveState()

    def undo(self) -> None:
        if self.segmentationNode() is not None:
            self._history_of(self.segmentationNode()).RestorePreviousState()

    def redo(self) -> None:
        if self.segmentationNode() is not None:
            self._history_of(self.segmentationNode()).RestoreNextState()

    def setEffectNameOrder(self, names) -> None:
        self.setProperty("_effect_order", list(names))

    def effectNameOrder(self) -> list[str]:
        return self.property("_effect_order") or []
