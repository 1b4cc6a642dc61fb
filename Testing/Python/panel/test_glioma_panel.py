"""GliomaUncertainty's panel as a radiologist uses it: real .ui files, real MRML, the real worker; a toy in place of the model."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from driver import PanelDriver, erase, node_ids, tag

from DeepVolumetryLib import modules

ROOT = Path(__file__).resolve().parents[3]
SEQUENCES = ("t1", "t1ce", "t2", "flair")


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_glioma"), "glioma")


class Panel(PanelDriver):
    """The panel, and what one does with it."""

    def add(self, **names):
        """Volumes of the phantom under other names, e.g. add(flair="Axial T2 FLAIR"); not chosen yet."""
        from DeepVolumetryLib.mrml.volumes import node_from_image

        images = modules.MODULES["glioma"].submodule("demo").study()
        return {sequence: node_from_image(images[sequence], name) for sequence, name in names.items()}

    def choose(self, **names):
        nodes = self.add(**names)
        for sequence in SEQUENCES:
            self.selector(sequence).setCurrentNode(nodes.get(sequence))
        return nodes

    def selector(self, sequence):
        return getattr(self.ui, f"{sequence}Selector")

    def chosen(self):
        return {s: node.GetName() for s in SEQUENCES if (node := self.selector(s).currentNode())}

    def said(self, sequence):
        """What is written below a selector."""
        return self.widget.inputsSection.messages[sequence].text

    def begin(self):
        """Start a run that will not end by itself; returns when the worker is at it."""
        nodes = self.choose(flair="slow")
        self.ui.runButton.click()
        self.wait(lambda: "Segmenting" in self.ui.phaseLabel.text, 60)
        return nodes["flair"]

    def segment(self):
        nodes = self.choose(t1="T1", t1ce="T1ce", t2="T2", flair="FLAIR")
        self.run()
        return nodes

    def region(self, target, kind=""):
        """Position of the first region of a target, and the region."""
        regions = self.logic.result.regions
        return next((i, r) for i, r in enumerate(regions) if r.target == target and kind in ("", r.kind))

    def unfold_comparison(self):
        self.ui.measurementsCollapsibleButton.collapsed = self.ui.comparisonCollapsibleButton.collapsed = False

    def look_at(self, target):
        """Choose the target whose uncertainty is shown."""
        self.ui.overlayTargetComboBox.currentIndex = self.ui.overlayTargetComboBox.findData(target)


@pytest.fixture
def a_panel(load_module, process_events, monkeypatch, the_toy_model):
    monkeypatch.setitem(modules.MODULES, "glioma", the_toy_model)
    return Panel(load_module("GliomaUncertainty", ROOT / "GliomaUncertainty", show=True), process_events)


@pytest.fixture
def a_segmented_panel(a_panel, a_warm_worker):
    a_panel.logic._client = a_warm_worker
    a_panel.segment()
    assert a_panel.logic.result is not None, a_panel.message
    return a_panel


# ---- inputs


def test_empty_panel_says_what_is_needed_and_what_may_be_left_out(a_panel):
    assert a_panel.said("t1ce") == "Needed, unless there is FLAIR. Choose a volume, or press Sample data."
    assert a_panel.said("flair") == "Needed, unless there is T1 with contrast."
    assert a_panel.said("t1") == a_panel.said("t2") == "Optional: without it the intervals are wider."
    assert not a_panel.ui.runButton.enabled and a_panel.ui.runButton.toolTip == a_panel.said("t1ce")


@pytest.mark.parametrize("sequence", ["t1ce", "flair"])
def test_one_of_the_two_is_enough_and_the_others_are_said_to_be_missing(a_panel, sequence):
    a_panel.choose(**{sequence: "the only one"})
    assert a_panel.ui.runButton.enabled and a_panel.said(sequence) == ""
    assert a_panel.said("t1") == a_panel.said("t2") == "Optional: without it the intervals are wider."
    costs = {
        "t1ce": "Without it enhancing tumor and core cannot be told from the rest.",
        "flair": "Without it whole tumor and edema are unreliable.",
    }
    assert {other: a_panel.said(other) for other in costs} == {**costs, sequence: ""}


def test_sample_study_fills_all_four_selectors(a_panel):
    a_panel.ui.sampleDataButton.click()
    names = {"t1": "T1", "t1ce": "T1 + contrast", "t2": "T2", "flair": "FLAIR"}
    assert a_panel.chosen() == {sequence: f"GliomaPhantom {title}" for sequence, title in names.items()}
    assert a_panel.ui.runButton.enabled and not any(a_panel.said(sequence) for sequence in SEQUENCES)


def test_sequences_are_told_by_their_names_when_the_module_is_entered(a_panel):
    a_panel.module.exit()
    a_panel.add(t1="BraTS_001_t1", t1ce="BraTS_001_t1ce", t2="BraTS_001_t2", flair="BraTS_001_flair")
    a_panel.module.enter()
    assert a_panel.chosen() == {s: f"BraTS_001_{s}" for s in SEQUENCES}
    assert a_panel.said("flair") == "Guessed from its name."


def test_what_was_chosen_is_kept_when_the_module_is_entered_again_and_replaced_by_guess(a_panel):
    nodes = a_panel.add(t1ce="study t1ce", flair="study flair")
    a_panel.selector("flair").setCurrentNode(nodes["t1ce"])
    a_panel.module.exit()
    a_panel.module.enter()
    assert a_panel.chosen() == {"flair": "study t1ce"}
    a_panel.ui.guessButton.click()
    assert a_panel.chosen() == {"t1ce": "study t1ce", "flair": "study flair"}


def test_dicom_header_tells_what_the_name_does_not(a_panel):
    import slicer
    from standins.strict import unwrap

    headers = unwrap(slicer.app.dicomDatabase()).headers
    nodes = a_panel.add(t1ce="301: Series", flair="401: Series")
    for uid, sequence, text in (("1.1", "t1ce", "Ax T1 3D +C"), ("1.2", "flair", "Ax T2 FLAIR")):
        nodes[sequence].SetAttribute("DICOM.instanceUIDs", uid)
        headers[uid] = {"0008,103E": text}
    try:
        a_panel.ui.guessButton.click()
        assert a_panel.chosen() == {"t1ce": "301: Series", "flair": "401: Series"}
        assert a_panel.said("flair") == "Guessed from its description “Ax T2 FLAIR”."
    finally:
        headers.clear()


def test_guess_stays_within_one_study(a_panel):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for study, sequences in (("early", ("t1", "flair")), ("late", ("t1", "t1ce", "t2"))):
        item = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), study)
        for node in a_panel.add(**{sequence: f"{study} {sequence}" for sequence in sequences}).values():
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(item, node), item)
    a_panel.ui.guessButton.click()
    assert a_panel.chosen() == {"t1": "late t1", "t1ce": "late t1ce", "t2": "late t2"}


def test_scene_that_tells_nothing_is_said_so(a_panel):
    a_panel.add(flair="Volume")
    a_panel.ui.guessButton.click()
    assert a_panel.said("t1").startswith("No volume of the scene could be told by its name")
    assert not a_panel.chosen()


def test_volume_that_is_chosen_twice_is_refused_beside_both(a_panel):
    nodes = a_panel.choose(t1ce="T1ce", flair="FLAIR")
    a_panel.selector("t1").setCurrentNode(nodes["t1ce"])
    assert a_panel.said("t1") == "This volume is chosen for T1 + contrast too. Choose another one."
    assert a_panel.said("t1ce") == "This volume is chosen for T1 too. Choose another one."
    assert not a_panel.ui.runButton.enabled


def test_one_slice_is_refused_beside_its_selector(a_panel):
    import slicer

    a_panel.choose(flair="FLAIR")
    node = slicer.util.addVolumeFromArray(np.zeros((1, 20, 20), np.int16), name="Scout")
    a_panel.selector("t2").setCurrentNode(node)
    assert a_panel.said("t2") == "Scout has only one slice. Choose a volume." and not a_panel.ui.runButton.enabled


def test_results_of_a_run_are_not_offered_as_sequences(a_segmented_panel):
    a_segmented_panel.ui.guessButton.click()
    assert a_segmented_panel.chosen() == {"t1": "T1", "t1ce": "T1ce", "t2": "T2", "flair": "FLAIR"}


# ---- model


def test_only_what_the_method_uses_can_be_set(a_panel):
    ui = a_panel.ui
    combo = ui.methodComboBox
    assert combo.currentText == "SPU-Net (spherical projections)" and combo.count == 6
    used = {}
    for index in range(combo.count):
        combo.currentIndex = index
        used[combo.currentText] = (ui.membersSpinBox.enabled, ui.projectionComboBox.enabled, ui.magnificationSlider.enabled)
    assert used["SPU-Net (spherical projections)"] == (True, True, True)
    assert used["LSU-Net (linear magnification)"] == (True, False, True)
    assert used["U-Net"] == (False, False, False)
    assert used["Monte Carlo dropout"] == used["Checkpoint ensemble"] == used["U-Net with test-time augmentation"] == (True, False, False)


def test_what_was_set_reaches_the_pipeline_and_is_saved_with_the_scene(a_panel):
    ui = a_panel.ui
    ui.methodComboBox.currentIndex = 3
    ui.membersSpinBox.value = 5
    ui.magnificationSlider.value = 3.0
    ui.uncertaintyComboBox.currentIndex = 1
    a_panel.segment()
    parameters = a_panel.logic.result.provenance.parameters
    assert (parameters["method"], parameters["members"], parameters["magnification"]) == ("lsu", 5, 3.0)
    assert parameters["uncertainty"] == "spread"
    node = a_panel.logic.getParameterNode()
    assert (node.method.value, node.members, node.magnification) == ("lsu", 5, 3.0)


# ---- the run


def test_one_click_gives_five_segments_maps_table_and_places_to_review(a_segmented_panel):
    panel = a_segmented_panel
    assert panel.message.startswith("Done in")
    assert panel.segmentation.GetName() == "T1ce GliomaUncertainty"
    assert list(panel.segmentation.GetSegmentation().GetSegmentIDs()) == ["WT", "TC", "ET", "edema", "necrosis"]
    assert panel.ui.regionTable.rowCount == len(panel.logic.result.regions) > 0
    known = panel.logic.result.segments["WT"].sum() * panel.logic.result.image.voxel_ml
    assert panel.cell("Whole tumor (WT)/Volume", "Value").startswith(f"{known:.1f} (")
    assert not panel.ui.reviewCollapsibleButton.collapsed and not panel.ui.measurementsCollapsibleButton.collapsed


def test_maps_of_every_target_are_in_the_scene_as_whole_numbers(a_segmented_panel):
    import slicer

    nodes, result = a_segmented_panel.logic.nodes, a_segmented_panel.logic.result
    for target in ("WT", "TC", "ET"):
        for node, values, word in (
            (nodes.uncertainty[target], result.uncertainty[target], "uncertainty"),
            (nodes.probability[target], result.probability[target] * 100, "probability"),
        ):
            assert node.GetName() == f"T1ce GliomaUncertainty {target} {word}"
            voxels = slicer.util.arrayFromVolume(node)
            assert voxels.dtype == np.uint8
            np.testing.assert_allclose(voxels, values, atol=0.5001)


def test_missing_sequences_are_said_after_the_run(a_panel):
    a_panel.choose(flair="FLAIR")
    a_panel.run()
    assert a_panel.segmentation.GetName() == "FLAIR GliomaUncertainty"
    assert "t1ce is missing: the intervals are wider." in a_panel.message


def test_button_cancels_within_a_second_and_leaves_the_scene_as_it_was(a_panel):
    a_panel.begin()
    before, started = node_ids(), time.monotonic()
    assert a_panel.ui.runButton.text == "Cancel" and not any(a_panel.selector(s).enabled for s in SEQUENCES)
    assert not a_panel.ui.guessButton.enabled
    a_panel.ui.runButton.click()
    assert time.monotonic() - started < 1
    assert (a_panel.message, a_panel.ui.runButton.text) == ("Cancelled. Nothing was changed.", "Segment")
    assert node_ids() == before and all(a_panel.selector(s).enabled for s in SEQUENCES)


def test_closing_the_scene_mid_run_leaves_no_nodes_behind(a_panel):
    import slicer

    a_panel.begin()
    slicer.mrmlScene.Clear(0)
    a_panel.wait()
    assert a_panel.message == "The scene was closed, so the segmentation was stopped."
    assert not a_panel.logic.isRunning and not a_panel.chosen()
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode") and not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_reloading_the_module_mid_run_ends_the_worker_and_leaves_no_nodes(a_panel):
    import slicer

    a_panel.begin()
    worker, before = a_panel.logic._client._process.popen, node_ids()
    a_panel.module.reload()
    assert worker.poll() is not None
    assert node_ids() == before and not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert a_panel.module.ui.runButton.text == "Segment" and a_panel.module.ui.runButton.enabled


def test_deleting_any_input_mid_run_stops_it_and_says_so(a_panel):
    import slicer

    nodes = a_panel.choose(t2="T2 of the study", flair="slow")
    a_panel.ui.runButton.click()
    a_panel.wait(lambda: "Segmenting" in a_panel.ui.phaseLabel.text, 60)
    slicer.mrmlScene.RemoveNode(nodes["t2"])
    a_panel.wait(lambda: not a_panel.widget.runSection.isRunning, 5)
    assert a_panel.message == "T2 of the study was removed from the scene, so the segmentation was stopped."


def test_worker_that_dies_is_explained_and_replaced(a_panel):
    a_panel.choose(flair="dies")
    a_panel.run()
    assert a_panel.message.startswith("The computation ended unexpectedly during “Segmenting” (code 7).")
    a_panel.selector("flair").currentNode().SetName("FLAIR")
    a_panel.run()
    assert a_panel.logic.result is not None, a_panel.message


def test_refused_images_are_explained_in_the_panel(a_panel):
    a_panel.choose(flair="refused")
    a_panel.run()
    assert a_panel.message == "The images are of different patients. Choose the sequences of one study."


def test_running_again_updates_the_same_nodes(a_segmented_panel):
    first, before = a_segmented_panel.segmentation, node_ids()
    a_segmented_panel.run()
    assert a_segmented_panel.segmentation is first and node_ids() == before


def test_deleting_the_segmentation_empties_the_panel_and_takes_its_helper_along(a_segmented_panel):
    import slicer

    a_segmented_panel.ui.hideCheckBox.checked = True
    slicer.mrmlScene.RemoveNode(a_segmented_panel.segmentation)
    assert a_segmented_panel.logic.result is None and a_segmented_panel.ui.regionTable.rowCount == 0
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert not a_segmented_panel.ui.hideCheckBox.enabled and not a_segmented_panel.ui.exportLabelMapButton.enabled


# ---- review


def test_regions_carry_the_names_of_their_targets_and_what_is_in_question(a_segmented_panel):
    index, _ = a_segmented_panel.region("WT", "outside")
    texts = [a_segmented_panel.ui.regionTable.item(row, 1).text() for row in range(a_segmented_panel.ui.regionTable.rowCount)]
    assert texts[index] == "Whole tumor (WT), possibly missed"
    assert "Enhancing tumor (ET), contour" in texts


def test_flair_lies_below_the_overlay_unless_another_sequence_is_chosen(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    combo = panel.ui.backgroundComboBox
    assert [combo.itemText(i) for i in range(combo.count)] == ["T1", "T1 + contrast", "T2", "FLAIR"]
    assert view.GetBackgroundVolumeID() == panel.selector("flair").currentNode().GetID()
    assert view.GetForegroundVolumeID() == panel.logic.nodes.uncertainty["WT"].GetID()
    combo.currentIndex = 1
    assert view.GetBackgroundVolumeID() == panel.selector("t1ce").currentNode().GetID()


def test_sequence_that_the_run_moved_lies_below_the_overlay_where_it_belongs(a_panel):
    import slicer

    nodes = a_panel.choose(t1ce="T1ce", flair="moved FLAIR")
    a_panel.run()
    before = node_ids()
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    shown = slicer.mrmlScene.GetNodeByID(view.GetBackgroundVolumeID())
    assert shown.GetName() == "moved FLAIR aligned" and shown.GetHideFromEditors() and not shown.GetSaveWithScene()
    np.testing.assert_allclose(np.subtract(shown.GetOrigin(), nodes["flair"].GetOrigin()), (7, 0, -3))
    assert shown.GetImageData() is nodes["flair"].GetImageData() and shown.GetDisplayNode() is nodes["flair"].GetDisplayNode()
    a_panel.run()
    assert len(node_ids()) == len(before)
    slicer.mrmlScene.RemoveNode(a_panel.segmentation)
    assert view.GetBackgroundVolumeID() == nodes["flair"].GetID()
    assert "moved FLAIR aligned" not in [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]


def test_overlay_has_a_color_legend_of_its_own(a_segmented_panel):
    import slicer

    for target, node in a_segmented_panel.logic.nodes.uncertainty.items():
        legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(node)
        assert legend is not None and legend.GetVisibility(), target
        assert legend.GetTitleText() == "Uncertainty"


def test_target_that_is_looked_at_is_kept_with_the_scene(a_segmented_panel):
    a_segmented_panel.look_at("ET")
    assert a_segmented_panel.logic.getParameterNode().overlayTarget == "ET"
    a_segmented_panel.run()
    assert a_segmented_panel.widget.reviewSection.target == "ET"


def test_next_jumps_to_the_place_and_shows_the_uncertainty_of_its_target(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    index, region = panel.region("ET")
    panel.widget.reviewSection.select(index)
    assert panel.widget.reviewSection.target == "ET"
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    assert view.GetForegroundVolumeID() == panel.logic.nodes.uncertainty["ET"].GetID()
    axial = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert axial.GetSliceOffset() == pytest.approx(region.center_ras_mm[2], abs=1e-3)


def test_looks_right_narrows_interval_and_range(a_segmented_panel):
    panel = a_segmented_panel
    index, _ = panel.region("WT")
    panel.look_at("WT")
    before, range_before = panel.value("WT"), shown_range(panel)
    panel.widget.reviewSection.select(index)
    panel.ui.looksRightButton.click()
    panel.look_at("WT")
    after, range_after = panel.value("WT"), shown_range(panel)
    assert panel.logic.result.regions[index].reviewed == "looks_right"
    assert after.value == before.value and after.high - after.low < before.high - before.low
    assert range_after[1] - range_after[0] < range_before[1] - range_before[0]


# ---- hide what is uncertain


def shown_range(panel):
    """The two volumes of the sentence below the slider, in mL."""
    import re

    low, high = re.findall(r"([\d.]+) mL", panel.ui.volumeRangeLabel.text)
    return float(low), float(high)


@pytest.mark.parametrize("threshold", [0, 40, 90, 100])
def test_slider_says_the_volume_without_and_with_what_is_uncertain(a_segmented_panel, threshold):
    from DeepVolumetryLib.panel import measurementTable

    panel, result = a_segmented_panel, a_segmented_panel.logic.result
    panel.look_at("TC")
    panel.ui.hideAboveSlider.value = threshold
    uncertain, mask = result.uncertainty["TC"] > threshold, result.segments["TC"]
    low, high = (measurementTable.number(volume.sum() * result.image.voxel_ml) for volume in (mask & ~uncertain, mask | uncertain))
    text = f"Tumor core (TC): {low} mL without what is more uncertain, {high} mL with all of it."
    assert panel.ui.volumeRangeLabel.text == text
    assert panel.logic.getParameterNode().hideAbove == threshold


def test_hiding_draws_the_certain_part_and_leaves_the_segmentation_alone(a_segmented_panel):
    import slicer

    from DeepVolumetryLib.mrml.masks import masks_on_grid

    panel, result = a_segmented_panel, a_segmented_panel.logic.result
    panel.look_at("WT")
    panel.ui.hideAboveSlider.value = 50
    panel.ui.hideCheckBox.checked = True
    (part,) = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node is not panel.segmentation]
    drawn = masks_on_grid(part, result.image)["certain"]
    np.testing.assert_array_equal(drawn, result.segments["WT"] & (result.uncertainty["WT"] <= 50))
    assert not panel.segmentation.GetDisplayNode().GetVisibility() and part.GetHideFromEditors() and not part.GetSaveWithScene()
    panel.ui.hideAboveSlider.value = 80
    np.testing.assert_array_equal(masks_on_grid(part, result.image)["certain"], result.segments["WT"] & (result.uncertainty["WT"] <= 80))
    panel.ui.hideCheckBox.checked = False
    assert part.GetScene() is None and panel.segmentation.GetDisplayNode().GetVisibility()


def test_leaving_for_another_scene_forgets_what_was_hidden(a_segmented_panel):
    import slicer

    a_segmented_panel.ui.hideCheckBox.checked = True
    slicer.mrmlScene.Clear(0)
    a_segmented_panel.wait()
    assert not a_segmented_panel.ui.hideCheckBox.checked and not a_segmented_panel.ui.volumeRangeLabel.visible


# ---- correct


def test_erased_core_becomes_edema_and_takes_the_enhancing_part_along(a_segmented_panel):
    panel = a_segmented_panel
    whole, core = panel.value("WT").value, panel.value("TC").value
    edema = panel.value("edema").value
    erase(panel, "TC")
    panel.wait(lambda: panel.value("TC").value == 0)
    assert (panel.value("ET").value, panel.value("necrosis").value, panel.value("WT").value) == (0, 0, whole)
    assert panel.value("edema").value == pytest.approx(edema + core)
    assert panel.cell("Enhancing tumor (ET)/Volume", "Value").startswith("0")
    assert tag(panel, "ET") == "SEMIAUTOMATIC" and tag(panel, "WT") == "AUTOMATIC"
    assert "ET" in panel.logic.result.extras["edited_segments"]


def test_drawn_enhancement_belongs_to_core_and_whole_tumor_in_the_scene_too(a_segmented_panel):
    import slicer

    panel, result = a_segmented_panel, a_segmented_panel.logic.result
    drawn = result.segments["ET"].astype(np.uint8)
    drawn[10:14, 4:8, 4:8] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, panel.segmentation, "ET", panel.selector("t1ce").currentNode())
    panel.wait(lambda: result.segments["WT"][12, 6, 6])
    for target in ("ET", "TC", "WT"):
        assert result.segments[target][10:14, 4:8, 4:8].all()
        shown = slicer.util.arrayFromSegmentBinaryLabelmap(panel.segmentation, target, panel.selector("t1ce").currentNode())
        np.testing.assert_array_equal(shown > 0, result.segments[target])


def test_cut_off_moves_the_border_of_its_target_and_the_others_stay_nested(a_segmented_panel):
    panel = a_segmented_panel
    index, region = panel.region("TC")
    before = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    panel.widget.reviewSection.select(index)
    panel.ui.regionThresholdSlider.value = 0.9
    panel.wait(lambda: panel.logic.result.segments["TC"].sum() < before["TC"].sum())
    after = panel.logic.result.segments
    assert not (after["ET"] & ~after["TC"]).any() and not (after["TC"] & ~after["WT"]).any()
    np.testing.assert_array_equal(after["edema"], after["WT"] & ~after["TC"])
    box = tuple(slice(*edges) for edges in zip(*region.box_kji, strict=True))
    for key, mask in after.items():
        different = mask != before[key]
        assert different.sum() == different[box].sum(), key
    assert panel.logic.result.regions[index].reviewed == "fixed"


def test_edit_moves_the_hidden_part_and_its_range(a_segmented_panel):
    panel = a_segmented_panel
    panel.look_at("WT")
    panel.ui.hideCheckBox.checked = True
    before = shown_range(panel)
    erase(panel, "WT", slice(0, 14))
    panel.wait(lambda: shown_range(panel)[0] < before[0])


# ---- measurements


def test_change_since_a_prior_study_begins_with_the_category_and_its_probability(a_segmented_panel, tmp_path):
    panel = a_segmented_panel
    prior = panel.logic.exportJson(tmp_path)
    document = json.loads(prior.read_text(encoding="utf-8"))
    for measurement in document["measurements"]:
        for name in ("value", "low", "high"):
            if measurement["name"] == "Volume" and measurement.get(name):
                measurement[name] /= 2
    document["inputs"] = []
    prior.write_text(json.dumps(document), encoding="utf-8")
    panel.ui.priorPathLineEdit.currentPath = str(prior)
    text = panel.ui.changesLabel.text
    assert "Volume of the enhancing tumor +100 %: progressive disease (PD)" in text
    assert "Probability that the true volume passed the threshold of progression: " in text
    assert "Whole tumor (WT): " in text and "(+100 %)" in text
    assert panel.logic.result.extras["response"]["volume_category"] == "PD"


def test_report_of_another_module_is_refused_with_what_to_do(a_segmented_panel, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    a_segmented_panel.ui.priorPathLineEdit.currentPath = str(tmp_path / "other.json")
    assert "is not a report of this version" in a_segmented_panel.widget.measurementsSection.priorMessage.text


def test_reference_label_map_is_compared_in_its_scheme(a_segmented_panel):
    import slicer

    from DeepVolumetryLib.mrml.volumes import node_from_image
    from GliomaUncertaintyLib.labels import label_map

    panel, result = a_segmented_panel, a_segmented_panel.logic.result
    volume = node_from_image(result.image.with_voxels(label_map(result.segments, "brats2021")), "radiologist")
    reference = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "radiologist")
    slicer.modules.volumes.logic().CreateLabelVolumeFromVolume(slicer.mrmlScene, reference, volume)
    slicer.mrmlScene.RemoveNode(volume)
    panel.unfold_comparison()
    panel.ui.referenceSelector.setCurrentNode(reference)
    combo = panel.ui.referenceSchemeComboBox
    combo.currentIndex = combo.findData("brats2023")
    panel.ui.compareButton.click()
    message = panel.widget.partSections[1].message
    assert "The label map holds 4, which means nothing in brats2023" in message.text and not panel.ui.comparisonTable.visible
    combo.currentIndex = combo.findData("brats2021")
    panel.ui.compareButton.click()
    table = panel.ui.comparisonTable
    rows = [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount)]
    assert rows == [["WT", "1.000", "0.0"], ["TC", "1.000", "0.0"], ["ET", "1.000", "0.0"]]
    assert message.text.startswith("Score: QU-BraTS")


def test_reference_segmentation_with_named_segments_needs_no_scheme_and_edits_clear_the_table(a_segmented_panel):
    import slicer

    panel, result = a_segmented_panel, a_segmented_panel.logic.result
    reference = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "radiologist")
    reference.GetSegmentation().AddEmptySegment("a", "whole tumor")
    half = result.segments["WT"].astype(np.uint8)
    half[:, :, :28] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(half, reference, "a", panel.selector("t1ce").currentNode())
    panel.unfold_comparison()
    panel.ui.referenceSelector.setCurrentNode(reference)
    panel.ui.compareButton.click()
    table = panel.ui.comparisonTable
    assert table.visible and table.rowCount == 1
    mask = result.segments["WT"]
    assert table.item(0, 1).text() == f"{2 * half.sum() / (half.sum() + mask.sum()):.3f}"
    erase(panel, "ET", slice(0, 14))
    panel.wait(lambda: not table.visible)


# ---- export


def test_label_map_is_written_in_the_chosen_scheme(a_segmented_panel, tmp_path):
    from DeepVolumetryLib.image_io import read_image

    panel, ui = a_segmented_panel, a_segmented_panel.ui
    ui.exportFolderPathLineEdit.currentPath = str(tmp_path)
    ui.schemeComboBox.currentIndex = [ui.schemeComboBox.itemText(i) for i in range(ui.schemeComboBox.count)].index("BraTS 2017 to 2021")
    assert ui.schemeMeaningLabel.text == "1 necrosis or non-enhancing, 2 edema, 4 enhancing"
    ui.exportLabelMapButton.click()
    assert panel.widget.exportSection.message.text == f"Written to {tmp_path / 'labels.nrrd'}"
    labels = read_image(tmp_path / "labels.nrrd").voxels
    result = panel.logic.result
    np.testing.assert_array_equal(labels == 4, result.segments["ET"])
    np.testing.assert_array_equal(labels > 0, result.segments["WT"])


def test_everything_holds_the_label_map_and_the_maps_in_full_precision(a_segmented_panel, tmp_path):
    from DeepVolumetryLib.image_io import read_image

    panel, folder = a_segmented_panel, tmp_path / "report"
    panel.ui.exportFolderPathLineEdit.currentPath = str(folder)
    panel.ui.exportAllButton.click()
    maps = {f"{kind}_{target}.nrrd" for kind in ("probability", "uncertainty") for target in ("WT", "TC", "ET")}
    others = {"labels.nrrd", "segmentation.seg.nrrd", "measurements.csv", "report.json"}
    assert {path.name for path in folder.iterdir()} == maps | others
    voxels = read_image(folder / "uncertainty_WT.nrrd").voxels
    np.testing.assert_array_equal(voxels, panel.logic.result.uncertainty["WT"])
