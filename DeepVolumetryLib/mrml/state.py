"""The state of a review in the scene: a hidden text node beside the input, saved with it, from which a result comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from .nodes import find_or_add_node, input_of

ROLE = "state"
_CHANGES = "DeepVolumetry.Changes"
_SOURCE = "DeepVolumetry.Source."


def save_state(input_node: Any, module: str, text: str, sources: Mapping[str, Any]) -> Any:
    """Write the part that stays, and what the result was made from (name of the input -> volume node); returns the node."""
    node = find_or_add_node("vtkMRMLTextNode", input_node, module, ROLE, ROLE)
    node.SetHideFromEditors(True)
    node.SetText(text)
    for name, source in sources.items():
        node.SetNodeReferenceID(_SOURCE + name, source.GetID())
    return node


def save_changes(node: Any, text: str) -> None:
    """Write the part that edits and reviews change."""
    node.SetAttribute(_CHANGES, text)


def saved_states(module: str) -> list[tuple[Any, str, str]]:
    """Every state of a module in the scene whose input is there, the last one first: the node and its two texts."""
    found = []
    for node in slicer.util.getNodesByClass("vtkMRMLTextNode"):
        mine = node.GetAttribute("DeepVolumetry.Module") == module and node.GetAttribute("DeepVolumetry.Role") == ROLE
        if mine and node.GetText() and node.GetAttribute(_CHANGES) and input_of(node) is not None:
            found.append((node, node.GetText(), node.GetAttribute(_CHANGES)))
    return found[::-1]


def sources_of(node: Any) -> dict[str, Any]:
    """Name of the input -> volume node, of those that are still there."""
    roles = [node.GetNthNodeReferenceRole(n) for n in range(node.GetNumberOfNodeReferenceRoles())]
    names = [role.removeprefix(_SOURCE) for role in roles if role.startswith(_SOURCE)]
    return {name: source for name in names if (source := node.GetNodeReference(_SOURCE + name)) is not None}


def voxels_of(node: Any) -> NDArray[np.float32]:
    """The numbers of a map in the scene, (K, J, I)."""
    return slicer.util.arrayFromVolume(node).astype(np.float32)
