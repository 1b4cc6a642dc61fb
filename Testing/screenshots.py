"""Pictures of the panel in each state, for the documentation: python Testing/screenshots.py [FOLDER].

Drives the real .ui files, module and worker on the stand-ins of Testing/Python/panel, with the model that ships, or with the
toy of the tests if there is none. Writes docs/screenshots/*.png, or into FOLDER.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "RenalParenchyma"), str(ROOT / "Testing" / "Python" / "panel")]

import screenshot  # noqa: E402
import standins  # noqa: E402
from toy import toy_model  # noqa: E402

from DeepVolumetryLib import modules  # noqa: E402
from DeepVolumetryLib.bundle import list_bundles  # noqa: E402
from DeepVolumetryLib.image import Image  # noqa: E402

WIDTH = 440
PATIENCE_S = 150
SECTIONS = ("inputs", "model", "segment", "review", "correct", "measurements", "export")
PATIENT = {"age": 52, "height": 178, "weight": 81, "creatinine": 1.1}


class Camera:
    """The panel and where its pictures go."""

    def __init__(self, folder: Path, isReal: bool) -> None:
        import qt
        from standins.dialogs import script
        from standins.loading import load_module

        if isReal:
            script.answer(qt.QMessageBox.Yes)  # the license of its data is asked for once
        self.folder, self.isReal = folder, isReal
        self.module = load_module("RenalParenchyma", ROOT / "RenalParenchyma", show=True)
        self.ui, self.widget = self.module.ui, self.module.widget

    def take(self, name: str, *sections: str) -> None:
        """One picture with only the given sections unfolded."""
        for section in SECTIONS:
            getattr(self.ui, f"{section}CollapsibleButton").collapsed = section not in sections
        screenshot.grab(self.module.container, self.folder / f"{name}.png", WIDTH)

    def wait(self, condition) -> None:
        import slicer

        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            slicer.app.processEvents()
            if time.monotonic() > deadline:
                raise TimeoutError(self.widget.runSection.message.text)
            time.sleep(0.01)

    def load(self, name: str):
        """The phantom study; for the toy, its labels as the gray values that the toy understands."""
        from DeepVolumetryLib.mrml.volumes import node_from_image
        from RenalParenchymaLib import demo

        if self.isReal:
            node = self.widget.logic.makeSample()
            node.SetName("Abdomen CT")
        else:
            labels, names = demo.reference()
            values = {"parenchyma": 100, "tumor": 200, "cyst": 300, "sinus": 40}
            voxels = sum((labels.voxels == value) * values[called.split("_")[1]] for value, called in names.items())
            node = node_from_image(Image(voxels.astype("int16"), labels.ijk_to_ras, "CT"), name)
        self.ui.inputSelector.setCurrentNode(node)
        return node


def main(folder: Path) -> None:
    standins.install()
    with tempfile.TemporaryDirectory() as toy:
        isReal = bool(list_bundles("renal"))
        if not isReal:
            modules.MODULES["renal"] = toy_model.make(Path(toy))
        takeAll(Camera(folder, isReal), Path(toy))


def takeAll(camera: Camera, scratch: Path) -> None:
    ui, widget = camera.ui, camera.widget
    camera.take("1-empty", "inputs", "segment")

    node = camera.load("slow")
    ui.sexComboBox.currentIndex = 2
    for name, value in PATIENT.items():
        getattr(ui, f"{name}SpinBox").value = value
    ui.runButton.click()
    camera.wait(lambda: ui.progressBar.maximum > 0 and ui.progressBar.value > (300 if camera.isReal else 20))
    camera.take("3-running", "inputs", "segment")
    os.kill(widget.logic._client.pid, signal.SIGKILL)
    camera.wait(lambda: not widget.runSection.isRunning)
    ui.logCollapsibleButton.collapsed = not ui.logText.toPlainText()
    camera.take("8-error", "inputs", "segment")
    ui.logCollapsibleButton.collapsed = True

    node.SetName("Abdomen CT")
    widget.runSection.message.clear()
    camera.take("2-ready", "inputs", "model", "segment")
    ui.runButton.click()
    camera.wait(lambda: widget.logic.result is not None and not widget.runSection.isRunning)
    camera.wait(lambda: widget.logic.notes())
    for _ in range(3):
        ui.looksRightButton.click()
    camera.take("4-review", "segment", "review")
    camera.take("5-correct", "review", "correct")
    camera.take("6-measurements", "measurements")

    ui.exportFolderPathLineEdit.currentPath = str(scratch / "Report")
    ui.exportAllButton.click()
    ui.exportFolderPathLineEdit.currentPath = "Documents/Report"
    widget.exportSection.message.info("Written to Documents/Report")
    camera.take("7-export", "export")
    camera.module.unload()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots")
