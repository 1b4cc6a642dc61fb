"""RenalParenchyma's panel as a radiologist uses it, from the result to the export."""

from __future__ import annotations

import json

import numpy as np
import pytest
from driver import erase, tag
from test_renal_panel import a_panel, a_segmented_panel, the_toy_model  # noqa: F401

# ---- review


def test_next_jumps_all_slice_views_to_the_place(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    panel.ui.nextButton.click()
    panel.ui.nextButton.click()
    assert panel.widget.reviewSection.current == 1
    center = panel.logic.result.regions[1].center_ras_mm
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        matrix = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
        assert np.allclose(matrix[:3, 3], center, atol=1e-3)
    panel.ui.previousButton.click()
    assert panel.widget.reviewSection.current == 0


def test_looks_right_marks_the_place_narrows_the_interval_and_goes_on(a_segmented_panel):
    panel = a_segmented_panel
    region = panel.logic.result.regions[0]
    segment = f"{'left' if region.center_ras_mm[0] < 0 else 'right'}_{region.target}"
    before = panel.value(segment)
    panel.ui.nextButton.click()
    panel.ui.looksRightButton.click()
    after = panel.value(segment)
    assert panel.logic.result.regions[0].reviewed == "looks_right" and panel.widget.reviewSection.current == 1
    assert after.value == before.value and after.high - after.low < before.high - before.low
    assert panel.widget.reviewSection.message.text.startswith(f"1 of {panel.ui.regionTable.rowCount} places reviewed")


def test_overlay_follows_target_opacity_and_threshold(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    panel.ui.overlayTargetComboBox.currentIndex = 1
    panel.ui.opacitySlider.value = 0.3
    panel.ui.thresholdSlider.value = 40
    node = panel.logic.nodes.uncertainty[panel.widget.reviewSection.overlayTarget]
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert (view.GetForegroundVolumeID(), view.GetForegroundOpacity()) == (node.GetID(), 0.3)
    assert node.GetDisplayNode().GetLowerThreshold() == 40
    panel.ui.overlayCheckBox.checked = False
    assert not slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0].GetForegroundVolumeID()


# ---- correct


def test_edit_is_measured_at_once_and_tagged_semiautomatic(a_segmented_panel):
    panel = a_segmented_panel
    before, other = panel.value("left_kidney").value, panel.value("right_kidney").value
    erase(panel, "left_kidney", slice(0, 15))
    panel.wait(lambda: panel.value("left_kidney").value < before)
    image = panel.logic.result.image
    assert panel.value("left_kidney").value == pytest.approx(panel.logic.result.segments["left_kidney"].sum() * image.voxel_ml)
    assert panel.logic.result.segments["left_kidney"][:14].sum() == 0
    assert panel.value("right_kidney").value == other
    assert panel.cell("Kidney/Volume", "Left").startswith(f"{panel.value('left_kidney').value:.3g}")
    assert (tag(panel, "left_kidney"), tag(panel, "right_kidney")) == ("SEMIAUTOMATIC", "AUTOMATIC")
    assert panel.logic.result.extras["edited_segments"] == ["left_kidney", "left_parenchyma"]
    assert not (panel.logic.result.segments["left_parenchyma"] & ~panel.logic.result.segments["left_kidney"]).any()


def test_place_that_was_edited_counts_as_fixed(a_segmented_panel):
    panel = a_segmented_panel
    region = next(r for r in panel.logic.result.regions if r.target == "tumor")
    erase(panel, "left_tumor")
    panel.wait(lambda: panel.value("left_tumor").value == 0)
    assert next(r for r in panel.logic.result.regions if r.rank == region.rank).reviewed == "fixed"


def test_cut_off_moves_the_border_only_in_the_current_place(a_segmented_panel):
    panel = a_segmented_panel
    index = next(i for i, r in enumerate(panel.logic.result.regions) if r.target == "tumor")
    region = panel.logic.result.regions[index]
    before = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    panel.widget.reviewSection.select(index)
    panel.ui.regionThresholdSlider.value = 0.2
    volume = before["left_tumor"].sum() * panel.logic.result.image.voxel_ml
    panel.wait(lambda: panel.value("left_tumor").value > volume)
    box = tuple(slice(*edges) for edges in zip(*region.box_kji, strict=True))
    after = panel.logic.result.segments
    gained = after["left_tumor"] & ~before["left_tumor"]
    assert gained.sum() == gained[box].sum() > 0
    for key, mask in after.items():
        different = mask != before[key]
        assert different.sum() == different[box].sum(), key
    assert not (after["left_tumor"] & after["left_parenchyma"]).any()
    assert (after["left_kidney"] | ~gained).all()


def test_cut_off_shrinks_what_the_model_overdid_and_hands_it_to_the_neighbor(a_segmented_panel):
    panel = a_segmented_panel
    index = next(i for i, r in enumerate(panel.logic.result.regions) if r.target == "tumor")
    before = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    panel.widget.reviewSection.select(index)
    panel.ui.regionThresholdSlider.value = 0.9
    panel.wait(lambda: panel.logic.result.segments["left_tumor"].sum() < before["left_tumor"].sum())
    after = panel.logic.result.segments
    lost = before["left_tumor"] & ~after["left_tumor"]
    handed = after["left_parenchyma"] & ~before["left_parenchyma"]
    assert handed.sum() > 0 and (lost | ~handed).all()
    assert not (after["left_tumor"] & after["left_parenchyma"]).any()
    assert panel.logic.result.regions[index].reviewed == "fixed"


def test_structure_that_the_model_missed_can_be_added_and_is_measured(a_segmented_panel):
    import slicer

    panel = a_segmented_panel
    names = [panel.ui.addSegmentComboBox.itemText(i) for i in range(panel.ui.addSegmentComboBox.count)]
    assert names == ["Right renal tumor", "Left renal cyst"]
    panel.ui.addSegmentButton.click()
    assert panel.ui.segmentEditorWidget.currentSegmentID() == "right_tumor"
    drawn = np.zeros(panel.logic.result.image.shape, np.uint8)
    drawn[10:14, 8:12, 36:40] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, panel.segmentation, "right_tumor", panel.ui.inputSelector.currentNode())
    panel.wait(lambda: panel.value("right_tumor").value > 0)
    assert panel.value("right_tumor").value == pytest.approx(drawn.sum() * panel.logic.result.image.voxel_ml)
    assert tag(panel, "right_tumor") == "MANUAL"


