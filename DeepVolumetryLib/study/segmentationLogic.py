"""SegmentationLogic: node -> Image -> worker -> scene, as the four modules and the viewer share it. No Qt."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import slicer

from ..errors import DeepVolumetryError, InputError
from .resultLogic import ResultLogic
from .words import tr as _

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..engine.events import ErrorEvent, Event
    from ..image import Image
    from ..modules import ModuleEntry
    from ..result import Result

POLL_INTERVAL_S = 0.02


class SegmentationLogic(ResultLogic):
    """Runs one module's pipeline on nodes of the scene.

    Attributes:
        module: key of the module ("renal"), set by the class that derives.
        sampleNames: name of the input -> name of its node in the phantom study.
        showsProbability: add the probability maps to the scene.
    """

    module: str | ModuleEntry = ""
    sampleNames: Mapping[str, str] = {}
    showsProbability = False

    def __init__(self) -> None:
        super().__init__()
        self._client = None
        self._inputs: dict[str, Any] = {}

    @property
    def isRunning(self) -> bool:
        return bool(self._client and self._client.is_running)

    # ---- inputs

    def inputProblem(self, node) -> str:
        """What is wrong with an input volume, in words; "" if nothing."""
        if node is None:
            return _("Choose a volume, or press Sample data.")
        if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
            return _("{name} has no voxels. Choose another volume.").format(name=node.GetName())
        if min(node.GetImageData().GetDimensions()) < 2:
            return _("{name} has only one slice. Choose a volume.").format(name=node.GetName())
        return ""

    def inputProblems(self, nodes: Mapping[str, Any]) -> dict[str, str]:
        """What keeps the chosen volumes from being segmented: name of the input -> sentence; empty if nothing does.

        Args:
            nodes: name of every input -> node, None where none is chosen.
        """
        return {name: problem for name, node in nodes.items() if (problem := self.inputProblem(node))}

    def inputNotes(self, nodes: Mapping[str, Any]) -> dict[str, str]:
        """What is worth knowing about a choice that can be segmented: name of the input -> sentence."""
        return {}

    def guessInputs(self) -> dict[str, tuple[Any, str]]:
        """What the user most likely means: name of the input -> node and how that was found out.

        A module with one input takes the volume in the slice views, else the only one in the scene.
        """
        from ..mrml.nodes import active_volume, input_candidates

        active = active_volume()
        usable = [node for node in input_candidates() if not self.inputProblem(node)]
        chosen = active if active in usable else usable[0] if len(usable) == 1 else None
        return {"volume": (chosen, "")} if chosen else {}

    def imageOf(self, node: Any) -> Image:
        """What the pipeline gets of an input volume.

        Raises:
            InputError: if the node cannot be used.
        """
        from ..mrml.volumes import image_from_node

        return image_from_node(node)

    def referenceInput(self, inputs: Mapping[str, Any]) -> str:
        """Name of the input on whose grid the result lies."""
        return next(iter(inputs))

    # ---- measuring: the module's library knows how, in its submodule "live"

    def names(self) -> dict[str, str]:
        live = self._live()
        return dict(live.names()) if hasattr(live, "names") else {}

    def measure(self, result: Result) -> Any:
        return self._live().measure(result)

    def measureAgain(self, measured: Any, changed: Iterable[str] | None = None, reviewed: Any = None, parameters: Any = None) -> Any:
        return self._live().measure_again(self.result, measured, changed, reviewed, parameters)

    def fittingMasks(self, masks: Mapping[str, NDArray[np.bool_]], changed: Iterable[str]) -> Mapping[str, NDArray[np.bool_]]:
        live = self._live()
        if not hasattr(live, "fitting_masks"):
            return {}
        box = self._corrections[""].box
        part = self.result.image.cropped([axis.start for axis in box], [axis.stop for axis in box])
        return live.fitting_masks(self.result, masks, changed, part)

    def _live(self) -> Any:
        from ..modules import find

        entry = find(self.module)
        return entry.submodule("live") if entry.offers("live") else None

    # ---- running

    def start(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any], bundle: str | None = None, device: str = "auto") -> None:
        """Begin a run; `poll` tells how it goes.

        Args:
            inputs: name of the pipeline's input -> volume node; those that may be left out may be missing or None.
            parameters: what the module's ``Parameters.from_dict`` reads.
            bundle: name of the model, None for the one that ships.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            DeepVolumetryError: if it cannot begin; nothing was changed.
        """
        from ..engine.client import WorkerClient

        if self.isRunning:
            raise InputError(_("A segmentation is already running. Wait until it is done, or cancel it."))
        for problem in self.inputProblems(inputs).values():
            raise InputError(problem)
        inputs = {name: node for name, node in inputs.items() if node}
        images = {name: self.imageOf(node) for name, node in inputs.items()}
        self._client = self._client or WorkerClient()
        self._client.start(self.module, images, dict(parameters), bundle=bundle, device=device)
        self._inputs = inputs

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

    # ---- a scene that was loaded

    def restore(self, parameters: Mapping[str, Any] | None = None) -> str:
        """Take over the last result that a loaded scene holds, as it was reviewed and edited. Returns a sentence, "" if there is none.

        Args:
            parameters: facts about the patient as they are now; None for those of the run.
        """
        from ..mrml.state import saved_states

        key = getattr(self.module, "key", self.module)
        for node, text, changes in saved_states(key):
            try:
                if self._restored(node, text, changes, parameters):
                    return self._restoredSentence()
            except (DeepVolumetryError, ValueError, KeyError, TypeError) as error:
                logging.warning("A saved result could not be restored: %s", error)
                self.forget()
                return _("The result in this scene could not be restored. Press Segment to review and measure it again.")
        return ""

    def _restored(self, node: Any, text: str, changes: str, parameters: Mapping[str, Any] | None) -> bool:
        from ..mrml.nodes import input_of
        from ..mrml.results import find_result
        from ..mrml.state import sources_of, voxels_of
        from .saved import from_text, part_names, titles

        sources, volume = sources_of(node), input_of(node)
        volumes = {name: sources.get(name) if name else volume for name in part_names(text)}
        if any(each is None for each in volumes.values()):
            return False
        key = getattr(self.module, "key", self.module)
        nodes = {name: find_result(each, key, *titles(text, name)) for name, each in volumes.items()}
        if any(each is None for each in nodes.values()):
            return False
        result = from_text(text, changes, {name: self.imageOf(each) for name, each in volumes.items()})
        decided = {name: [region.reviewed for region in part.regions] for name, part in result.parts.items()}
        for name, part in result.parts.items():
            part.uncertainty = {target: voxels_of(each) for target, each in nodes[name].uncertainty.items()}
            part.maps = {t: voxels_of(nodes[name].maps[m]) for t in titles(text, name)[1] if (m := t.split(" [")[0]) in nodes[name].maps}
        whole = nodes.pop("")
        whole.companions = nodes
        self.take(result, whole, sources, isNew=False)
        self.prepare()
        self._takeOverAll(decided)
        self._update(result.segments, parameters)
        return True

    def _takeOverAll(self, decided: Mapping[str, list[str]]) -> None:
        """Masks as they are in the scene, and what was decided about the places, which edits would else decide again."""
        for name, corrections in self._corrections.items():
            corrections.adopt(self.result.parts[name].specs)
            corrections.takeOver()
            for number, reviewed in enumerate(decided[name]):
                corrections.decide(number, reviewed)
            self.result.parts[name].extras["edited_segments"] = sorted(corrections.edited)

    def _restoredSentence(self) -> str:
        places = self.result.review_list()
        done = sum(bool(region.reviewed) for region in places)
        text = _("Restored from the scene: {done} of {total} places are reviewed. Earlier steps cannot be undone.")
        return text.format(done=done, total=len(places))

    def makeSamples(self) -> dict[str, Any]:
        """Add the module's phantom study to the scene: name of the input -> volume node."""
        from ..modules import find
        from ..mrml.volumes import node_from_image

        images = find(self.module).submodule("demo").study()
        return {name: node_from_image(images[name], nodeName) for name, nodeName in self.sampleNames.items()}

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

        if name := self._missingInput():
            return ErrorEvent(_("{name} was removed from the scene, so the result was dropped.").format(name=name), 2)
        try:
            reference = self._inputs[self.referenceInput(self._inputs)]
            companions = {name: self._inputs[name] for name in event.result.companions}
            nodes = show_result(event.result, reference, self.names(), self.showsProbability, companions)
        except DeepVolumetryError as error:
            return ErrorEvent(str(error), error.exit_code)
        except Exception as error:
            logging.exception("The result could not be shown")
            return ErrorEvent(_("The result could not be shown ({reason}). The scene is as it was.").format(reason=error), 1)
        self.take(event.result, nodes, self._inputs)
        return event
