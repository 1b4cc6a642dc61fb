"""SegmentationLogic: node -> Image -> worker -> scene, as the four modules share it. No Qt: scripts and tests use it too."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from ..errors import DeepVolumetryError, InputError

if TYPE_CHECKING:
    from ..engine.events import ErrorEvent, Event
    from ..modules import ModuleEntry
    from ..result import Result, SegmentSpec
    from .corrections import Corrections

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
        self._inputs: dict[str, Any] = {}
        self._corrections: Corrections | None = None
        self._measured: Any = None

    @property
    def segmentationNode(self):
        """The segmentation of the last result, None if there is none."""
        return self.nodes.segmentation if self.nodes else None

    @property
    def inputNode(self):
        """The volume that the last result was made from, None if it left the scene."""
        from ..mrml.nodes import input_of

        return input_of(self.nodes.segmentation) if self.nodes else None

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
        self._inputs = dict(inputs)

    def poll(self) -> list[Event]:
        """What happened since the last call. A result is in the scene by the time that its event is returned."""
        from ..engine.events import ResultEvent

        if self._client is None:
            return []
        if self.isRunning and (name := self._missingInput()):
            return [self._stop(_("{name} was removed from the scene, so the segmentation was stopped.").format(name=name))]
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
        self.result = self.nodes = self._corrections = self._measured = None

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

    def names(self) -> dict[str, str]:
        """What to call measured things that are no segments ("total_kidney": "Both kidneys")."""
        return {}

    def measure(self, result: Result) -> Any:
        """Measure a result afresh; what is returned is handed to `measureAgain`."""
        raise NotImplementedError

    def measureAgain(self, measured: Any, changed: Iterable[str] | None = None, reviewed: Any = None, parameters: Any = None) -> Any:
        """The measurements after an edit, a review or with other parameters.

        Args:
            measured: what `measure` or the last call returned.
            changed: keys of the segments that were edited.
            reviewed: voxels that count as certain, (K, J, I).
            parameters: as for `start`; None if they are the same.
        """
        raise NotImplementedError

    def prepare(self) -> None:
        """List what the model left open, once, so that measuring again is quick. A second or so on a large CT."""
        if self.result and self._measured is None:
            self._measured = self.measure(self.result)

    def remeasure(self) -> bool:
        """Take over what was edited in the scene. True if anything changed."""
        if self._corrections is None:
            return False
        self.prepare()  # reads the masks that are about to change
        changed = self._corrections.takeOver()
        if changed:
            edited = {*self.result.extras.get("edited_segments", ()), *changed}
            self.result.extras["edited_segments"] = sorted(edited)
            self._update(changed)
        return bool(changed)

    def setReviewed(self, index: int, how: str = "looks_right") -> None:
        """Mark a review region; the intervals narrow."""
        self.result.regions[index] = replace(self.result.regions[index], reviewed=how)
        self._update(())

    def setParameters(self, parameters: Mapping[str, Any]) -> None:
        """Measure the result with other facts about the patient."""
        if self.result:
            self._update((), parameters)

    def setCutOff(self, index: int, probability: float) -> None:
        """Let the structure of a review region begin at another probability there; `remeasure` takes it over."""
        from .cutOff import masksAt

        self.remeasure()
        box, masks = masksAt(self.result, self.result.regions[index], probability)
        for key, mask in masks.items():
            self._corrections.write(key, box, mask)

    def missingSegments(self) -> list[SegmentSpec]:
        """What the module can measure and the model did not find."""
        return [spec for spec in self.result.specs if spec.key not in self.result.segments] if self.result else []

    def addSegment(self, key: str) -> None:
        """An empty segment to draw in, for a structure that the model did not find."""
        self._corrections.addSegment(next(spec for spec in self.missingSegments() if spec.key == key))

    def notes(self) -> list[str]:
        """Sentences that belong below the measurements."""
        return list(self.result.extras.get("notes", ())) if self.result else []

    # ---- showing

    def showOverlay(self, target: str, opacity: float, threshold: float) -> None:
        """Uncertainty of a target over the input in all slice views; "" for none."""
        if self.inputNode is None:
            return
        from ..mrml.overlay import set_visible_from, show_as_foreground

        node = self.nodes.uncertainty.get(target)
        if node is not None and node.GetScene():
            set_visible_from(node, threshold)
        show_as_foreground(node, self.inputNode, opacity)

    # ---- writing

    def exportCsv(self, folder: Path) -> Path:
        """Write measurements.csv; returns its path."""
        from .exports import writeCsv

        return writeCsv(self.result, folder)

    def exportJson(self, folder: Path) -> Path:
        """Write report.json; returns its path."""
        from .exports import writeJson

        return writeJson(self.result, folder)

    def exportAll(self, folder: Path) -> Path:
        """Write segmentation, maps, table and report, all or nothing; returns the folder."""
        from .exports import writeAll

        return writeAll(self.result, folder)

    # ---- helpers

    def _missingInput(self) -> str:
        return next((node.GetName() for node in self._inputs.values() if node.GetScene() is None), "")

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
        from .corrections import Corrections

        if name := self._missingInput():
            return ErrorEvent(_("{name} was removed from the scene, so the result was dropped.").format(name=name), 2)
        try:
            nodes = show_result(event.result, next(iter(self._inputs.values())), self.names())
        except DeepVolumetryError as error:
            return ErrorEvent(str(error), error.exit_code)
        except Exception as error:
            logging.exception("The result could not be shown")
            return ErrorEvent(_("The result could not be shown ({reason}). The scene is as it was.").format(reason=error), 1)
        self.result, self.nodes = event.result, nodes
        self._corrections = Corrections(nodes.segmentation, event.result)
        self._measured = None
        return event

    def _update(self, changed: Iterable[str], parameters: Mapping[str, Any] | None = None) -> None:
        from ..mrml.results import update_measurements
        from ..uncertainty.rank import reviewed_mask

        result = self.result
        reviewed = reviewed_mask(result.image, result.regions) if any(region.reviewed for region in result.regions) else None
        self.prepare()
        self._measured = self.measureAgain(self._measured, changed, reviewed, parameters)
        result.measurements = list(self._measured.measurements)
        result.extras["notes"] = list(self._measured.notes)
        if self.inputNode is not None:
            update_measurements(result.measurements, result, self.inputNode, self.names())
