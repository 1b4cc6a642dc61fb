"""qMRMLWidget and qMRMLNodeComboBox on the real scene."""

from __future__ import annotations

import vtk
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from .observers import SceneObserver
from .signals import emit
from .strict import implements, wrap


class _HasScene:
    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self._scene_changed()
        emit(self, "mrmlSceneChanged(vtkMRMLScene*)", scene)

    def _scene_changed(self) -> None:
        """For derived classes."""


@implements
class qMRMLWidget(_HasScene, QWidget):
    pass


@implements
class qSlicerWidget(_HasScene, QWidget):
    pass


def _setting(name: str, then: str = "_rebuild"):
    """Getter and setter of a value that only changes what is listed."""

    def getter(self):
        return self._settings[name]

    def setter(self, value):
        self._settings[name] = value
        getattr(self, then)()

    return getter, setter


@implements
class qMRMLNodeComboBox(_HasScene, QWidget):
    """Lists the scene's nodes of some types; follows additions, removals and renames.

    Without noneEnabled the first node is selected as soon as there is one, as Slicer does.
    """

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._settings = {
            "nodeTypes": (), "noneEnabled": False, "showHidden": False, "showChildNodeTypes": True, "hideChildNodeTypes": (),
            "addEnabled": True, "removeEnabled": True, "editEnabled": False, "renameEnabled": False, "noneDisplay": "None",
            "selectNodeUponCreation": True, "baseName": "",
        }  # fmt: skip
        self._attributes: dict[str, tuple[str, str | None]] = {}
        self._type_labels: dict[str, str] = {}
        self._nodes: list = []
        self._current_id = ""
        self._menu_actions: list = []
        self._observer = SceneObserver(self, self._rebuild)
        self._combo = QComboBox()
        self._combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._combo.setMinimumContentsLength(8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._combo.activated.connect(self._activated)
        self._fill()

    nodeTypes, _set_node_types = _setting("nodeTypes")
    noneEnabled, setNoneEnabled = _setting("noneEnabled")
    showHidden, setShowHidden = _setting("showHidden")
    showChildNodeTypes, setShowChildNodeTypes = _setting("showChildNodeTypes")
    hideChildNodeTypes, setHideChildNodeTypes = _setting("hideChildNodeTypes")
    addEnabled, setAddEnabled = _setting("addEnabled", "_fill")
    removeEnabled, setRemoveEnabled = _setting("removeEnabled", "_fill")
    editEnabled, setEditEnabled = _setting("editEnabled", "_fill")
    renameEnabled, setRenameEnabled = _setting("renameEnabled", "_fill")
    noneDisplay, setNoneDisplay = _setting("noneDisplay", "_fill")
    selectNodeUponCreation, setSelectNodeUponCreation = _setting("selectNodeUponCreation", "_fill")
    baseName, setBaseName = _setting("baseName", "_fill")

    def setNodeTypes(self, types) -> None:
        self._set_node_types(tuple(types))

    def addAttribute(self, node_type: str, name: str, value=None) -> None:
        """One attribute per type; a type that is not listed is ignored, as in Slicer."""
        if node_type in self._settings["nodeTypes"]:
            self._attributes[node_type] = (name, None if value is None else str(value))
            self._rebuild()

    def removeAttribute(self, node_type: str, name: str) -> None:
        if self._attributes.get(node_type, ("",))[0] == name:
            del self._attributes[node_type]
            self._rebuild()

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        self._type_labels[node_type] = label
        self._fill()

    def nodeTypeLabel(self, node_type: str) -> str:
        if node_type in self._type_labels or self._scene is None:
            return self._type_labels.get(node_type, "")
        return self._scene.GetTypeDisplayNameByClassName(node_type)

    def addMenuAction(self, action) -> None:
        self._menu_actions.append(action)
        self._fill()

    def sizeAdjustPolicy(self):
        return self._combo.sizeAdjustPolicy()

    def setSizeAdjustPolicy(self, policy) -> None:
        self._combo.setSizeAdjustPolicy(policy)

    # --- nodes
    def _scene_changed(self) -> None:
        self._observer.observe(self._scene)
        self._rebuild()

    def _fitting_types(self, node) -> list[str]:
        """Which of the listed types the node is; [""] if every type is listed."""
        settings, types = self._settings, self._settings["nodeTypes"]
        if node.GetHideFromEditors() and not settings["showHidden"]:
            return []
        if not types:
            return [""]
        children = settings["showChildNodeTypes"]
        if children and any(node.IsA(t) for t in settings["hideChildNodeTypes"]):
            return []
        return [t for t in types if node.IsA(t) and (children or node.GetClassName() == t)]

    def _has_attribute(self, node, node_type: str) -> bool:
        """A node without the attribute is never listed, whatever the wanted value."""
        if node_type not in self._attributes:
            return True
        name, wanted = self._attributes[node_type]
        found = node.GetAttribute(name)
        return found is not None and wanted in (None, found)

    def _rebuild(self) -> None:
        position = self._index_of(self._current_id)
        scene = self._scene
        every = [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())] if scene else []
        fitting = [(node, types) for node in every if (types := self._fitting_types(node))]
        self._observer.observe_nodes([node for node, _ in fitting])  # an attribute set later may make a node selectable
        self._nodes = [node for node, types in fitting if any(self._has_attribute(node, t) for t in types)]
        if self._index_of(self._current_id) < 0:
            if self._current_id and position >= 0 and self._nodes:  # what QComboBox does when its current row goes
                row = min(position + self._settings["noneEnabled"], len(self._nodes) - 1 + self._settings["noneEnabled"])
                row -= self._settings["noneEnabled"]
                self._select(self._nodes[row].GetID() if row >= 0 else "")
            elif not self._settings["noneEnabled"] and self._nodes:
                self._select(self._nodes[0].GetID())
            else:
                self._select("")
        self._fill()

    def _index_of(self, node_id: str) -> int:
        return next((i for i, node in enumerate(self._nodes) if node.GetID() == node_id), -1) if node_id else -1

    def _select(self, node_id: str | None) -> None:
        node_id = node_id if self._index_of(node_id or "") >= 0 else ""
        if node_id == self._current_id:
            return
        self._current_id = node_id
        self._fill()
        node = self.currentNode()
        emit(self, "currentNodeChanged(vtkMRMLNode*)", node)
        emit(self, "currentNodeChanged(bool)", node is not None)
        emit(self, "currentNodeIDChanged(QString)", node_id)

    def _type_name(self) -> str:
        types = self._settings["nodeTypes"]
        return (self.nodeTypeLabel(types[0]) if types else "") or "node"

    def _fill(self) -> None:
        """Show the nodes, then the actions, in the combo box."""
        combo, settings = self._combo, self._settings
        combo.blockSignals(True)
        combo.clear()
        if settings["noneEnabled"]:
            combo.addItem(settings["noneDisplay"], ("node", ""))
        for node in self._nodes:
            combo.addItem(node.GetName() or "", ("node", node.GetID()))
        has_node = bool(self._current_id)
        actions = [
            (settings["addEnabled"], f"Create new {self._type_name()}", "add"),
            (settings["renameEnabled"] and has_node, f"Rename current {self._type_name()}", "rename"),
            (settings["removeEnabled"] and has_node, f"Delete current {self._type_name()}", "remove"),
        ]
        if any(enabled for enabled, _, _ in actions) or self._menu_actions:
            combo.insertSeparator(combo.count())
        for enabled, text, action in actions:
            if enabled:
                combo.addItem(text, ("action", action))
        for index, action in enumerate(self._menu_actions):
            combo.addItem(action.text(), ("menu", index))
        row = self._index_of(self._current_id)
        combo.setCurrentIndex(row + bool(settings["noneEnabled"]) if row >= 0 or settings["noneEnabled"] else -1)
        combo.setPlaceholderText(f"Select a {self._type_name()}")
        combo.blockSignals(False)

    def _activated(self, row: int) -> None:
        kind, value = self._combo.itemData(row)
        if kind == "node":
            self._select(value)
            emit(self, "nodeActivated(vtkMRMLNode*)", self.currentNode())
            return
        self._fill()
        if kind == "menu":
            self._menu_actions[value].trigger()
        elif value == "add":
            emit(self, "nodeAddedByUser(vtkMRMLNode*)", self.addNode())
        elif value == "remove":
            self.removeCurrentNode()
        else:
            self.renameCurrentNode()

    # --- what Python sees
    def currentNode(self):
        row = self._index_of(self._current_id)
        return self._nodes[row] if row >= 0 else None

    def setCurrentNode(self, node) -> None:
        self._select(node if node is None or isinstance(node, str) else node.GetID())

    def currentNodeID(self) -> str:
        return self._current_id

    currentNodeId = currentNodeID

    def setCurrentNodeID(self, node_id: str) -> None:
        self._select(node_id)

    setCurrentNodeId = setCurrentNodeID

    def setCurrentNodeIndex(self, index: int) -> None:
        self._select(self._nodes[index].GetID() if 0 <= index < len(self._nodes) else "")

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int):
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addNode(self, node_type: str | None = None):
        node_type = node_type or self._settings["nodeTypes"][0]
        node = self._scene.CreateNodeByClass(node_type)
        node.UnRegister(None)
        node.SetName(self._scene.GenerateUniqueName(self._settings["baseName"] or self.nodeTypeLabel(node_type) or node_type))
        if node_type in self._attributes:
            name, value = self._attributes[node_type]
            node.SetAttribute(name, value or "")
        node = self._scene.AddNode(node)
        if self._settings["selectNodeUponCreation"]:
            self._select(node.GetID())
        emit(self, "nodeAdded(vtkMRMLNode*)", node)
        return node

    def removeCurrentNode(self) -> None:
        node = self.currentNode()
        if node is not None:
            emit(self, "nodeAboutToBeRemoved(vtkMRMLNode*)", node)
            self._scene.RemoveNode(node)

    def editCurrentNode(self) -> None:
        emit(self, "nodeAboutToBeEdited(vtkMRMLNode*)", self.currentNode())

    def renameCurrentNode(self) -> None:
        from .dialogs import script

        node = self.currentNode()
        name = script.ask("qMRMLNodeComboBox.renameCurrentNode", "Rename", node.GetName(), wrap(self))
        if name:
            node.SetName(name)
            emit(self, "currentNodeRenamed(QString)", name)


@implements
class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._settings.update(nodeTypes=("vtkMRMLColorNode",), addEnabled=False, removeEnabled=False, showHidden=True)


@implements
class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """Node selector with a check mark per node."""

    def __init__(self, *arguments):
        self._checked: set[str] = set()
        super().__init__(*arguments)

    def check(self, node) -> None:
        self._checked.add(node.GetID())
        emit(self, "checkedNodesChanged()")

    def uncheck(self, node) -> None:
        self._checked.discard(node.GetID())
        emit(self, "checkedNodesChanged()")

    def checkedNodes(self) -> list[vtk.vtkObject]:
        return [node for node in self._nodes if node.GetID() in self._checked]

    def uncheckedNodes(self) -> list[vtk.vtkObject]:
        return [node for node in self._nodes if node.GetID() not in self._checked]
