"""Reviewing with the keyboard, taking decisions and edits back, and a scene that is opened again, on the kidneys of a toy model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from driver import PanelDriver, erase, tag

from DeepVolumetryLib import modules

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_review"))


@pytest.fixture
def panel(load_module, process_events, monkeypatch, the_toy_model, a_warm_worker):
    monkeypatch.setitem(modules.MODULES, "renal", the_toy_model)
    made = PanelDriver(load_module("RenalParenchyma", ROOT / "RenalParenchyma", show=True), process_events)
    made.logic._client = a_warm_worker
    made.ui.inputSelector.setCurrentNode(made.logic.makeSample())
    made.run()
    assert made.logic.result is not None, made.message
    made.module.enter()
    return made


def press(panel, key):
    """What the window does when the key is pressed."""
    for shortcut in panel.widget.shortcuts._shortcuts:
        if shortcut.key.toString() == key and shortcut.enabled:
            shortcut.activated.emit()
            panel.wait()
            return True
    return False


def states(panel):
    return [region.reviewed for region in panel.logic.result.review_list()]


def first_of(panel, target):
    return next(n for n, region in enumerate(panel.logic.result.review_list()) if region.target == target)


# ---- the keyboard


def test_keys_step_through_the_places_and_decide(panel):
    press(panel, "Alt+Right")
    press(panel, "Alt+Right")
    assert panel.widget.reviewSection.current == 1
    press(panel, "Alt+Left")
    assert panel.widget.reviewSection.current == 0
    press(panel, "Alt+Return")
    press(panel, "Alt+Shift+Return")
    assert states(panel)[:3] == ["looks_right", "fixed", ""]
    assert panel.widget.reviewSection.current == 2


def test_keys_work_only_while_the_module_is_shown(panel):
    panel.module.exit()
    assert not press(panel, "Alt+Return") and not any(states(panel))
    panel.module.enter()
    assert press(panel, "Alt+Return") and states(panel)[0] == "looks_right"


def test_keys_are_named_where_the_buttons_are(panel):
    assert panel.ui.nextButton.toolTip == "Jump to the next place in all views. [Alt+Right]"
    assert "Alt+Enter looks right" in panel.ui.reviewKeysLabel.text


# ---- progress and views


def test_progress_says_how_much_of_the_volume_at_stake_was_looked_at(panel):
    regions = panel.logic.result.review_list()
    panel.ui.nextButton.click()
    panel.ui.looksRightButton.click()
    stakes = [region.at_stake_ml for region in regions]
    share = round(100 * stakes[0] / sum(stakes))
    text = f"1 of {len(regions)} places reviewed, {share} % of the volume at stake; {sum(stakes[1:]):.1f} mL are left."
    assert panel.widget.reviewSection.message.text == text


def test_views_zoom_in_on_the_place_unless_told_not_to(panel):
    import slicer

    camera = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCameraNode")
    region = panel.logic.result.review_list()[0]
    panel.ui.nextButton.click()
    views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    size = max(np.subtract(*region.box_kji[::-1])) * 4.0
    assert all(min(view.GetFieldOfView()[:2]) == pytest.approx(max(60, 3 * size)) for view in views)
    assert camera.GetFocalPoint() == pytest.approx(region.center_ras_mm)
    panel.ui.zoomCheckBox.checked = False
    shown = [view.GetFieldOfView() for view in views]
    panel.ui.nextButton.click()
    assert [view.GetFieldOfView() for view in views] == shown


# ---- undo


def test_undo_takes_decisions_back_one_by_one_and_intervals_with_them(panel):
    before = panel.logic.result.measurements[:]
    panel.ui.nextButton.click()
    panel.ui.looksRightButton.click()
    panel.ui.fixedButton.click()
    assert panel.logic.result.measurements != before
    press(panel, "Alt+Backspace")
    assert states(panel)[:2] == ["looks_right", ""] and panel.widget.reviewSection.current == 1
    panel.ui.undoReviewButton.click()
    assert not any(states(panel)) and panel.logic.result.measurements == before
    panel.ui.undoReviewButton.click()  # nothing is left to take back
    assert not any(states(panel))


def test_undo_of_an_edit_brings_masks_numbers_and_the_place_back_and_keeps_reviews(panel):
    editor = panel.ui.segmentEditorWidget
    looked_at, edited = first_of(panel, "cyst"), first_of(panel, "tumor")
    panel.widget.reviewSection.select(looked_at)
    panel.ui.looksRightButton.click()
    masks = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    volume, intervals = panel.value("left_tumor").value, panel.logic.result.measurements[:]
    editor.saveStateForUndo()
    erase(panel, "left_tumor")
    panel.wait(lambda: panel.value("left_tumor").value == 0)
    assert (states(panel)[looked_at], states(panel)[edited]) == ("looks_right", "fixed")
    editor.undo()
    panel.wait(lambda: panel.value("left_tumor").value == volume)
    assert (states(panel)[looked_at], states(panel)[edited]) == ("looks_right", "")
    assert all((masks[key] == mask).all() for key, mask in panel.logic.result.segments.items())
    assert panel.logic.result.measurements == intervals
    editor.redo()
    panel.wait(lambda: panel.value("left_tumor").value == 0)
    assert (states(panel)[looked_at], states(panel)[edited]) == ("looks_right", "fixed")


def test_cut_off_can_be_undone_and_redone(panel):
    index = first_of(panel, "tumor")
    panel.widget.reviewSection.select(index)
    before = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    count = before["left_tumor"].sum()
    panel.ui.regionThresholdSlider.value = 0.2
    panel.wait(lambda: panel.logic.result.segments["left_tumor"].sum() > count)
    after = panel.logic.result.segments["left_tumor"].copy()
    panel.ui.segmentEditorWidget.undo()
    panel.wait(lambda: panel.logic.result.segments["left_tumor"].sum() == count)
    assert all((before[key] == mask).all() for key, mask in panel.logic.result.segments.items())
    panel.ui.segmentEditorWidget.redo()
    panel.wait(lambda: (panel.logic.result.segments["left_tumor"] == after).all())


def test_decision_after_an_edit_outlives_the_undo_of_another_place(panel):
    editor, edited = panel.ui.segmentEditorWidget, first_of(panel, "tumor")
    editor.saveStateForUndo()
    erase(panel, "left_tumor")
    panel.wait(lambda: states(panel)[edited] == "fixed")
    panel.widget.reviewSection.select(edited)
    panel.ui.fixedButton.click()
    others = [n for n, state in enumerate(states(panel)) if not state]
    assert edited not in others
    panel.ui.undoReviewButton.click()
    assert states(panel)[edited] == "fixed"


# ---- a saved scene


def saved_and_opened(panel, folder):
    """Save the scene, close it with the module shown, and open it again."""
    import slicer

    from DeepVolumetryLib.host.scene_file import load_scene, save_scene

    path = save_scene(folder / "study.mrb")
    slicer.mrmlScene.Clear(0)
    panel.wait()
    assert panel.logic.result is None and panel.ui.regionTable.rowCount == 0
    load_scene(path)
    panel.wait()
    return panel


def test_saved_scene_is_reviewed_on_where_it_was_left(panel, tmp_path):
    import slicer

    panel.ui.sexComboBox.currentIndex, panel.ui.ageSpinBox.value = 2, 52
    panel.widget.reviewSection.select(first_of(panel, "cyst"))
    panel.ui.looksRightButton.click()
    erase(panel, "left_tumor", slice(0, 22))
    panel.wait(lambda: "left_tumor" in panel.logic.result.extras.get("edited_segments", ()))
    result = panel.logic.result
    masks, decided, table = dict(result.segments), states(panel), list(result.measurements)
    shown = panel.logic.nodes.uncertainty["tumor"].GetName()
    saved_and_opened(panel, tmp_path)
    again = panel.logic.result
    assert again is not None and again is not result
    assert set(again.segments) == set(masks) and all((again.segments[key] == mask).all() for key, mask in masks.items())
    assert states(panel) == decided and panel.ui.regionTable.rowCount == len(decided)
    for before, after in zip(table, again.measurements, strict=True):
        assert (before.segment, before.name, before.verdict) == (after.segment, after.name, after.verdict)
        numbers = [[x if x is not None else -1 for x in (m.value, m.low, m.high)] for m in (before, after)]
        assert numbers[1] == pytest.approx(numbers[0], rel=1e-3, nan_ok=True)
    assert again.extras["edited_segments"] == ["left_tumor"]
    done = sum(map(bool, decided))
    assert panel.message == f"Restored from the scene: {done} of {len(decided)} places are reviewed. Earlier steps cannot be undone."
    assert "Right parenchyma, volume:" in panel.ui.verdictLabel.text
    panel.ui.overlayTargetComboBox.currentIndex = panel.ui.overlayTargetComboBox.findData("tumor")
    foreground = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0].GetForegroundVolumeID()
    assert slicer.mrmlScene.GetNodeByID(foreground).GetName() == shown
    assert (tag(panel, "left_tumor"), tag(panel, "left_kidney")) == ("SEMIAUTOMATIC", "AUTOMATIC")


def test_restored_study_can_be_corrected_and_reviewed_further(panel, tmp_path):
    saved_and_opened(panel, tmp_path)
    before = panel.value("left_tumor")
    panel.widget.reviewSection.select(first_of(panel, "tumor"))
    panel.ui.looksRightButton.click()
    narrowed = panel.value("left_tumor")
    assert narrowed.value == before.value and narrowed.high - narrowed.low < before.high - before.low
    panel.widget.reviewSection.select(first_of(panel, "tumor"))
    panel.ui.regionThresholdSlider.value = 0.2
    panel.wait(lambda: panel.value("left_tumor").value > before.value)


def test_segment_that_the_user_added_comes_back_with_its_volume(panel, tmp_path):
    import slicer

    panel.ui.addSegmentButton.click()
    drawn = np.zeros(panel.logic.result.image.shape, np.uint8)
    drawn[10:14, 8:12, 36:40] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, panel.segmentation, "right_tumor", panel.ui.inputSelector.currentNode())
    panel.wait(lambda: panel.value("right_tumor").value > 0)
    saved_and_opened(panel, tmp_path)
    assert panel.value("right_tumor").value == pytest.approx(drawn.sum() * panel.logic.result.image.voxel_ml)
    assert tag(panel, "right_tumor") == "MANUAL"


def test_scene_whose_state_is_damaged_is_explained(panel, tmp_path):
    panel.logic._stateNode.SetText('{"schema": 99}')
    saved_and_opened(panel, tmp_path)
    assert panel.logic.result is None and panel.segmentation is None
    assert panel.message == "The result in this scene could not be restored. Press Segment to review and measure it again."


# ---- the slider in an area of one's own


def test_cut_off_acts_inside_the_painted_area_only(panel):
    import slicer

    panel.ui.overlayTargetComboBox.currentIndex = panel.ui.overlayTargetComboBox.findData("tumor")
    before = {key: mask.copy() for key, mask in panel.logic.result.segments.items()}
    panel.ui.areaButton.checked = True
    assert panel.ui.segmentEditorWidget.currentSegmentID() == "area" and panel.ui.segmentEditorWidget.activeEffect().name == "Paint"
    painted = np.zeros(panel.logic.result.image.shape, np.uint8)
    half = np.argwhere(before["left_tumor"])[:, 2].mean()
    painted[:, :, : int(half)] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, panel.segmentation, "area", panel.ui.inputSelector.currentNode())
    panel.wait()
    panel.ui.regionThresholdSlider.value = 0.15
    panel.wait(lambda: (panel.logic.result.segments["left_tumor"] != before["left_tumor"]).any())
    gained = panel.logic.result.segments["left_tumor"] & ~before["left_tumor"]
    assert gained.sum() == gained[painted > 0].sum() > 0
    assert not (panel.logic.result.segments["left_tumor"] & panel.logic.result.segments["left_parenchyma"]).any()
    assert "area" not in panel.logic.result.segments and all(m.segment != "area" for m in panel.logic.result.measurements)
    panel.ui.areaButton.checked = False
    assert panel.segmentation.GetSegmentation().GetSegment("area") is None


def test_slider_without_a_painted_area_says_so(panel):
    panel.ui.areaButton.checked = True
    panel.ui.regionThresholdSlider.value = 0.2
    assert panel.widget.correctSection.message.text == "Paint the area first where the cut-off is to change."
