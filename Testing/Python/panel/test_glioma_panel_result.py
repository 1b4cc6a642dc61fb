"""GliomaUncertainty's panel as a radiologist uses it, from the result to the export."""

from __future__ import annotations

import json

import numpy as np
import pytest
from driver import erase, node_ids, tag
from glioma_panel import a_panel, a_segmented_panel, the_toy_model  # noqa: F401

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
    from DeepVolumetryLib.study import measurementTable

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
