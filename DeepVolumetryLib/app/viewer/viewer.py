"""What happens in the viewer: between the study, whose logic is the panels', and the page, which shows the server's state."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import Cancelled, InputError
from ...modules import MODULES, find
from ...report.files import read_json
from ...report.pictures import window
from ...report.saved import REPORT
from ...study import reviewList
from ..inputs import INPUTS, PixelSizes
from . import contents
from .state import STATE, telling
from .study import Study, images_of

if TYPE_CHECKING:
    from .folder import OpenedFolder
    from .views import Views

STILL_S = 0.05
"""An edit is measured once things have been still for so long: a stroke of the brush is many edits."""
_POLL_S = 0.1
_SAVED = "reviewed"


class Viewer:
    """One page with one study at a time.

    Args:
        server: the trame server.
        views: of the scene.
        folder: what may be opened.
        given: input -> image file, from the command line.
    """

    def __init__(self, server: Any, views: Views, folder: OpenedFolder, given: Mapping[str, Path] | None = None) -> None:
        self.server, self.state, self.views, self.folder = server, server.state, views, folder
        self._given = dict(given or {})
        self._study: Study | None = None
        self._is_ignoring = False
        self._stop_observing: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.state.update(STATE)
        self.state.results, self.state.images = folder.results(), folder.images()
        self.state.modules = contents.choices({key: entry.title for key, entry in MODULES.items()})
        self._list_inputs()
        changes = {
            "module": self._list_inputs,
            "segment": self._aim_editor,
            "tool": self._aim_editor,
            "brush": self._aim_editor,
            "sphere": self._aim_editor,
            "solid": self._show_solid,
            **dict.fromkeys(("target", "overlay", "opacity", "threshold", "background"), self._show_overlay),
        }
        for name, call in changes.items():
            self.state.change(name)(lambda _call=call, **_: None if self._is_ignoring else _call())

    # ---- opening

    @telling
    def open_result(self, name: str, may_leave: bool = False) -> None:
        """Show a saved result.

        Args:
            name: one of `OpenedFolder.results`.
            may_leave: see `images_of`; never True for what the page asks for.
        """
        folder = self.folder.path(name)
        report = read_json(folder / REPORT)
        images, notes = images_of(report, self.folder, self._given if may_leave else {}, may_leave)
        study = Study(find(report.provenance.module).key)
        self._close_study()
        study.load(folder, folder.name, images)
        self._take(study)
        self.state.message = " ".join([*notes, study.hint]).strip()

    @telling
    def segment(self) -> None:
        """Run the chosen module on the chosen images of the folder; `_watch` tells how it goes."""
        if self.state.running:
            raise InputError("A segmentation is already running. Wait until it is done, or cancel it.")
        module, chosen = self.state.module, {name: image for name, image in self.state.chosen.items() if image}
        names = [spec.name for spec in INPUTS[find(module).key]]
        texts = [f"{name}={self.folder.path(chosen[name])}" for name in names if name in chosen]
        if not texts:
            raise InputError("Choose an image first.")
        flat = any(spec.flat for spec in INPUTS[module])
        given = self.state.spacing.strip()
        sizes = PixelSizes.parse([f"{name}={given}" for name in chosen]) if flat and given else None
        study = Study(module)
        self._close_study()
        nodes = study.open_images(texts, sizes)
        first = next(iter(nodes.values()))
        self.views.show(first, flat, window(study.imageOf(first)))
        study.name = ", ".join(Path(chosen[name]).name for name in names if name in chosen)
        self.state.study = study.name
        parameters = {"speed": self.state.speed} if self.state.speed and "speed" in self._parameters(module) else {}
        study.start(nodes, parameters)
        self._study = study
        self.state.update({"running": True, "phase": "Starting", "fraction": 0.0})
        asyncio.get_event_loop().create_task(self._watch(study))

    @telling
    def cancel(self) -> None:
        """Stop the run; the images stay."""
        if self._study and self.state.running:
            self._study.cancel()

    async def _watch(self, study: Study) -> None:
        from ...engine.events import ErrorEvent, ProgressEvent, ResultEvent

        while self.state.running and self._study is study:
            for event in study.poll():
                with self.state:
                    if isinstance(event, ProgressEvent):
                        left = "" if event.remaining_s is None else f", about {event.remaining_s:.0f} s left"
                        self.state.update({"phase": event.phase + left, "fraction": round(100 * event.fraction)})
                    elif isinstance(event, ErrorEvent):
                        where = "message" if event.exit_code == Cancelled.exit_code else "problem"
                        self.state.update({"running": False, where: event.message})
                    elif isinstance(event, ResultEvent):
                        self.state.running = False
                        self._show(study)
            await asyncio.sleep(_POLL_S)

    @telling
    def _show(self, study: Study) -> None:
        self._take(study)

    def close(self) -> None:
        """End what runs."""
        if self._study:
            self._study.close()

    # ---- reviewing

    @telling
    def select(self, index: int) -> None:
        """Let all views show a place to review."""
        places = self._regions()
        if not 0 <= int(index) < len(places):
            return
        self.state.place, self.state.cutoff = int(index), 0.5
        if self._study.partOf(self.state.target) != self._study.partOf(places[int(index)].target):
            self._edit(places[int(index)].target)
        self.state.target = places[int(index)].target
        self.state.segment = self._study.segment_at(int(index)) or self.state.segment
        self._aim_editor()
        self._study.showPlace(int(index), bool(self.state.zoom))
        self._show_overlay()

    def step(self, by: int) -> None:
        """The place that many rows further on, round the ends."""
        count = len(self.state.places)
        if count:
            self.select((self.state.place + by) % count if self.state.place >= 0 else 0)

    @telling
    def decide(self, how: str = "looks_right") -> None:
        """Mark the place as reviewed, "looks_right" or "fixed", and go on to the next one that is not."""
        regions = self._regions()
        if not regions or how not in ("looks_right", "fixed"):
            return
        index = max(self.state.place, 0)
        self._study.setReviewed(index, how)
        self._refresh()
        self.select(reviewList.following(self._regions(), index))

    @telling
    def take_back(self) -> None:
        """Undo the last decision and go back to its place."""
        index = self._study.undoReview() if self._study and self._study.result else -1
        if index >= 0:
            self._refresh()
            self.select(index)

    @telling
    def set_cutoff(self, probability: float) -> None:
        """Let the structure of the current place begin at another probability there; one step for undo."""
        if self._study is None or self.state.place < 0:
            return
        from trame_slicer.segmentation.segmentation_undo_command import SegmentationLabelMapUndoCommand

        with SegmentationLabelMapUndoCommand.push_state_change(self.views.editor.active_segmentation):
            self._study.setCutOff(self.state.place, float(probability))
        self._after_edit()

    # ---- correcting

    @telling
    def undo(self) -> None:
        """Take back the last edit."""
        self.views.undo_stack.undo()
        self._after_edit()

    @telling
    def redo(self) -> None:
        """Do again what was taken back."""
        self.views.undo_stack.redo()
        self._after_edit()

    @telling
    def add_segment(self, key: str) -> None:
        """An empty segment for a structure that the model did not find."""
        if self._study and key in {spec.key for spec in self._study.missingSegments()}:
            self._study.addSegment(key)
            self._list_segments()
            self.state.segment = key

    # ---- writing

    def export(self, kind: str) -> bytes | None:
        """Bytes of a file of the result as it is now: "csv", "json" or "pdf"."""
        return self._export(str(kind))

    @telling
    def _export(self, kind: str) -> bytes:
        if self._study is None or self._study.result is None:
            raise InputError("There is no result to export yet.")
        self._after_edit()
        write = {"csv": self._study.exportCsv, "json": self._study.exportJson, "pdf": self._study.exportPdf}[kind]
        with tempfile.TemporaryDirectory() as folder:
            return write(Path(folder)).read_bytes()

    @telling
    def save(self) -> None:
        """Write everything into the folder "reviewed" of the opened folder."""
        if self._study is None or self._study.result is None:
            raise InputError("There is no result to save yet.")
        self._after_edit()
        target = self.folder.root / _SAVED
        if target.is_symlink():
            raise InputError(f"“{_SAVED}” in the opened folder is a link. Remove it.")
        self._study.exportAll(target)
        self.state.results = self.folder.results()
        self.state.message = f"Saved in {target}."

    # ---- helpers

    def _regions(self) -> list[Any]:
        return self._study.result.review_list() if self._study and self._study.result else []

    def _close_study(self) -> None:
        for stop in self._stop_observing:
            stop()
        self._stop_observing = []
        if self._study:
            self._study.close()
        self._study = None
        self.views.editor.deactivate_effect()
        self.views.undo_stack.clear()
        self._is_ignoring = True
        kept = (
            "results",
            "images",
            "modules",
            "module",
            "inputs",
            "chosen",
            "spacing",
            "speed",
            "overlay",
            "opacity",
            "threshold",
            "zoom",
            "sections",
        )
        self.state.update({name: value for name, value in STATE.items() if name not in kept})
        self._is_ignoring = False
        import slicer

        for kind in ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode", "vtkMRMLTableNode"):
            for node in slicer.util.getNodesByClass(kind):
                self.views.scene.RemoveNode(node)

    def _take(self, study: Study) -> None:
        """Show a study that has a result."""
        self._study = study
        study.prepare()
        targets = study.targets()
        self.state.update(
            {
                "study": f"{study.name} ({study.entry.title})",
                "warnings": list(study.result.warnings),
                "sections": ["review", "correct", "numbers"],
                "targets": contents.choices(targets),
                "target": next((region.target for region in self._regions()), next(iter(targets), "")),
                "backgrounds": contents.choices(study.backgrounds()),
                "background": study.result.image.name if study.backgrounds() else "",
            }
        )
        image = study.inputNode
        self.views.show(image, min(image.GetImageData().GetDimensions()) == 1, window(study.result.image, study.result.segments.values()))
        self._edit(self.state.target)
        self._stop_observing = [self.views.on_edited(node, self._on_edit) for node in study.segmentationNodes]
        self._show_overlay()
        self._show_solid()
        self._refresh()
        self.views.fit()

    def _edit(self, target: str) -> None:
        """Aim the editor at the segmentation of a target."""
        segmentation, image = self._study.edited(target)
        self.views.editor.set_active_segmentation(segmentation, image)
        self._list_segments()
        self.state.segment = next((choice["value"] for choice in self.state.segments), "")
        self._aim_editor()

    def _list_segments(self) -> None:
        segmentation = self.views.editor.active_segmentation_node.GetSegmentation()
        self.state.segments = contents.choices({key: segmentation.GetSegment(key).GetName() for key in segmentation.GetSegmentIDs()})
        self.state.missing = contents.choices({spec.key: spec.name for spec in self._study.missingSegments()})

    def _aim_editor(self) -> None:
        from trame_slicer.segmentation import SegmentationEffectErase, SegmentationEffectNoTool, SegmentationEffectPaint

        editor = self.views.editor
        if self._study is None or editor.active_segmentation is None:
            return
        if self.state.segment in editor.get_segment_ids():
            editor.set_active_segment_id(self.state.segment)
        effects = {"paint": SegmentationEffectPaint, "erase": SegmentationEffectErase}
        effect = editor.set_active_effect_type(effects.get(self.state.tool, SegmentationEffectNoTool))
        if self.state.tool in effects:
            from trame_slicer.segmentation import BrushDiameterMode

            effect.set_brush_diameter(float(self.state.brush), BrushDiameterMode.Absolute)
            effect.set_use_sphere_brush(bool(self.state.sphere))

    def _show_overlay(self) -> None:
        if self._study is None or self._study.result is None:
            return
        target = self.state.target if self.state.overlay else ""
        if not target and (part := self._study.partOf(self.state.target)):
            self._study.showOverlay("", float(self.state.opacity), float(self.state.threshold), part)
        else:
            self._study.showOverlay(target, float(self.state.opacity), float(self.state.threshold), self.state.background)
        self.views.show_legend()
        self.views.draw()

    def _show_solid(self) -> None:
        flat = self._study is not None and self._study.inputNode is not None and 1 in self._study.inputNode.GetImageData().GetDimensions()
        self.views.editor.show_3d(bool(self.state.solid) and not flat)
        self.views.draw()

    def _on_edit(self) -> None:
        """The scene changed: measure once it is still."""
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_event_loop().call_later(STILL_S, self._on_still)

    def _on_still(self) -> None:
        with self.state:
            self._after_edit()

    @telling
    def _after_edit(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._study and self._study.remeasure():
            self.state.edits += 1
            self._refresh()
        stack = self.views.undo_stack
        self.state.can_undo, self.state.can_redo = bool(stack.can_undo()), bool(stack.can_redo())
        self.views.draw()

    def _refresh(self) -> None:
        """Numbers and places as they are now."""
        study = self._study
        names = study.displayNames()
        self.state.table = contents.table(study.result.measurements, names)
        self.state.notes = study.notes()
        regions = self._regions()
        self.state.places = contents.places(regions, study.targets())
        self.state.summary = reviewList.summary(regions)

    def _list_inputs(self) -> None:
        """What the chosen module takes."""
        specs = INPUTS.get(self.state.module, ())
        self.state.inputs = [{"name": spec.name, "required": spec.required, "flat": spec.flat} for spec in specs]
        self.state.chosen = {spec.name: "" for spec in specs}

    @staticmethod
    def _parameters(module: str) -> set[str]:
        return {field.name for field in dataclasses.fields(find(module).parameters())}