# ---- measurements and export


def test_age_and_sex_given_after_the_run_bring_verdicts(a_segmented_panel):
    panel = a_segmented_panel
    assert "parenchyma, volume" not in panel.ui.verdictLabel.text
    panel.ui.ageSpinBox.value = 52
    panel.ui.sexComboBox.currentIndex = 2
    assert "Right parenchyma, volume:</b> below the reference range of men of 40–59 years" in panel.ui.verdictLabel.text


def test_impossible_height_is_explained_and_the_numbers_stay(a_segmented_panel):
    panel = a_segmented_panel
    before = list(panel.logic.result.measurements)
    panel.ui.heightSpinBox.value = 5
    assert panel.widget.inputsSection.message.text == "Height 5 cm is out of range; give 30 to 250 cm."
    assert panel.logic.result.measurements == before


def test_copied_measurements_can_be_pasted_as_text(a_segmented_panel):
    import slicer

    a_segmented_panel.ui.copyButton.click()
    assert slicer.app.clipboard().text().startswith("\tRight\tLeft\tTotal\nKidney: Volume (mL)\t")


def test_change_to_a_prior_study_is_said_in_words(a_segmented_panel, tmp_path):
    panel = a_segmented_panel
    prior = panel.logic.exportJson(tmp_path)
    erase(panel, "left_tumor")
    panel.wait(lambda: panel.value("left_tumor").value == 0)
    panel.ui.priorPathLineEdit.currentPath = str(prior)
    text = panel.ui.changesLabel.text
    assert "Left tumor: " in text and " → 0 mL (−100 %)" in text and "Right kidney: " in text
    (tmp_path / "other.json").write_text("{}")
    panel.ui.priorPathLineEdit.currentPath = str(tmp_path / "other.json")
    assert "is not a report of this version" in panel.widget.measurementsSection.priorMessage.text and not panel.ui.changesLabel.visible


def test_export_is_disabled_with_the_reason_until_there_is_something(a_panel, tmp_path):
    message = a_panel.widget.exportSection.message
    assert message.text == "There is nothing to export before a segmentation." and not a_panel.ui.exportAllButton.enabled
    a_panel.segment()
    assert message.text == "Choose the folder to write to."
    a_panel.ui.exportFolderPathLineEdit.currentPath = str(tmp_path)
    assert message.text == "" and a_panel.ui.exportAllButton.enabled


def test_export_writes_the_corrected_study_and_says_where(a_segmented_panel, tmp_path):
    panel, folder = a_segmented_panel, tmp_path / "report"
    erase(panel, "left_tumor")
    panel.wait(lambda: panel.value("left_tumor").value == 0)
    panel.ui.exportFolderPathLineEdit.currentPath = str(folder)
    panel.ui.exportAllButton.click()
    assert panel.widget.exportSection.message.text == f"Written to {folder}"
    maps = {f"{kind}_{target}.nrrd" for kind in ("probability", "uncertainty") for target in ("kidney", "parenchyma", "tumor", "cyst")}
    assert {path.name for path in folder.iterdir()} == maps | {"segmentation.seg.nrrd", "measurements.csv", "report.json"}
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["edited_segments"] == ["left_tumor"]
    assert "left_tumor,Volume,0.0,mL" in (folder / "measurements.csv").read_text(encoding="utf-8")


def test_folder_that_cannot_be_written_is_explained(a_segmented_panel, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    a_segmented_panel.ui.exportFolderPathLineEdit.currentPath = str(tmp_path / "file")
    a_segmented_panel.ui.exportCsvButton.click()
    assert a_segmented_panel.widget.exportSection.message.text == f"{tmp_path / 'file'} is a file. Choose a folder for the results."
