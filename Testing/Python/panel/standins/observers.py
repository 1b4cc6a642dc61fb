"""VTK observations that end with the Qt widget that made them."""

from __future__ import annotations

import weakref

import shiboken6
import vtk
from PySide6.QtCore import QObject

SCENE_EVENTS = ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent", "EndImportEvent", "EndBatchProcessEvent")


class Observations:
    """Calls a method of a Qt object on events of VTK objects, never after the Qt object has gone."""

    def __init__(self, owner: QObject, method):
        self._owner, self._method = weakref.ref(owner), weakref.WeakMethod(method)
        self._tags: list[tuple[vtk.vtkObject, int]] = []

    def observe(self, vtk_object, *events) -> None:
        for event in events:
            self._tags.append((vtk_object, vtk_object.AddObserver(event, self._call)))

    def clear(self) -> None:
        for vtk_object, tag in self._tags:
            vtk_object.RemoveObserver(tag)
        self._tags = []

    def _call(self, *_caller_and_event) -> None:
        owner, method = self._owner(), self._method()
        if owner is None or method is None or not shiboken6.isValid(owner):
            self.clear()
            return
        method()


class SceneObserver:
    """Follows the nodes of a scene and their names."""

    def __init__(self, owner: QObject, method):
        self._scene_events, self._node_events = Observations(owner, method), Observations(owner, method)
        self._nodes: list = []

    def observe(self, scene) -> None:
        self._scene_events.clear()
        if scene is not None:
            self._scene_events.observe(scene, *(getattr(scene, name) for name in SCENE_EVENTS))

    def observe_nodes(self, nodes: list) -> None:
        if nodes != self._nodes:
            self._node_events.clear()
            self._nodes = list(nodes)
            for node in nodes:
                self._node_events.observe(node, vtk.vtkCommand.ModifiedEvent)
