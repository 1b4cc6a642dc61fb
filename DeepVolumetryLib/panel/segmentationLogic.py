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
    import numpy as np
    from numpy.typing import NDArray

    from ..engine.events import ErrorEvent, Event
    from ..modules import ModuleEntry
    from ..result import Result, SegmentSpec
    from .comparison import ComparedTarget
    from .corrections import Corrections

POLL_INTERVAL_S = 0.02


class SegmentationLogic(ScriptedLoadableModuleLogic):
    """Runs one module's pipeline on nodes of the scene and keeps its result up to date with edits and reviews.

    Attributes:
        module: key of the module ("renal"), set by the class that derives.
        sampleNames: name of the input -> name of its node in the phantom study.
        inputTitles: name of the input -> what people call it; empty where there is only one.
        preferredBackground: name of the input that the overlay lies over, "" for the one that the result lies on.
        showsProbability: add the probability maps to the scene.
        result: the last result with everything that was corrected since; None if there is none.
        nodes: what `result` is in the scene.
    """

    module: str | ModuleEntry = ""
    sampleNames: Mapping[str, str] = {}
    inputTitles: Mapping[str, str] = {}
    preferredBackground = ""
    showsProbability = False

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

    def referenceInput(self, inputs: Mapping[str, Any]) -> str:
        """Name of the input on whose grid the result lies."""
        return next(iter(inputs))

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
        from ..mrml.volumes import image_from_node

        if self.isRunning:
            raise InputError(_("A segmentation is already running. Wait until it is done, or cancel it."))
        for problem in self.inputProblems(inputs).values():
            raise InputError(problem)
        inputs = {name: node for name, node in inputs.items() if node}
        images = {name: image_from_node(node) for name, node in inputs.items()}
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

    def makeSamples(self) -> dict[str, Any]:
        """Add the module's phantom study to the scene: name of the input -> volume node."""
        from ..modules import find
        from ..mrml.volumes import node_from_image

        images = find(self.module).submodule("demo").study()
        return {name: node_from_image(images[name], nodeName) for name, nodeName in self.sampleNames.items()}

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

    def fittingMasks(self, changed: Iterable[str]) -> Mapping[str, NDArray[np.bool_]]:
        """Masks that must follow an edit of others, for modules whose segments contain each other; by default none.

        Args:
            changed: keys of the segments that were edited; `result.segments` holds them as they are now.
        """
        return {}

    def remeasure(self) -> bool:
        """Take over what was edited in the scene, and let other segments follow. True if anything changed."""
        if self._corrections is None:
            return False
        self.prepare()  # reads the masks that are about to change
        changed = self._corrections.takeOver()
        if changed:
            for key, mask in self.fittingMasks(changed).items():
                if key not in self.result.segments and mask.any():
                    self.addSegment(key)
                if key in self.result.segments:
                    self._corrections.replace(key, mask)
            changed |= self._corrections.takeOver()
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

    def changesSince(self, prior: Path) -> list[str]:
        """What changed since the report.json of an earlier study, in sentences; empty if they have nothing in common.

        Raises:
            InputError: if the file is no report.
        """
        from .measurementTable import changes

        return changes(prior, self.result.measurements, self.displayNames())

    # ---- comparing

    def labelSchemes(self) -> dict[str, tuple[str, str]]:
        """What the values of a label map may mean: key -> title and meaning; for modules that read and write label maps."""
        return {}

    def referenceMasks(self, node: Any, scheme: str) -> dict[str, NDArray[np.bool_]]:
        """A reference in the scene as target -> mask on the grid of the result.

        Raises:
            InputError: if its labels mean nothing in the scheme.
        """
        raise NotImplementedError

    def compare(self, node: Any, scheme: str) -> list[ComparedTarget]:
        """The result as it is now against a reference in the scene; see `referenceMasks`."""
        from .comparison import compare

        self.remeasure()
        return compare(self.result, self.referenceMasks(node, scheme), self.scoredRegion())

    def scoredRegion(self) -> NDArray[np.bool_] | None:
        """Where true negatives count in a comparison, (K, J, I) on the grid of the result; everywhere by default."""
        return None

    # ---- showing

    def targetName(self, target: str) -> str:
        """What people call a target: as its segment if it has one."""
        specs = self.result.specs if self.result else ()
        return next((spec.name for spec in specs if spec.key == target), target.capitalize())

    def displayNames(self) -> dict[str, str]:
        """What to call segments, and measured things that are none."""
        return {spec.key: spec.name for spec in (self.result.specs if self.result else ())} | self.names()

    def backgrounds(self) -> dict[str, str]:
        """The inputs of the last result that the overlay can lie over: name -> title."""
        there = (name for name, node in self._inputs.items() if node.GetScene()) if self.result else ()
        return {name: self.inputTitles.get(name, name) for name in there}

    def showOverlay(self, target: str, opacity: float, threshold: float, background: str = "") -> None:
        """Uncertainty of a target, "" for none, over an input in all slice views; over that of the result's grid if not named."""
        if self.inputNode is None:
            return
        below = self._inputs.get(background)
        from ..mrml.overlay import set_visible_from, show_as_foreground

        node = self.nodes.uncertainty.get(target)
        if node is not None and node.GetScene():
            set_visible_from(node, threshold)
        show_as_foreground(node, below if below and below.GetScene() else self.inputNode, opacity)

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
        """Write segmentation, label map, maps, table and report, all or nothing; returns the folder."""
        from .exports import writeAll

        return writeAll(self.result, folder, self.labelMap())

    def labelMap(self) -> dict[str, NDArray[np.uint8]]:
        """The segmentation as one volume of label values, under the name of its file; by default none."""
        return {}

    def exportLabelMap(self, folder: Path) -> Path:
        """Write the label map; returns its path."""
        from .exports import writeLabelMap

        return writeLabelMap(self.result, folder, self.labelMap())

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
            reference = self._inputs[self.referenceInput(self._inputs)]
            nodes = show_result(event.result, reference, self.names(), self.showsProbability)
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
