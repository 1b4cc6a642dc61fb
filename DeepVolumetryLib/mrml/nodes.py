"""The nodes of one result: found again by what they are, not by their name, so that a re-run updates them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from ..modules import MODULES

_INPUT = "DeepVolumetryInput"
_MODULE = "DeepVolumetry.Module"
_ROLE = "DeepVolumetry.Role"


def node_name(input_node: Any, module: str, what: str = "") -> str:
    """“CT RenalParenchyma measurements”: the input, the module and what it is."""
    title = MODULES[module].title if module in MODULES else module
    return " ".join(filter(None, (input_node.GetName(), title, what)))


def find_node(input_node: Any, module: str, role: str) -> Any | None:
    """The node that plays a role ("segmentation", "uncertainty parenchyma", "measurements") in a result on an input."""
    for node in slicer.util.getNodesByClass("vtkMRMLNode"):
        same = node.GetAttribute(_MODULE) == module and node.GetAttribute(_ROLE) == role
        if same and node.GetNodeReferenceID(_INPUT) == input_node.GetID():
            return node
    return None


def find_or_add_node(class_name: str, input_node: Any, module: str, role: str, what: str = "") -> Any:
    """The node that plays the role; if there is none, a new one beside its input in the subject hierarchy."""
    node = find_node(input_node, module, role)
    if node is None:
        name = slicer.mrmlScene.GenerateUniqueName(node_name(input_node, module, what))
        node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
        node.SetAttribute(_MODULE, module)
        node.SetAttribute(_ROLE, role)
        node.SetNodeReferenceID(_INPUT, input_node.GetID())
        node.SetUndoEnabled(True)
    place_beside(node, input_node)
    return node


def input_of(node: Any) -> Any | None:
    """The volume that a node was made from; None if it was deleted."""
    return node.GetNodeReference(_INPUT)


def active_volume() -> Any | None:
    """The volume that was last chosen for the slice views."""
    selection = slicer.mrmlScene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    return slicer.mrmlScene.GetNodeByID(selection.GetActiveVolumeID() or "") if selection else None


def input_candidates(kinds: Collection[str] = ("vtkMRMLScalarVolumeNode",)) -> list[Any]:
    """Volumes of some classes that a user may mean as input: those that selectors list, results of a run left out."""
    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    plain = (node for node in volumes if node.GetClassName() in kinds)
    return [node for node in plain if not node.GetHideFromEditors() and not node.GetAttribute(_ROLE)]


def study_of(node: Any) -> int:
    """Subject hierarchy item that holds a node: its study, or the scene."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    return hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()


def place_beside(node: Any, input_node: Any) -> None:
    """Put a node into the study of its input and under the same transform."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    # In Slicer every node has its item already; without the window nobody makes them.
    source = hierarchy.GetItemByDataNode(input_node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), input_node)
    study = hierarchy.GetItemParent(source)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(study, node)
    if hierarchy.GetItemParent(item) != study:
        hierarchy.SetItemParent(item, study)
    if hasattr(node, "SetAndObserveTransformNodeID"):
        node.SetAndObserveTransformNodeID(input_node.GetTransformNodeID())


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Change the scene as one undoable step; if the block raises, nodes that it added are taken away again."""
    scene = slicer.mrmlScene
    scene.SaveStateForUndo()
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    try:
        yield
    except BaseException:
        added = [node for n in range(scene.GetNumberOfNodes()) if (node := scene.GetNthNode(n)).GetID() not in before]
        for node in added:
            scene.RemoveNode(node)
        raise
