"""ResultLogic: what can be done with a result that is in the scene: correct it, compare it, show it, write it. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .followUp import FollowUp
from .words import tr as _

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..mrml.results import SceneNodes
    from ..report.report import InputRecord
    from ..result import Result, SegmentSpec
    from .comparison import ComparedTarget
    from .corrections import Corrections


AREA = "area"
"""ID of the segment that tells where the cut-off is to change; it is not measured."""


class ResultLogic(FollowUp):
    """Keeps the result of the last run up to date with edits and reviews.

    Attributes:
        inputTitles: name of the input -> what people call it; empty where there is only one.
        preferredBackground: name of the input that the overlay lies over, "" for the one that the result lies on.
        records: the inputs of the result as its report names them; its images stand for them where there are none.
        result: the last result with everything that was corrected since; None if there is none.
        nodes: what `result` is in the scene.
    """

    inputTitles: Mapping[str, str] = {}
    preferredBackground = ""
    records: Sequence[InputRecord] = ()

    def __init__(self) -> None:
        super().__init__()
        self.result: Result | None = None
        self.nodes: SceneNodes | None = None
        self._sources: dict[str, Any] = {}
        self._moved: dict[str, Any] = {}
        self._corrections: dict[str, Corrections] = {}
        self._decisions: list[tuple[str, int, str]] = []
        self._measured: Any = None
        self._stateNode: Any = None
        self._reviewed: tuple[list[bool], NDArray[np.bool_] | None] | None = None

    @property
    def segmentationNode(self):
        """The segmentation of the last result, None if there is none."""
        return self.nodes.segmentation if self.nodes else None

    @property
    def segmentationNodes(self) -> list[Any]:
        """The segmentations of all parts of the last result."""
        return [nodes.segmentation for nodes in self.nodes.parts.values()] if self.nodes else []

    @property
    def inputNode(self):
        """The volume that the last result was made from, None if it left the scene."""
        return self.inputNodeOf("")

    def inputNodeOf(self, part: str):
        """As `inputNode`, of a part of the result (`Result.parts`)."""
        from ..mrml.nodes import input_of

        return input_of(self.nodes.parts[part].segmentation) if self.nodes else None

    @property
    def isGone(self) -> bool:
        """True if a segmentation of the result left the scene."""
        return bool(self.nodes) and any(nodes.segmentation.GetScene() is None for nodes in self.nodes.parts.values())

    def take(self, result: Result, nodes: SceneNodes, sources: Mapping[str, Any], isNew: bool = True) -> None:
        """A new result, or one of a scene that was loaded.

        Args:
            result: as the pipeline gave it.
            nodes: what it is in the scene.
            sources: name of the input -> volume node that it was made from.
            isNew: False if the scene may hold other masks than the result, which holds those that the model drew.
        """
        from .corrections import Corrections

        self._forgetMoved()
        self.result, self.nodes, self._sources = result, nodes, dict(sources)
        self._corrections = {part: Corrections(nodes.parts[part].segmentation, result.parts[part], isNew) for part in result.parts}
        self._decisions = []
        self._measured = self._stateNode = self._reviewed = None

    def forget(self) -> None:
        """Let go of the result, after its nodes have left the scene."""
        self._forgetMoved()
        self.result = self.nodes = self._measured = self._stateNode = self._reviewed = None
        self._corrections, self._decisions = {}, []

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
            changed: keys of the segments that were edited; those of companions as `part_target` calls them.
            reviewed: voxels that count as certain, (K, J, I).
            parameters: as for `start`; None if they are the same.
        """
        raise NotImplementedError

    def prepare(self) -> None:
        """List what the model left open, once, so that measuring again is quick. A second or so on a large CT."""
        if self.result and self._measured is None:
            self._measured = self.measure(self.result)
            self._saveState()

    def fittingMasks(self, masks: Mapping[str, NDArray[np.bool_]], changed: Iterable[str]) -> Mapping[str, NDArray[np.bool_]]:
        """Masks that must follow an edit of others, for modules whose segments contain each other; by default none.

        Args:
            masks: segment key -> mask in the box that holds all segments, the edited ones as they are now.
            changed: keys of the segments that were edited.
        """
        return {}

    def remeasure(self) -> bool:
        """Take over what was edited in the scene, and let other segments follow. True if anything changed."""
        if not self._corrections:
            return False
        from ..result import part_target

        self.prepare()  # reads the masks that are about to change
        everything = set()
        for part, corrections in self._corrections.items():
            changed = corrections.takeOver()
            if not changed:
                continue
            if not part:
                changed |= self._letOthersFollow(changed)
            self.result.parts[part].extras["edited_segments"] = sorted(corrections.edited)
            everything |= {part_target(part, key) for key in changed}
        if everything:
            self._update(everything)
        return bool(everything)

    def setReviewed(self, index: int, how: str = "looks_right") -> None:
        """Mark a review region, by its position in `Result.places`; the intervals narrow."""
        part, number = self.result.places()[index]
        self._decisions.append((part, number, self.result.parts[part].regions[number].reviewed))
        self._corrections[part].decide(number, how)
        self._update(())

    def undoReview(self) -> int:
        """Take the last `setReviewed` back. Returns the position of its region in `Result.places`, -1 if there is nothing to take back."""
        if not self._decisions:
            return -1
        part, number, before = self._decisions.pop()
        self._corrections[part].decide(number, before)
        self._update(())
        return self.result.places().index((part, number))

    def setParameters(self, parameters: Mapping[str, Any]) -> None:
        """Measure the result with other facts about the patient."""
        if self.result:
            self._update((), parameters)

    def setCutOff(self, index: int, probability: float) -> None:
        """Let the structure of a review region begin at another probability there; `remeasure` takes it over."""
        from .cutOff import masksAt

        self.remeasure()
        part, number = self.result.places()[index]
        result = self.result.parts[part]
        box, masks = masksAt(result, result.regions[number], probability)
        for key, mask in masks.items():
            self._corrections[part].write(key, box, mask)

    def beginArea(self, target: str) -> str:
        """An empty segment to paint the area in where the cut-off of a target (of `targets`) is to change. Returns its ID."""
        segmentation = self.nodes.parts[self.partOf(target)].segmentation.GetSegmentation()
        if segmentation.GetSegment(AREA) is None:
            segmentation.AddEmptySegment(AREA, _("Area for the slider"), (1.0, 1.0, 0.4))
        return AREA

    def endArea(self) -> None:
        """Take painted areas away again."""
        for node in self.segmentationNodes:
            if node.GetScene() is not None and node.GetSegmentation().GetSegment(AREA) is not None:
                node.GetSegmentation().RemoveSegment(AREA)

    def setCutOffInArea(self, target: str, probability: float) -> bool:
        """Let a target (of `targets`) begin at another probability inside the painted area. False if nothing was painted."""
        from ..mrml.masks import segment_images
        from .cutOff import masksIn, specIn

        self.remeasure()
        part = self.partOf(target)
        node, result = self.nodes.parts[part].segmentation, self.result.parts[part]
        if node.GetSegmentation().GetSegment(AREA) is None or not segment_images(node, [AREA]):
            return False
        own = target.removeprefix(f"{part} ")
        box, area = self._corrections[part].areaOf(AREA)
        spec = specIn(result, own, box) if area.any() else None
        if spec is None:
            return False
        for key, mask in masksIn(result, spec, own, box, probability, area).items():
            self._corrections[part].write(key, box, mask)
        return True

    def missingSegments(self) -> list[SegmentSpec]:
        """What the module can measure and the model did not find."""
        return [spec for spec in self.result.specs if spec.key not in self.result.segments] if self.result else []

    def addSegment(self, key: str) -> None:
        """An empty segment to draw in, for a structure that the model did not find."""
        self._corrections[""].addSegment(next(spec for spec in self.missingSegments() if spec.key == key))

    def notes(self) -> list[str]:
        """Sentences that belong below the measurements."""
        return list(self.result.extras.get("notes", ())) if self.result else []

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

    def showPlace(self, index: int, zoom: bool) -> None:
        """Let all views show a review region, by its position in `Result.places`."""
        from ..mrml.focus import jump_to, size_mm, zoom_on

        part, number = self.result.places()[index]
        result = self.result.parts[part]
        region = result.regions[number]
        if zoom:
            zoom_on(region.center_ras_mm, size_mm(region.box_kji, result.image.spacing))
        jump_to(region.center_ras_mm)

    def targets(self) -> dict[str, str]:
        """Targets that have an uncertainty map, those of companions as `part_target` calls them: target -> what people call it."""
        from ..result import part_target

        parts = self.result.parts.items() if self.result else ()
        found = [part_target(part, target) for part, result in parts for target in result.uncertainty]
        return {target: self.targetName(target) for target in found}

    def targetName(self, target: str) -> str:
        """What people call a target: as its segment if it has one."""
        specs = self.result.specs if self.result else ()
        return next((spec.name for spec in specs if spec.key == target), target.capitalize())

    def partOf(self, target: str) -> str:
        """The part of the result that a target of `targets` belongs to."""
        companions = self.result.companions if self.result else ()
        return next((part for part in companions if target.startswith(f"{part} ")), "")

    def edited(self, target: str) -> tuple[Any, Any]:
        """Segmentation and volume to correct a target on, each None if there is none."""
        part = self.partOf(target)
        return (self.nodes.parts[part].segmentation, self.inputNodeOf(part)) if self.nodes else (None, None)

    def displayNames(self) -> dict[str, str]:
        """What to call segments, and measured things that are none."""
        return {spec.key: spec.name for spec in (self.result.specs if self.result else ())} | self.names()

    def backgrounds(self) -> dict[str, str]:
        """The inputs of the last result that the overlay can lie over: name -> title."""
        if self.result is None or self.result.companions:  # those lie on other images, each over its own
            return {}
        there = (name for name, node in self._sources.items() if node.GetScene())
        return {name: self.inputTitles.get(name, name) for name in there}

    def showOverlay(self, target: str, opacity: float, threshold: float, background: str = "") -> None:
        """Uncertainty of a target, "" for none, over an input in all slice views; over that of the result's grid if not named."""
        part = self.partOf(target or background)
        image = self.inputNodeOf(part)
        if image is None:
            return
        below = self._below(background)
        from ..mrml.overlay import set_visible_from, show_as_foreground
        from ..mrml.results import show_only

        show_only(self.nodes, part)

        node = self.nodes.parts[part].uncertainty.get(target.removeprefix(f"{part} "))
        if node is not None and node.GetScene():
            set_visible_from(node, threshold)
        show_as_foreground(node, below or image, opacity)

    # ---- writing

    def exportCsv(self, folder: Path) -> Path:
        """Write measurements.csv; returns its path."""
        from .exports import writeCsv

        return writeCsv(self.result, folder)

    def exportJson(self, folder: Path) -> Path:
        """Write report.json; returns its path."""
        from .exports import writeJson

        return writeJson(self.result, folder, self.records)

    def exportAll(self, folder: Path) -> Path:
        """Write segmentation, label map, maps, table and report, all or nothing; returns the folder."""
        from .exports import writeAll

        return writeAll(self.result, folder, self.labelMap(), self.records)

    def exportPdf(self, folder: Path, deidentify: bool = False) -> Path:
        """Write report.pdf; returns its path."""
        from .exports import writePdf

        return writePdf(self.result, folder, self.names(), deidentify, self.records)

    def exportDicom(self, folder: Path, deidentify: bool = False) -> Path:
        """Write DICOM objects into the folder "dicom"; returns it."""
        from .exports import writeDicom

        return writeDicom(self.result, folder, self.names(), {part: self.inputNodeOf(part) for part in self.result.parts}, deidentify)

    def labelMap(self) -> dict[str, NDArray[np.uint8]]:
        """The segmentation as one volume of label values, under the name of its file; by default none."""
        return {}

    def exportLabelMap(self, folder: Path) -> Path:
        """Write the label map; returns its path."""
        from .exports import writeLabelMap

        return writeLabelMap(self.result, folder, self.labelMap())

    # ---- helpers

    def _letOthersFollow(self, changed: Iterable[str]) -> set[str]:
        """Keys of the segments that changed because others did."""
        corrections = self._corrections[""]
        box = corrections.box
        for key, mask in self.fittingMasks({key: mask[box] for key, mask in self.result.segments.items()}, changed).items():
            if key not in self.result.segments and mask.any():
                self.addSegment(key)
            if key in self.result.segments:
                corrections.replace(key, box, mask)
        return corrections.takeOver()

    def _saveState(self) -> None:
        """Put into the scene what its visible nodes do not hold, so that a saved scene can be reviewed on."""
        if self.inputNode is None:
            return
        from ..mrml.state import save_state
        from .saved import heavy

        self._stateNode = save_state(self.inputNode, self.result.provenance.module, heavy(self.result), self._sources)
        self._saveChanges()

    def _saveChanges(self) -> None:
        if self._stateNode is not None and self._stateNode.GetScene() is not None:
            from ..mrml.state import save_changes
            from .saved import light

            save_changes(self._stateNode, light(self.result))

    def _below(self, name: str) -> Any:
        """The volume of an input as the result saw it: in another place where the run moved it (`extras["motions"]`)."""
        node, motion = self._sources.get(name), self.result.extras.get("motions", {}).get(name)
        if node is None or node.GetScene() is None or motion is None:
            return node if node and node.GetScene() else None
        if name not in self._moved or self._moved[name].GetScene() is None:
            from ..mrml.moved import moved_copy

            self._moved[name] = moved_copy(node, motion)
        return self._moved[name]

    def _forgetMoved(self) -> None:
        if self._moved:
            from ..mrml.moved import remove_copy

            for name, copy in self._moved.items():
                remove_copy(copy, self._sources[name])
            self._moved = {}

    def _update(self, changed: Iterable[str], parameters: Mapping[str, Any] | None = None) -> None:
        from ..mrml.results import update_measurements
        from ..uncertainty.rank import reviewed_mask

        result = self.result
        decided = [bool(region.reviewed) for region in result.regions]
        if self._reviewed is None or self._reviewed[0] != decided:  # most edits decide nothing
            self._reviewed = (decided, reviewed_mask(result.image, result.regions) if any(decided) else None)
        reviewed = self._reviewed[1]
        self.prepare()
        self._measured = self.measureAgain(self._measured, changed, reviewed, parameters)
        result.measurements = list(self._measured.measurements)
        result.extras["notes"] = list(self._measured.notes)
        self._saveChanges()
        if self.inputNode is not None:
            update_measurements(result.measurements, result, self.inputNode, self.names())
