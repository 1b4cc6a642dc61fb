"""GliomaUncertainty's panel as a radiologist uses it, from the inputs to the result."""

from __future__ import annotations

import time

import numpy as np
import pytest
from driver import node_ids
from glioma_panel import SEQUENCES, a_panel, a_segmented_panel, the_toy_model  # noqa: F401

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
