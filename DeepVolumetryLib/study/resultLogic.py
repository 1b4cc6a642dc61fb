"""ResultLogic: what can be done with a result that is in the scene: correct it, compare it, write it. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .resultView import ResultView
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


class ResultLogic(ResultView):
    """Keeps the result of the last run up to date with edits and reviews.

    Attributes:
        records: the inputs of the result as its report names them; its images stand for them where there are none.
    """

    records: Sequence[InputRecord] = ()

    def __init__(self) -> None:
        super().__init__()
        self._corrections: dict[str, Corrections] = {}
        self._decisions: list[tuple[str, int, str]] = []
        self._measured: Any = None
        self._stateNode: Any = None
        self._reviewed: tuple[list[bool], NDArray[np.bool_] | None] | None = None

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

        return writePdf(self.result, self.nodes, folder, self.names(), deidentify, self.records)

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
