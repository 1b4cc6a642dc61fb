"""SpleenVolume's panel as a sonographer uses it: real .ui files, real MRML, the real worker; a toy in place of the network."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import spleen_toys
from driver import PanelDriver, node_ids

from DeepVolumetryLib import modules
from DeepVolumetryLib.report.files import read_json

ROOT = Path(__file__).resolve().parents[3]
VIEWS = ("coronal", "transverse", "sagittal")


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_spleen"), "spleen")


class Panel(PanelDriver):
    """The panel, and what one does with it."""

    def add(self, view, name, spacing=None, color=False):
        """A picture of a view under a name; `spacing` is what the node states."""
        import slicer

        gray = spleen_toys.gray_picture(view)
        if color:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", name)
            slicer.util.updateVolumeFromArray(node, np.repeat(gray[None, ..., None], 3, axis=-1))
        else:
            node = slicer.util.addVolumeFromArray(gray[None], name=name, nodeClassName="vtkMRMLScalarVolumeNode")
        matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.diag([*(spacing or spleen_toys.PIXEL_MM), 1.0, 1.0])
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        return node

    def choose(self, **names):
        nodes = {view: self.add(view, name) for view, name in names.items()}
        for view in VIEWS:
            self.selector(view).setCurrentNode(nodes.get(view))
        return nodes

    def selector(self, view):
        return getattr(self.ui, f"{view}Selector")

    def said(self, view):
        """What is written below a selector."""
        return self.widget.inputsSection.messages[view].text

    def segment(self, *views):
        nodes = self.choose(**{view: view.capitalize() for view in views or ("coronal", "transverse")})
        self.run()
        assert self.logic.result is not None, self.message
        return nodes

    def draw_line(self, view, node, start, end):
        """A line between two pixels (column, row) of a picture, chosen for its view."""
        import slicer

        from DeepVolumetryLib.mrml.volumes import local_matrix

        line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Scale")
        for column, row in (start, end):
            line.AddControlPointWorld(*(local_matrix(node) @ (column, row, 0, 1))[:3])
        getattr(self.ui, f"{view}LineSelector").setCurrentNode(line)
        return line

    def calibrate(self, view, length_mm):
        getattr(self.ui, f"{view}LineSpinBox").value = length_mm
        getattr(self.ui, f"{view}CalibrateButton").click()
        return self.widget.pixelSizeSection.message.text

    def erase(self, view, rows=slice(None), columns=slice(None)):
        """What an effect of the Segment Editor does: take a part of the picture away from the outline of a view."""
        import slicer

        from DeepVolumetryLib.mrml.segmentation import labelmap_of
        from DeepVolumetryLib.mrml.volumes import local_matrix

        node = self.logic.nodes.parts["" if view == "coronal" else view].segmentation
        labels = slicer.util.arrayFromSegmentBinaryLabelmap(node, "spleen").copy()
        labels[:, rows, columns] = 0
        labelmap = labelmap_of(labels, local_matrix(self.selector(view).currentNode()))
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetBinaryLabelmapToSegment(labelmap, node, "spleen", logic.MODE_REPLACE)

    def look_at(self, target):
        self.ui.overlayTargetComboBox.currentIndex = self.ui.overlayTargetComboBox.findData(target)

    def volume(self):
        return self.value("spleen")


@pytest.fixture
def a_panel(load_module, process_events, monkeypatch, the_toy_model, a_warm_worker):
    monkeypatch.setitem(modules.MODULES, "spleen", the_toy_model)
    panel = Panel(load_module("SpleenVolume", ROOT / "SpleenVolume", show=True), process_events)
    panel.logic._client = a_warm_worker
    return panel


@pytest.fixture
def a_segmented_panel(a_panel):
    a_panel.segment()
    return a_panel


# ---- inputs


def test_empty_panel_says_what_is_needed_and_what_may_be_left_out(a_panel):
    assert a_panel.said("coronal") == "Needed. Choose a picture, or press Sample data."
    assert a_panel.said("transverse") == "Optional: with it the interval is narrower."
    assert not a_panel.ui.runButton.enabled and a_panel.ui.runButton.toolTip == a_panel.said("coronal")


def test_sample_data_fills_two_views_with_known_pixels(a_panel):
    a_panel.ui.sampleDataButton.click()
    assert [a_panel.selector(view).currentNode().GetName() for view in VIEWS[:2]] == ["SpleenPhantom Coronal", "SpleenPhantom Transverse"]
    assert a_panel.ui.coronalSizeLabel.text == "0.5 × 0.5 mm, from the volume"
    assert a_panel.ui.runButton.enabled


def test_views_are_told_by_their_names_and_one_picture_alone_is_the_coronal_one(a_panel):
    a_panel.add("transverse", "Spleen TRANS 2")
    a_panel.add("coronal", "Spleen long axis")
    a_panel.ui.guessButton.click()
    assert a_panel.selector("coronal").currentNode().GetName() == "Spleen long axis"
    assert a_panel.selector("transverse").currentNode().GetName() == "Spleen TRANS 2"


def test_a_volume_of_many_slices_and_a_picture_chosen_twice_are_refused(a_panel):
    import slicer

    stack = slicer.util.addVolumeFromArray(np.zeros((5, 64, 64), np.int16), name="Cine")
    a_panel.selector("coronal").setCurrentNode(stack)
    assert a_panel.said("coronal") == "Cine has several slices or frames. Choose a volume that holds one picture."
    node = a_panel.choose(coronal="One")["coronal"]
    a_panel.selector("transverse").setCurrentNode(node)
    assert a_panel.said("transverse") == "This picture is chosen for Coronal too. Choose another one."
    assert not a_panel.ui.runButton.enabled


# ---- pixel size


def test_panel_explains_why_the_pixel_size_matters(a_panel):
    assert "third power of the pixel size: 10 % too much make it a third too large" in a_panel.ui.sizeExplanationLabel.text


def test_picture_of_one_millimeter_pixels_is_not_measured_before_it_is_calibrated(a_panel):
    node = a_panel.add("coronal", "Screenshot", (1.0, 1.0))
    a_panel.selector("coronal").setCurrentNode(node)
    assert a_panel.said("coronal") == "The size of its pixels is not known. Draw a line along its depth scale under Pixel size, below."
    assert a_panel.ui.coronalSizeLabel.text == "not known" and not a_panel.ui.runButton.enabled
    line = a_panel.draw_line("coronal", node, (20, 50), (20, 250))
    assert a_panel.calibrate("coronal", 100) == "A pixel has 0.5 × 0.5 mm now."
    assert node.GetSpacing()[:2] == pytest.approx((0.5, 0.5)) and line.GetMeasurement("length").GetValue() == pytest.approx(100)
    assert a_panel.ui.coronalSizeLabel.text == "0.5 × 0.5 mm, from the calibration line" and a_panel.ui.runButton.enabled
    a_panel.run()
    area = a_panel.logic.result.segments["spleen"].sum() * 0.25
    assert area == pytest.approx(spleen_toys.area_mm2("coronal"), rel=0.05)


def test_jpeg_is_not_known_by_the_resolution_that_is_meant_for_print(a_panel):
    import slicer

    node = a_panel.add("coronal", "Photo", (0.3528, 0.3528))
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName("photo.jpg")
    node.SetAndObserveStorageNodeID(storage.GetID())
    a_panel.selector("coronal").setCurrentNode(node)
    assert a_panel.ui.coronalSizeLabel.text == "not known"


def test_dicom_header_gives_the_size_that_the_loader_lost(a_panel, monkeypatch):
    import slicer
    from standins.strict import unwrap

    from DeepVolumetryLib.image_io import ultrasound

    frame = ultrasound.UltrasoundFrame(np.zeros((4, 4), np.uint8), (0.4, 0.3), "DICOM region", 1)
    monkeypatch.setattr(ultrasound, "read_ultrasound", lambda path: frame)
    files = unwrap(slicer.app.dicomDatabase()).files
    files["1.2.3"] = __file__
    node = a_panel.add("coronal", "5: Abdomen", (1.0, 1.0))
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    try:
        a_panel.selector("coronal").setCurrentNode(node)
        assert a_panel.ui.coronalSizeLabel.text == "0.3 × 0.4 mm, from the DICOM header"
        assert node.GetSpacing()[:2] == pytest.approx((0.3, 0.4)) and a_panel.ui.runButton.enabled
    finally:
        files.clear()


def test_line_that_contradicts_the_stated_size_is_refused_and_nothing_changes(a_panel):
    node = a_panel.choose(coronal="Stated")["coronal"]
    a_panel.draw_line("coronal", node, (20, 50), (20, 250))
    said = a_panel.calibrate("coronal", 200)
    assert said.startswith("With this line a pixel would be 1×1 mm, but the volume says 0.5×0.5 mm. Check the line and its length")
    assert node.GetSpacing()[:2] == pytest.approx(spleen_toys.PIXEL_MM)


@pytest.mark.parametrize(
    ("ends", "length", "sentence"),
    [
        (((20, 50), (20, 55)), 100, "The line is too short to calibrate with."),
        (((20, 50), (20, 2500)), 100, "The line does not lie on Screenshot."),
        (((20, 50), (20, 90)), 400, "With this line a pixel would be 10×10 mm, which cannot be right."),
    ],
)
def test_lines_that_cannot_be_right_are_refused(a_panel, ends, length, sentence):
    node = a_panel.add("coronal", "Screenshot", (1.0, 1.0))
    a_panel.selector("coronal").setCurrentNode(node)
    a_panel.draw_line("coronal", node, *ends)
    assert a_panel.calibrate("coronal", length).startswith(sentence)
    assert node.GetSpacing()[:2] == (1.0, 1.0)


def test_calibrate_waits_for_picture_line_and_length(a_panel):
    node = a_panel.add("coronal", "Screenshot", (1.0, 1.0))
    assert not a_panel.ui.coronalCalibrateButton.enabled
    a_panel.selector("coronal").setCurrentNode(node)
    a_panel.draw_line("coronal", node, (20, 50), (20, 250))
    assert not a_panel.ui.coronalCalibrateButton.enabled
    a_panel.ui.coronalLineSpinBox.value = 80
    assert a_panel.ui.coronalCalibrateButton.enabled


# ---- the run


def test_two_views_give_two_segmentations_two_maps_one_table(a_segmented_panel):
    panel = a_segmented_panel
    assert panel.message.startswith("Done in") or panel.message
    names = [node.GetName() for node in panel.logic.segmentationNodes]
    assert names == ["Coronal SpleenVolume", "Transverse SpleenVolume"]
    assert panel.logic.nodes.companions["transverse"].uncertainty["spleen"].GetName() == "Transverse SpleenVolume spleen uncertainty"
    assert panel.cell("Spleen/Volume", "Value").startswith(f"{panel.volume().value:.0f} (")
    assert panel.ui.methodUsedLabel.text.startswith("Method: ellipsoid formula, from two views.")


def test_one_view_in_color_is_enough_and_its_interval_is_wider(a_panel):
    node = a_panel.add("coronal", "In color", color=True)
    a_panel.selector("coronal").setCurrentNode(node)
    a_panel.run()
    one = a_panel.volume()
    assert "from one view" in a_panel.ui.methodUsedLabel.text
    a_panel.segment()
    two = a_panel.volume()
    assert two.high / two.low < one.high / one.low


def test_mirrored_and_turned_pictures_give_the_same_volume(a_panel):
    import slicer

    nodes = a_panel.segment("coronal")
    upright = a_panel.volume().value
    array = slicer.util.arrayFromVolume(nodes["coronal"])
    turned = slicer.util.addVolumeFromArray(np.ascontiguousarray(np.rot90(array[0], 2))[None], name="Upside down")
    turned.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag([-0.5, -0.5, 1, 1])))
    a_panel.selector("coronal").setCurrentNode(turned)
    a_panel.ui.coronalTurnComboBox.currentIndex = 2
    a_panel.run()
    assert a_panel.volume().value == pytest.approx(upright, rel=0.02)


def test_button_cancels_within_a_second_and_leaves_the_scene_as_it_was(a_panel):
    a_panel.choose(coronal="slow")
    a_panel.ui.runButton.click()
    a_panel.wait(lambda: "Waiting" in a_panel.ui.phaseLabel.text, 60)
    before, started = node_ids(), time.monotonic()
    a_panel.ui.runButton.click()
    assert time.monotonic() - started < 1 and node_ids() == before
    assert (a_panel.message, a_panel.ui.runButton.text) == ("Cancelled. Nothing was changed.", "Segment")


def test_refusals_and_a_dying_worker_are_explained(a_panel):
    a_panel.choose(coronal="refused")
    a_panel.run()
    assert a_panel.message == "No ultrasound fan was found in this picture. Choose a B-mode picture of the spleen."
    a_panel.choose(coronal="dies")
    a_panel.run()
    assert a_panel.message.startswith("The computation ended unexpectedly during “Outlining the spleen (coronal)” (code 7).")


def test_running_again_updates_the_same_nodes(a_segmented_panel):
    first, before = a_segmented_panel.logic.segmentationNodes, node_ids()
    a_segmented_panel.run()
    assert a_segmented_panel.logic.segmentationNodes == first and node_ids() == before


def test_deleting_either_segmentation_empties_the_panel(a_segmented_panel):
    import slicer

    slicer.mrmlScene.RemoveNode(a_segmented_panel.logic.nodes.companions["transverse"].segmentation)
    assert a_segmented_panel.logic.result is None and a_segmented_panel.ui.regionTable.rowCount == 0


# ---- review and corrections


def test_places_of_both_views_are_one_list_and_carry_their_view(a_segmented_panel):
    table = a_segmented_panel.ui.regionTable
    texts = [table.item(row, 1).text() for row in range(table.rowCount)]
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == [str(n) for n in range(1, len(texts) + 1)]
    assert {text.split(",")[1].strip() for text in texts} == {"coronal", "transverse"}


def test_looking_at_a_place_brings_its_picture_and_the_editor_to_its_outline(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    places = [region.target for region in panel.logic.result.review_list()]
    panel.widget.reviewSection.select(places.index("transverse spleen"))
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    assert view.GetBackgroundVolumeID() == panel.selector("transverse").currentNode().GetID()
    assert view.GetForegroundVolumeID() == panel.logic.nodes.companions["transverse"].uncertainty["spleen"].GetID()
    assert panel.ui.segmentEditorWidget.segmentationNode() is panel.logic.nodes.companions["transverse"].segmentation
    assert [node.GetDisplayNode().GetVisibility() for node in panel.logic.segmentationNodes] == [0, 1]
    panel.look_at("spleen")
    assert [node.GetDisplayNode().GetVisibility() for node in panel.logic.segmentationNodes] == [1, 0]
    assert panel.ui.segmentEditorWidget.segmentationNode() is panel.logic.segmentationNode


@pytest.mark.parametrize(("view", "part"), [("coronal", {"columns": slice(0, 240)}), ("transverse", {"rows": slice(0, 220)})])
def test_editing_either_outline_updates_volume_verdict_and_report(a_segmented_panel, view, part, tmp_path):
    panel = a_segmented_panel
    panel.ui.ageSpinBox.value = 40
    before = panel.volume()
    panel.erase(view, **part)
    panel.wait(lambda: panel.volume().value < 0.8 * before.value, 10)
    assert panel.volume().verdict == "below the adult limit (314.5 mL)" != before.verdict
    assert "below the adult limit (314.5 mL)" in panel.ui.verdictLabel.text
    edited = read_json(panel.logic.exportJson(tmp_path)).edited_segments
    assert edited == (("spleen",) if view == "coronal" else ("transverse spleen",))


def test_reviewing_places_narrows_the_interval_and_keeps_the_volume(a_segmented_panel):
    panel = a_segmented_panel
    before = panel.volume()
    for _ in range(panel.ui.regionTable.rowCount):
        panel.ui.looksRightButton.click()
    after = panel.volume()
    assert after.value == before.value and after.high - after.low < before.high - before.low


def test_facts_about_the_patient_change_the_verdict_without_a_run(a_segmented_panel):
    panel = a_segmented_panel
    assert panel.volume().verdict.endswith("(for adults; the age is not given)")
    panel.ui.ageSpinBox.value = 7
    assert panel.volume().verdict == "the adult limit of 314.5 mL is not used at 7 years; see the length"
    assert panel.value("spleen", "Length (largest diameter)").verdict == "above the upper limit of 98 mm at 7 years"


def test_calipers_and_method_are_used_without_a_run(a_segmented_panel):
    panel = a_segmented_panel
    before = panel.value("spleen", "Craniocaudal length").value
    panel.ui.lengthSpinBox.value = 140
    assert panel.value("spleen", "Craniocaudal length").value == 140 != before
    assert "the caliper for the length" in panel.ui.methodUsedLabel.text


def test_map_that_the_model_does_not_have_is_said_so(a_segmented_panel):
    a_segmented_panel.ui.shapesButton.click()
    assert a_segmented_panel.widget.partSections[0].message.text == "This model has no latent map for these views."


def test_everything_is_written_with_both_views(a_segmented_panel, tmp_path):
    a_segmented_panel.logic.exportAll(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"segmentation.seg.nrrd", "segmentation_transverse.seg.nrrd", "report.json", "measurements.csv"} <= names
    report = read_json(tmp_path / "out" / "report.json")
    assert [record.name for record in report.inputs] == ["Coronal", "Transverse"]
