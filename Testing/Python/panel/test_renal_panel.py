"""RenalParenchyma's panel as a radiologist uses it, from the inputs to the result: real files, MRML and worker, a toy model."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from driver import PanelDriver, node_ids

from DeepVolumetryLib import modules

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    import sys

    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy"))


class Panel(PanelDriver):
    """The panel, and what one does with it."""

    def choose(self, name="Abdomen", values=None):
        import slicer

        node = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2), np.int16)) if values is not None else self.logic.makeSample()
        if values is not None:
            slicer.util.updateVolumeFromArray(node, values)
        node.SetName(name)
        self.ui.inputSelector.setCurrentNode(node)
        return node

    def begin(self, name="slow"):
        """Start a run that will not end by itself; returns when the worker is at it."""
        node = self.choose(name)
        self.ui.runButton.click()
        self.wait(lambda: "Finding" in self.ui.phaseLabel.text, 60)
        return node

    def segment(self, name="Abdomen"):
        node = self.choose(name)
        self.run()
        return node


@pytest.fixture
def a_panel(load_module, process_events, monkeypatch, the_toy_model):
    monkeypatch.setitem(modules.MODULES, "renal", the_toy_model)
    return Panel(load_module("RenalParenchyma", ROOT / "RenalParenchyma", show=True), process_events)


@pytest.fixture
def a_segmented_panel(a_panel, a_warm_worker):
    a_panel.logic._client = a_warm_worker
    a_panel.segment()
    assert a_panel.logic.result is not None, a_panel.message
    return a_panel


# ---- before the run


def test_empty_panel_says_what_is_missing_and_offers_the_sample(a_panel):
    assert a_panel.widget.inputsSection.message.text == "Choose a volume, or press Sample data."
    assert not a_panel.ui.runButton.enabled
    assert a_panel.ui.runButton.toolTip == "Choose a volume, or press Sample data."
    a_panel.ui.sampleDataButton.click()
    assert a_panel.ui.inputSelector.currentNode().GetName() == "RenalPhantom"
    assert a_panel.ui.runButton.enabled and a_panel.widget.inputsSection.message.text == ""


def test_sample_that_cannot_be_made_is_explained_in_the_panel(a_panel):
    def full_disk(*_):
        raise OSError("no space left")

    a_panel.widget.inputsSection._loadSamples = full_disk
    a_panel.ui.sampleDataButton.click()
    assert a_panel.widget.inputsSection.message.text == "The sample could not be made (no space left). Choose a volume."


def test_only_volume_of_the_scene_is_chosen_when_the_module_is_entered(a_panel):
    a_panel.module.exit()
    node = a_panel.logic.makeSample()
    a_panel.module.enter()
    assert a_panel.ui.inputSelector.currentNode() is node


def test_one_slice_is_refused_beside_the_selector(a_panel):
    a_panel.choose("Scout", np.zeros((1, 20, 20), np.int16))
    assert a_panel.widget.inputsSection.message.text == "Scout has only one slice. Choose a volume."
    assert not a_panel.ui.runButton.enabled


def test_what_was_entered_is_saved_with_the_scene(a_panel):
    a_panel.ui.ageSpinBox.value = 52
    a_panel.ui.sexComboBox.currentIndex = 2
    node = a_panel.logic.getParameterNode()
    assert (node.age, node.sex.value, a_panel.ui.sexComboBox.currentText) == (52, "male", "male")


def test_creatinine_is_shown_in_si_units_too(a_panel):
    a_panel.ui.creatinineSpinBox.value = 1.1
    assert a_panel.ui.creatinineSiLabel.text == "= 97 µmol/L"


def test_declined_packages_are_named_in_the_panel_and_nothing_runs(a_panel, packages, dialogs):
    import qt

    packages.missing.add("monai")
    dialogs.answer(qt.QMessageBox.Cancel)
    a_panel.choose()
    a_panel.ui.runButton.click()
    assert a_panel.message == "RenalParenchyma needs Python packages that were not installed. Press Segment again to install them."
    assert not a_panel.logic.isRunning


def test_slicer_before_5_11_asks_once_and_installs(a_panel, without_slicer_packaging, dialogs, monkeypatch):
    from importlib import metadata

    import qt

    real = metadata.version

    def version(name):
        if name == "monai":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    dialogs.answer(qt.QMessageBox.Ok)
    a_panel.choose("slow")
    a_panel.ui.runButton.click()
    assert "monai>=1.4" in dialogs.shown[0].text and without_slicer_packaging.installed == ["monai>=1.4"]
    a_panel.ui.runButton.click()


def test_model_whose_checksum_differs_is_not_run(a_panel, the_toy_model):
    weights = the_toy_model.models_folder / "toy_kidneys" / "models" / "model.safetensors"
    before = weights.read_text()
    weights.write_text("other weights")
    try:
        a_panel.choose()
        a_panel.ui.runButton.click()
        assert "is not the one that was checked" in a_panel.message
        assert not a_panel.logic.isRunning
    finally:
        weights.write_text(before)


def test_non_commercial_model_asks_once_before_its_first_use(a_panel, the_toy_model, dialogs):
    import qt

    metadata = the_toy_model.models_folder / "toy_kidneys" / "configs" / "metadata.json"
    before = metadata.read_text()
    metadata.write_text(json.dumps({**json.loads(before), "license": "CC BY-NC 4.0"}))
    try:
        a_panel.choose("slow")
        dialogs.answer(qt.QMessageBox.No)
        a_panel.ui.runButton.click()
        assert a_panel.message == "The license of the model was not accepted, so nothing was done."
        dialogs.answer(qt.QMessageBox.Yes)
        for _ in range(2):
            a_panel.ui.runButton.click()
            assert a_panel.logic.isRunning
            a_panel.ui.runButton.click()
        assert len(dialogs.shown) == 2 and "CC BY-NC 4.0" in dialogs.shown[0].text
    finally:
        metadata.write_text(before)
        qt.QSettings().remove("DeepVolumetry/acceptedModels")


# ---- the run


def test_one_click_gives_segmentation_map_table_and_places_to_review(a_segmented_panel):
    panel = a_segmented_panel
    assert panel.message.startswith("Done in")
    assert panel.segmentation.GetName() == "Abdomen RenalParenchyma"
    assert panel.segmentation.GetSegmentation().GetNumberOfSegments() == 6
    assert panel.logic.getParameterNode().outputSegmentation is panel.segmentation
    assert panel.ui.regionTable.rowCount == len(panel.logic.result.regions) > 0
    known = panel.logic.result.segments["left_kidney"].sum() * panel.logic.result.image.voxel_ml
    assert panel.cell("Kidney/Volume", "Left").startswith(f"{known:.0f}\n(")
    assert not panel.ui.reviewCollapsibleButton.collapsed and not panel.ui.measurementsCollapsibleButton.collapsed


def test_button_cancels_within_a_second_and_leaves_the_scene_as_it_was(a_panel):
    a_panel.begin()
    before, started = node_ids(), time.monotonic()
    assert a_panel.ui.runButton.text == "Cancel" and not a_panel.ui.inputSelector.enabled
    a_panel.ui.runButton.click()
    assert time.monotonic() - started < 1
    assert (a_panel.message, a_panel.ui.runButton.text) == ("Cancelled. Nothing was changed.", "Segment")
    assert node_ids() == before and a_panel.ui.inputSelector.enabled


def test_progress_shows_phase_and_time_left(a_panel):
    a_panel.begin()
    a_panel.wait(lambda: "left" in a_panel.ui.phaseLabel.text, 30)
    phase, remaining = a_panel.ui.phaseLabel.text.split(" · ")
    assert phase == "Finding the kidneys" and remaining.startswith("about ")
    a_panel.ui.runButton.click()


def test_closing_the_scene_mid_run_leaves_no_nodes_behind(a_panel):
    import slicer

    a_panel.begin()
    slicer.mrmlScene.Clear(0)
    a_panel.wait()
    assert a_panel.message == "The scene was closed, so the segmentation was stopped."
    assert not a_panel.logic.isRunning and a_panel.ui.runButton.text == "Segment"
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode") and not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_reloading_the_module_mid_run_ends_the_worker_and_leaves_no_nodes(a_panel):
    import slicer

    a_panel.begin()
    worker, before = a_panel.logic._client._process.popen, node_ids()
    a_panel.module.reload()
    assert worker.poll() is not None
    assert node_ids() == before and not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert a_panel.module.ui.runButton.text == "Segment" and a_panel.module.ui.runButton.enabled


def test_deleting_the_input_mid_run_stops_it_and_says_so(a_panel):
    import slicer

    node = a_panel.begin()
    slicer.mrmlScene.RemoveNode(node)
    a_panel.wait(lambda: not a_panel.widget.runSection.isRunning, 5)
    assert a_panel.message == "slow was removed from the scene, so the segmentation was stopped."
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_second_run_at_once_is_refused_and_the_first_goes_on(a_panel):
    from DeepVolumetryLib.errors import InputError

    node = a_panel.begin()
    with pytest.raises(InputError, match="already running"):
        a_panel.logic.start({"volume": node}, {})
    assert a_panel.logic.isRunning
    a_panel.ui.runButton.click()


def test_worker_that_dies_is_explained_logged_and_replaced(a_panel):
    before = node_ids() | {a_panel.choose("dies").GetID()}
    a_panel.run()
    assert a_panel.message.startswith("The computation ended unexpectedly during “Finding the kidneys” (code 7).")
    assert "the graphics driver is gone" in a_panel.ui.logText.toPlainText()
    assert not [node for node in node_ids() - before if "Segmentation" in node or "Table" in node]
    a_panel.ui.inputSelector.currentNode().SetName("Abdomen")
    a_panel.run()
    assert a_panel.logic.result is not None, a_panel.message


def test_refused_image_is_explained_in_the_panel(a_panel):
    a_panel.choose("refused")
    a_panel.run()
    assert a_panel.message == "The kidneys are not in the image. Choose a volume of the abdomen."


def test_running_again_updates_the_same_nodes(a_segmented_panel):
    first, before = a_segmented_panel.segmentation, node_ids()
    a_segmented_panel.run()
    assert a_segmented_panel.segmentation is first and node_ids() == before


def test_deleting_the_segmentation_empties_the_panel(a_segmented_panel):
    import slicer

    slicer.mrmlScene.RemoveNode(a_segmented_panel.segmentation)
    assert a_segmented_panel.logic.result is None
    assert a_segmented_panel.ui.regionTable.rowCount == 0 and not a_segmented_panel.ui.exportCsvButton.enabled
