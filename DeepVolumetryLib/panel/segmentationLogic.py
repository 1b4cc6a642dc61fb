"""SegmentationLogic: node -> Image -> worker -> scene, as the four modules share it. No Qt: scripts and tests use it too."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from ..errors import DeepVolumetryError, InputError

if TYPE_CHECKING:
    from ..engine.events import ErrorEvent, Event
    from ..modules import ModuleEntry
    from ..result import Result

POLL_INTERVAL_S = 0.02


class SegmentationLogic(ScriptedLoadableModuleLogic):
    """Runs one module's pipeline on nodes of the scene and keeps its result up to date with edits and reviews.

    Attributes:
        module: key of the module ("renal"), set by the class that derives.
        result: the last result with everything that was corrected since; None if there is none.
        nodes: what `result` is in the scene.
    """

    module: str | ModuleEntry = ""

    def __init__(self) -> None:
        super().__init__()
        self.result: Result | None = None
        self.nodes = None
        self._client = None
        self._inputs: dict[str, str] = {}
        self._seen: dict[str, int] = {}

    @property
    def segmentationNode(self):
        return self.nodes.segmentation if self.nodes else None

    @property
    def isRunning(self) -> bool:
        return bool(self._client and self._client.is_running)

    # ---- running

    def inputProblem(self, node) -> str:
        """What is wrong with an input volume, in words; "" if nothing."""
        if node is None:
            return _("Choose a volume, or press Sample data.")
        if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
            return _("{name} has no voxels. Choose another volume.").format(name=node.GetName())
        if min(node.GetImageData().GetDimensions()) < 2:
            return _("{name} has only one slice. Choose a volume.").format(name=node.GetName())
        return ""

    def start(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any], bundle: str | None = None, device: str = "auto") -> None:
        """Begin a run; `poll` tells how it goes.

        Args:
            inputs: name of the pipeline's input -> volume node.
            parameters: what the module's ``Parameters.from_dict`` reads.
            bundle: name of the model, None for the one that ships.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            DeepVolumetryError: if it cannot begin; nothing was changed.
        """
        from ..engine.client import WorkerClient
        from ..mrml.volumes import image_from_node

        if self.isRunning:
            raise InputError(_("A segmentation is already running. Wait until it is done, or cancel it."))
        for node in inputs.values():
            if problem := self.inputProblem(node):
                raise InputError(problem)
        images = {name: image_from_node(node) for name, node in inputs.items()}
        self._client = self._client or WorkerClient()
        self._client.start(self.module, images, dict(parameters), bundle=bundle, device=device)
        self._inputs = {name: node.GetID() for name, node in inputs.items()}

    def poll(self) -> list[Event]:
        """What happened since the last call. A result is in the scene by the time that its event is returned."""
        from ..engine.events import ResultEvent

        if self._client is None:
            return []
        if self.isRunning and (name := self._missingInput()):
            return [self._stop(_("The input {name} was removed from the scene, so the segmentation was stopped.").format(name=name))]
        return [self._toScene(event) if isinstance(event, ResultEvent) else event for event in self._client.poll()]

    def cancel(self) -> None:
        """Stop the run; the scene stays as it was."""
        if self._client:
            self._client.cancel()

    def close(self) -> None:
        """End the worker. Call it when the logic is no longer needed."""
        if self._client:
            self._client.close()
            self._client = None

    def forget(self) -> None:
        """Let go of the result, after its nodes have left the scene."""
        self.result = self.nodes = None
        self._seen = {}

    def segment(
        self, inputs: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, bundle: str | None = None, device: str = "auto"
    ) -> Result:
        """Run and wait, for scripts.

        Raises:
            DeepVolumetryError: if there is no result; the scene stays as it was.
        """
        from ..engine.events import ErrorEvent, ResultEvent

        self.start(inputs, parameters or {}, bundle, device)
        while True:
            for event in self.poll():
                if isinstance(event, ErrorEvent):
                    raise DeepVolumetryError(event.message)
                if isinstance(event, ResultEvent):
                    return event.result
            if hasattr(slicer, "app"):
                slicer.app.processEvents()
            time.sleep(POLL_INTERVAL_S)

    def addSample(self, inputName: str, nodeName: str):
        """Add an image of the module's phantom study to the scene and return its node."""
        from ..modules import find
        from ..mrml.volumes import node_from_image

        image = find(self.module).submodule("demo").study()[inputName]
        return node_from_image(image, nodeName)

    # ---- correcting

    def remeasure(self) -> bool:
        """Take over what was edited in the scene. True if anything changed."""
        raise NotImplementedError

    def setReviewed(self, index: int, how: str = "looks_right") -> None:
        """Mark a review region; the intervals narrow."""
        raise NotImplementedError

    # ---- writing

    def exportCsv(self, folder: Path) -> Path:
        raise NotImplementedError

    def exportJson(self, folder: Path) -> Path:
        raise NotImplementedError

    def exportAll(self, folder: Path) -> Path:
        raise NotImplementedError

    # ---- helpers

    def _missingInput(self) -> str:
        return next((name for name, nodeID in self._inputs.items() if slicer.mrmlScene.GetNodeByID(nodeID) is None), "")

    def _stop(self, message: str) -> ErrorEvent:
        from ..engine.events import ErrorEvent
        from ..errors import Cancelled

        self._client.cancel()
        self._client.poll()
        return ErrorEvent(message, Cancelled.exit_code)

    def _toScene(self, event: Any) -> Event:
        """Put a result into the scene, wholly or not at all."""
        from ..engine.events import ErrorEvent
        from ..mrml.results import show_result

        if name := self._missingInput():
            return ErrorEvent(_("The input {name} was removed from the scene, so the result was dropped.").format(name=name), 2)
        before = set(slicer.util.getNodes("*", useLists=True))
        try:
            node = slicer.mrmlScene.GetNodeByID(next(iter(self._inputs.values())))
            self.nodes = show_result(event.result, node)
        except Exception as error:
            logging.exception("The result could not be shown")
            for name in set(slicer.util.getNodes("*", useLists=True)) - before:
                slicer.mrmlScene.RemoveNode(slicer.util.getNode(name))
            return ErrorEvent(_("The result could not be shown ({reason}). The scene is as it was.").format(reason=error), 1)
        self.result = event.result
        return event
