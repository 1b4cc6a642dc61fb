"""VolumetryWidget: the panel that the four modules share; builds the sections and passes events between them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from ..errors import Cancelled, DeepVolumetryError
from . import dependencies
from .boneSection import BoneSection
from .certaintySection import CertaintySection
from .comparisonSection import ComparisonSection
from .correctSection import CorrectSection
from .exportSection import ExportSection
from .inputsSection import InputsSection
from .labelMapSection import LabelMapSection
from .measurementsSection import MeasurementsSection
from .modelSection import ModelSection
from .reviewSection import ReviewSection
from .runSection import RunSection
from .shapesSection import ShapesSection
from .shortcuts import REVIEW_KEYS, Shortcuts

FOLDER = Path(__file__).parent
PARTS = {
    "Bone": BoneSection,
    "Certainty": CertaintySection,
    "Comparison": ComparisonSection,
    "LabelMap": LabelMapSection,
    "Shapes": ShapesSection,
}


class VolumetryWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Inputs and Model come from the module's own .ui file, the other five sections from Workflow.ui.

    A module derives from it and says with `makeLogic` what computes.

    Attributes:
        inputs: name of the pipeline's input -> what the names of its selector and its message begin with.
        parts: further parts of the panel that the module wants, of `PARTS`.
    """

    inputs: Mapping[str, str] = {"volume": "input"}
    parts: Sequence[str] = ()

    def __init__(self, parent=None) -> None:
        # Slicer may call setup() from the base class.
        VTKObservationMixin.__init__(self)
        self._parameterNode = None
        self._guiTag = None
        self._isEntered = False
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def makeLogic(self):
        """The module's `SegmentationLogic`."""
        raise NotImplementedError

    def showParameters(self, parameterNode) -> None:
        """For a module: bring controls up to date that depend on parameters set in others."""

    # ---- life of the panel

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = self.makeLogic()
        self._loadUi()
        self.inputsSection = InputsSection(self.ui, self.logic, self.inputs, self._refreshReady)
        self.modelSection = ModelSection(self.ui, self.logic.module, self._ensureDependencies)
        self.runSection = RunSection(self.ui, self.onSegment, self.onCancel, self.poll)
        self.reviewSection = ReviewSection(self.ui, self._onReviewed, self._onRegionSelected, self._showOverlay, self._onUndoReview)
        self.shortcuts = Shortcuts(self.ui, REVIEW_KEYS)
        self.correctSection = CorrectSection(self.ui, self._onEdited, self._onCutOff, self._onAddSegment, self._onArea)
        self.measurementsSection = MeasurementsSection(self.ui, self.logic)
        self.partSections = [PARTS[part](self.ui, self.logic) for part in self.parts]
        self.exportSection = ExportSection(
            self.ui,
            {
                "exportCsvButton": self.logic.exportCsv,
                "exportJsonButton": self.logic.exportJson,
                "exportAllButton": self.logic.exportAll,
                "exportPdfButton": self._exportPdf,
                "exportDicomButton": self._exportDicom,
                "exportLabelMapButton": self.logic.exportLabelMap,
            },
        )
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        self._connectParameterNode()

    def cleanup(self) -> None:
        """The module is reloaded or Slicer ends: stop the run, leave nothing behind."""
        self.removeObservers()
        self.runSection.stop()
        self._disconnectParameterNode()
        self.correctSection.cleanup()
        self.shortcuts.cleanup()
        for section in self.partSections:
            section.cleanup()
        self.logic.close()

    def enter(self) -> None:
        self._isEntered = True
        self._connectParameterNode()
        self.inputsSection.preselect()
        self.correctSection.enter()
        self.shortcuts.enter()
        self._restore()

    def exit(self) -> None:
        self._isEntered = False
        self._disconnectParameterNode()
        self.correctSection.exit()
        self.shortcuts.exit()

    def onSceneStartClose(self, caller, event) -> None:
        if self.logic.isRunning:
            self.logic.cancel()
            self._endRun()
            self.runSection.message.warning(_("The scene was closed, so the segmentation was stopped."))
        else:
            self.runSection.message.clear()
        self._disconnectParameterNode()
        self.correctSection.show(None, None)
        self.correctSection.removeEditorNode()
        self.logic.forget()

    def onSceneEndClose(self, caller, event) -> None:
        self._refreshResult()
        if self._isEntered:
            self._connectParameterNode()

    def onSceneEndImport(self, caller, event) -> None:
        if self._isEntered:
            self._connectParameterNode()
            self._restore()

    def _restore(self) -> None:
        """A scene that was loaded may hold a result: show it as it was reviewed and edited."""
        if self.logic.result is not None or self.logic.isRunning:
            return
        said = self.logic.restore(self._shownParameters)
        if self.logic.result is not None:
            self._refreshResult()
            for section in (self.ui.reviewCollapsibleButton, self.ui.measurementsCollapsibleButton):
                section.collapsed = False
        if said:
            self.runSection.message.hint(said)

    def onNodeRemoved(self, caller, event) -> None:
        if slicer.mrmlScene.IsClosing():
            return
        if self.logic.isRunning:
            self.poll()
        elif self.logic.isGone:
            self.logic.forget()
            self._refreshResult()

    # ---- running

    def onSegment(self) -> None:
        parameterNode = self._parameterNode
        try:
            self._ensureDependencies()
            if not self.modelSection.confirm():
                self.runSection.message.hint(_("The license of the model was not accepted, so nothing was done."))
                return
            parameters = self.logic.parameters(parameterNode)
            self.logic.start(self.inputsSection.nodes, parameters, bundle=self.modelSection.bundle, device=parameterNode.device.value)
        except DeepVolumetryError as error:
            self.runSection.message.error(str(error))
            return
        self.runSection.start()
        self.inputsSection.setEnabled(False)
        self._refreshReady()

    def onCancel(self) -> None:
        self.logic.cancel()
        self.poll()

    def poll(self) -> None:
        """Show what happened in the worker since the last call."""
        from ..engine.events import ErrorEvent, LogEvent, ProgressEvent, ResultEvent

        for event in self.logic.poll():
            if isinstance(event, ProgressEvent):
                self.runSection.showProgress(event.phase, event.fraction, event.remaining_s)
            elif isinstance(event, LogEvent):
                self.runSection.log(event.text)
            elif isinstance(event, ErrorEvent):
                self._endRun()
                self._showError(event)
            elif isinstance(event, ResultEvent):
                self._endRun()
                self._showDone()

    def _showError(self, event) -> None:
        if event.exit_code == Cancelled.exit_code:
            self.runSection.message.hint(event.message)
        else:
            # The sentence is for the panel: it may hold the name of a volume, and that the name of a patient.
            logging.error("The segmentation ended with code %s while “%s”", event.exit_code, event.phase)
            self.runSection.message.error(event.message)

    def _showDone(self) -> None:
        result = self.logic.result
        if self._parameterNode:
            self._parameterNode.outputSegmentation = self.logic.segmentationNode
        if result.warnings:
            bullet = "• " if len(result.warnings) > 1 else ""
            self.runSection.message.warning("\n".join(f"{bullet}{warning}" for warning in result.warnings))
        else:
            seconds = result.provenance.seconds.get("total", 0)
            self.runSection.message.info(_("Done in {seconds} s.").format(seconds=max(1, round(seconds))))
        for section in (self.ui.reviewCollapsibleButton, self.ui.measurementsCollapsibleButton):
            section.collapsed = False
        self._refreshResult()
        qt.QTimer.singleShot(0, self._prepareCorrections)

    def _prepareCorrections(self) -> None:
        """After the numbers are on the screen: what live measuring needs."""
        self.logic.prepare()
        self._refreshMeasurements()

    def _endRun(self) -> None:
        self.runSection.stop()
        self.inputsSection.setEnabled(True)
        self._refreshReady()

    # ---- after the run

    def _refreshResult(self) -> None:
        """Everything that depends on the result or on its absence."""
        self.reviewSection.showBackgrounds(self.logic.backgrounds(), self.logic.preferredBackground)
        self._refreshRegions()
        self.correctSection.show(*self.logic.edited(self.reviewSection.target), self.logic.segmentationNodes)
        self.correctSection.showMissing(self.logic.missingSegments())
        self._refreshMeasurements()
        self._showOverlay()

    def _refreshRegions(self) -> None:
        result = self.logic.result
        regions = result.review_list() if result else ()
        self.reviewSection.show(regions, self.logic.targets(), getattr(self._parameterNode, "overlayTarget", ""))

    def _refreshMeasurements(self) -> None:
        result = self.logic.result
        self.measurementsSection.show(result.measurements if result else (), self.logic.notes(), self.logic.displayNames())
        self.exportSection.refresh(result is not None)
        for section in self.partSections:
            section.refresh()

    def _onParametersChanged(self, caller, event) -> None:
        """Facts about the patient may be given after the run: verdicts and indexed values follow."""
        self.showParameters(self._parameterNode)
        parameters = self.logic.parameters(self._parameterNode)
        if parameters == self._shownParameters:
            return
        self._shownParameters = parameters
        try:
            self.logic.setParameters(parameters)
        except DeepVolumetryError as error:
            self.inputsSection.message.warning(str(error))
        else:
            self.inputsSection.refresh()
            self._refreshMeasurements()

    def _onReviewed(self, index: int, how: str) -> None:
        self.logic.setReviewed(index, how)
        self._refreshAfterCorrection()

    def _onUndoReview(self) -> int:
        index = self.logic.undoReview()
        if index >= 0:
            self._refreshAfterCorrection()
        return index

    def _onEdited(self) -> None:
        if self.logic.remeasure():
            self._refreshAfterCorrection()

    def _onRegionSelected(self, index: int) -> None:
        self.logic.showPlace(index, self.ui.zoomCheckBox.checked)
        self.correctSection.showRegion(self.logic.result.review_list()[index].target)

    def _onCutOff(self, probability: float) -> None:
        self.ui.segmentEditorWidget.saveStateForUndo()
        if not self.ui.areaButton.checked:
            self.logic.setCutOff(self.reviewSection.current, probability)
        elif not self.logic.setCutOffInArea(self.reviewSection.target, probability):
            self.correctSection.message.warning(_("Paint the area first where the cut-off is to change."))

    def _onArea(self, isOn: bool) -> str:
        if isOn:
            return self.logic.beginArea(self.reviewSection.target)
        self.logic.endArea()
        return ""

    def _onAddSegment(self, key: str) -> None:
        self.logic.addSegment(key)
        self.correctSection.showMissing(self.logic.missingSegments())

    def _refreshAfterCorrection(self) -> None:
        self.correctSection.showMissing(self.logic.missingSegments())
        self._refreshRegions()
        self._refreshMeasurements()

    def _showOverlay(self) -> None:
        review = self.reviewSection
        if review.target and hasattr(self._parameterNode, "overlayTarget"):
            self._parameterNode.overlayTarget = review.target
        self.correctSection.edit(*self.logic.edited(review.target))
        self.logic.showOverlay(
            review.overlayTarget, self.ui.opacitySlider.value, self.ui.thresholdSlider.value, review.background or review.target
        )

    # ---- helpers

    def _loadUi(self) -> None:
        panel = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        workflow = slicer.util.loadUI(str(FOLDER / "Workflow.ui"))
        panel.layout().addWidget(workflow)
        for part in self.parts:
            widget = slicer.util.loadUI(str(FOLDER / f"{part}.ui"))
            place = slicer.util.findChild(workflow, f"{widget.objectName}Place")
            place.layout().addWidget(widget)
            place.setVisible(True)
            widget.setMRMLScene(slicer.mrmlScene)
        self.layout.addWidget(panel)
        self.layout.addStretch(1)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        workflow.setMRMLScene(slicer.mrmlScene)

    def _connectParameterNode(self) -> None:
        self._disconnectParameterNode()
        self._parameterNode = self.logic.getParameterNode()
        self._guiTag = self._parameterNode.connectGui(self.ui)
        self._shownParameters = self.logic.parameters(self._parameterNode)
        self.showParameters(self._parameterNode)
        self.addObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersChanged)
        self.inputsSection.preselect()
        self._refreshReady()

    def _disconnectParameterNode(self) -> None:
        if self._parameterNode and self._guiTag is not None:
            self.removeObservers(self._onParametersChanged)
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = self._guiTag = None

    def _refreshReady(self) -> None:
        self.inputsSection.refresh()
        self.runSection.setReady(self.inputsSection.problem)

    def _ensureDependencies(self) -> None:
        dependencies.ensure(Path(self.resourcePath(f"{self.moduleName}/requirements.txt")), self.moduleName)

    def _exportPdf(self, folder: Path) -> Path:
        dependencies.ensurePackages(dependencies.REPORT_REQUIREMENTS, self.moduleName, _("PDF"))
        return self.logic.exportPdf(folder, self.ui.exportDeidentifyCheckBox.checked)

    def _exportDicom(self, folder: Path) -> Path:
        dependencies.ensurePackages(dependencies.REPORT_REQUIREMENTS, self.moduleName, _("DICOM"))
        return self.logic.exportDicom(folder, self.ui.exportDeidentifyCheckBox.checked)
