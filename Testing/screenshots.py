"""Pictures of the panels in each state, for the documentation: python Testing/screenshots.py [FOLDER] [--only renal|glioma|spleen|femur].

Drives the real .ui files, modules and worker on the stand-ins of Testing/Python/panel, with the models that ship, or with the
toys of the tests where there is none. Writes docs/screenshots/*.png, or into FOLDER. Slice views are drawn by
DeepVolumetryLib.host.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("RenalParenchyma", "GliomaUncertainty", "SpleenVolume", "FemurQCT", "Testing/Python", "Testing/Python/panel")
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in LIBRARIES)]

import screenshot  # noqa: E402
import standins  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from PySide6.QtGui import QImage  # noqa: E402
from toy import toy_model  # noqa: E402

from DeepVolumetryLib import modules  # noqa: E402
from DeepVolumetryLib.bundle import list_bundles  # noqa: E402
from DeepVolumetryLib.image import Image  # noqa: E402

WIDTH = 440
PATIENCE_S = 600
SECTIONS = ("inputs", "model", "segment", "review", "correct", "measurements", "export")
PATIENT = {"age": 52, "height": 178, "weight": 81, "creatinine": 1.1}


class Camera:
    """A panel and where its pictures go."""

    def __init__(self, key: str, folder: Path, scratch: Path) -> None:
        import qt
        from standins.dialogs import script
        from standins.loading import load_module

        self.isReal = bool(list_bundles(key))
        if self.isReal:
            script.answer(qt.QMessageBox.Yes)  # the license of its data is asked for once
        else:
            (scratch / key).mkdir()
            modules.MODULES[key] = toy_model.make(scratch / key, key)
        title = modules.MODULES[key].title
        self.folder, self.scratch = folder, scratch
        self.module = load_module(title, ROOT / title, show=True)
        self.ui, self.widget = self.module.ui, self.module.widget

    def take(self, name: str, *sections: str) -> Path:
        """One picture with only the given sections unfolded."""
        for section in SECTIONS:
            getattr(self.ui, f"{section}CollapsibleButton").collapsed = section not in sections
        return screenshot.grab(self.module.container, self.folder / f"{name}.png", WIDTH)

    def takeWithView(self, name: str, *sections: str) -> None:
        """As `take`, with the axial slice view beside it that shows what the panel made it show."""
        import slicer

        from DeepVolumetryLib.host.render import Look, draw_slice

        panel = self.take(name, *sections)
        composite = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
        background, overlay = (
            slicer.mrmlScene.GetNodeByID(identifier or "")
            for identifier in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
        )
        slice_to_ras = slicer.util.arrayFromVTKMatrix(slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed").GetSliceToRAS())
        shown = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetDisplayNode().GetVisibility()]
        height = QImage(str(panel)).height()
        view = draw_slice(Look(slice_to_ras[:3, 3]), background, height, shown[0], overlay, legend=True)
        Picture.fromarray(view).save(self.scratch / "view.png")
        screenshot.beside(panel, self.scratch / "view.png", panel)

    def wait(self, condition) -> None:
        import slicer

        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            slicer.app.processEvents()
            if time.monotonic() > deadline:
                raise TimeoutError(self.widget.runSection.message.text)
            time.sleep(0.01)

    def segment(self) -> None:
        """Press Segment and wait for everything that follows."""
        self.ui.runButton.click()
        self.wait(lambda: not self.widget.runSection.isRunning)
        if self.widget.logic.result is None:
            raise RuntimeError(f"{self.widget.runSection.message.text}\n{self.ui.logText.toPlainText()}")
        self.wait(lambda: self.widget.logic._measured is not None)

    def fail(self, name: str, running: str, progress: int) -> None:
        """Pictures of a run on its way and of a worker that was killed."""
        ui, widget = self.ui, self.widget
        ui.runButton.click()
        self.wait(lambda: ui.progressBar.maximum > 0 and ui.progressBar.value > progress)
        self.take(running, "inputs", "segment")
        os.kill(widget.logic._client.pid, signal.SIGKILL)
        self.wait(lambda: not widget.runSection.isRunning)
        ui.logCollapsibleButton.collapsed = not ui.logText.toPlainText()
        self.take(name, "inputs", "segment")
        ui.logCollapsibleButton.collapsed = True
        widget.runSection.message.clear()

    def takeExport(self, name: str) -> None:
        self.ui.exportFolderPathLineEdit.currentPath = str(self.scratch / "Report")
        self.ui.exportAllButton.click()
        self.ui.exportFolderPathLineEdit.currentPath = "Documents/Report"
        self.widget.exportSection.message.info("Written to Documents/Report")
        self.take(name, "export")


def takeRenal(camera: Camera) -> None:
    ui = camera.ui
    camera.take("1-empty", "inputs", "segment")
    node = _renalStudy(camera)
    ui.sexComboBox.currentIndex = 2
    for name, value in PATIENT.items():
        getattr(ui, f"{name}SpinBox").value = value
    camera.fail("8-error", "3-running", 300 if camera.isReal else 20)
    node.SetName("Abdomen CT")
    camera.take("2-ready", "inputs", "model", "segment")
    camera.segment()
    for _ in range(3):
        ui.looksRightButton.click()
    camera.take("4-review", "segment", "review")
    camera.take("5-correct", "review", "correct")
    camera.take("6-measurements", "measurements")
    camera.takeExport("7-export")


def _renalStudy(camera: Camera):
    """The phantom study; for the toy, its labels as the gray values that the toy understands."""
    from DeepVolumetryLib.mrml.volumes import node_from_image
    from RenalParenchymaLib import demo

    if camera.isReal:
        node = camera.widget.logic.makeSample()
        node.SetName("Abdomen CT")
    else:
        labels, names = demo.reference()
        values = {"parenchyma": 100, "tumor": 200, "cyst": 300, "sinus": 40}
        voxels = sum((labels.voxels == value) * values[called.split("_")[1]] for value, called in names.items())
        node = node_from_image(Image(voxels.astype("int16"), labels.ijk_to_ras, "CT"), "slow")
    camera.ui.inputSelector.setCurrentNode(node)
    return node


def takeGlioma(camera: Camera) -> None:
    from DeepVolumetryLib.mrml.volumes import node_from_image
    from GliomaUncertaintyLib import demo

    ui, widget = camera.ui, camera.widget
    camera.take("glioma-1-empty", "inputs", "segment")
    for name, image in demo.study().items():
        node_from_image(image, widget.logic.sampleNames[name])
    ui.guessButton.click()
    camera.take("glioma-2-ready", "inputs", "model", "segment")
    if not camera.isReal:
        ui.flairSelector.currentNode().SetName("slow")
    camera.fail("glioma-10-error", "glioma-3-running", 300 if camera.isReal else 20)
    ui.flairSelector.currentNode().SetName("GliomaPhantom FLAIR")
    camera.segment()
    camera.takeWithView("glioma-4-result", "segment", "review")
    for _ in range(2):
        ui.looksRightButton.click()
    camera.takeWithView("glioma-5-regions", "review")
    ui.overlayTargetComboBox.currentIndex = 0
    ui.overlayCheckBox.checked = False
    ui.hideCheckBox.checked = True
    camera.takeWithView("glioma-6-certain", "review")
    ui.hideCheckBox.checked, ui.overlayCheckBox.checked = False, True
    camera.take("glioma-7-correct", "correct")
    _priorStudy(camera)
    _compareWithTruth(camera)
    camera.take("glioma-8-measurements", "measurements")
    camera.takeExport("glioma-9-export")


def _priorStudy(camera: Camera) -> None:
    """A report of the same tumor when it was smaller."""
    import json

    path = camera.widget.logic.exportJson(camera.scratch / "Prior")
    report = json.loads(path.read_text(encoding="utf-8"))
    for measurement in report["measurements"]:
        for bound in ("value", "low", "high"):
            if measurement["unit"] in ("mL", "mm2") and measurement.get(bound):
                measurement[bound] *= 0.66
    report["inputs"] = []
    path.write_text(json.dumps(report), encoding="utf-8")
    camera.ui.priorPathLineEdit.currentPath = str(path)
    camera.ui.priorPathLineEdit.blockSignals(True)
    camera.ui.priorPathLineEdit.currentPath = "Documents/2026-05/report.json"
    camera.ui.priorPathLineEdit.blockSignals(False)


def _compareWithTruth(camera: Camera) -> None:
    import slicer

    from DeepVolumetryLib.mrml.volumes import node_from_image
    from GliomaUncertaintyLib import demo

    labels, _names = demo.reference()
    volume = node_from_image(labels, "truth")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Radiologist")
    slicer.modules.volumes.logic().CreateLabelVolumeFromVolume(slicer.mrmlScene, node, volume)
    slicer.mrmlScene.RemoveNode(volume)
    ui = camera.ui
    ui.measurementsCollapsibleButton.collapsed = ui.comparisonCollapsibleButton.collapsed = False
    ui.referenceSelector.setCurrentNode(node)
    ui.referenceSchemeComboBox.currentIndex = ui.referenceSchemeComboBox.findData("brats2021")
    ui.compareButton.click()


def takeSpleen(camera: Camera) -> None:
    ui = camera.ui
    camera.take("spleen-1-empty", "inputs", "segment")
    _spleenWithoutSize(camera)
    ui.sampleDataButton.click()
    ui.sexComboBox.currentIndex = 2
    ui.ageSpinBox.value, ui.heightSpinBox.value = 43, 181
    ui.patientCollapsibleButton.collapsed = ui.turnCollapsibleButton.collapsed = False
    camera.take("spleen-3-ready", "inputs", "model", "segment")
    ui.patientCollapsibleButton.collapsed = ui.turnCollapsibleButton.collapsed = True
    camera.segment()
    camera.takeWithView("spleen-4-coronal", "segment", "review")
    places = [region.target for region in camera.widget.logic.result.review_list()]
    if "transverse spleen" in places:
        camera.widget.reviewSection.select(places.index("transverse spleen"))
    else:
        ui.overlayTargetComboBox.currentIndex = 1
    camera.takeWithView("spleen-5-transverse", "review", "correct")
    ui.shapesButton.click()
    camera.take("spleen-6-measurements", "measurements")
    camera.takeExport("spleen-7-export")


def _spleenWithoutSize(camera: Camera) -> None:
    """A picture that states no pixel size, with a line on it."""
    import slicer

    from DeepVolumetryLib.mrml.volumes import local_matrix
    from SpleenVolumeLib import demo

    ui = camera.ui
    image = next(iter(demo.study().values()))
    node = slicer.util.addVolumeFromArray(image.voxels, name="Screenshot", nodeClassName="vtkMRMLScalarVolumeNode")
    ui.coronalSelector.setCurrentNode(node)
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Depth scale")
    ends = [(20, 60), (20, 60 + round(100 / image.spacing[1]))]
    for column, row in ends:
        line.AddControlPointWorld(*(local_matrix(node) @ (column, row, 0, 1))[:3])
    ui.coronalLineSelector.setCurrentNode(line)
    ui.coronalLineSpinBox.value = 100
    ui.sizeCollapsibleButton.collapsed = False
    camera.take("spleen-2-pixel-size", "inputs")
    ui.sizeCollapsibleButton.collapsed = True
    slicer.mrmlScene.RemoveNode(node)
    slicer.mrmlScene.RemoveNode(line)


def takeFemur(camera: Camera) -> None:
    ui, widget = camera.ui, camera.widget
    ui.calibrationCollapsibleButton.collapsed = False
    camera.take("femur-1-empty", "inputs", "segment")
    ui.sampleDataButton.click()
    parameters = widget.logic.getParameterNode()
    parameters.phantom = type(parameters.phantom)("qrm_bdc_3")
    camera.take("femur-2-ready", "inputs", "segment")
    ui.calibrationCollapsibleButton.collapsed = True
    if not camera.isReal:
        ui.inputSelector.currentNode().SetName("slow")
    camera.fail("femur-6-error", "femur-3-running", 300 if camera.isReal else 20)
    ui.inputSelector.currentNode().SetName("Hip QCT")
    camera.segment()
    camera.takeWithView("femur-4-result", "segment", "review")
    ui.calibrationCollapsibleButton.collapsed = False
    camera.take("femur-7-calibration", "inputs")
    ui.calibrationCollapsibleButton.collapsed = True
    ui.strengthButton.click()
    camera.take("femur-5-bone", "measurements")
    ui.densityCheckBox.checked = True
    camera.takeWithView("femur-8-density", "segment", "review")


def main() -> None:
    takes = {"renal": takeRenal, "glioma": takeGlioma, "spleen": takeSpleen, "femur": takeFemur}
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "screenshots")
    parser.add_argument("--only", choices=takes)
    arguments = parser.parse_args()
    standins.install()
    import slicer

    with tempfile.TemporaryDirectory() as scratch:
        for key, take in takes.items():
            if arguments.only in (None, key):
                camera = Camera(key, arguments.folder, Path(scratch))
                take(camera)
                camera.module.unload()
                slicer.mrmlScene.Clear(0)


if __name__ == "__main__":
    main()
