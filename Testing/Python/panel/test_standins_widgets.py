"""ctk.* and slicer.qMRML* on real nodes."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def slicer(a_scene):
    import slicer

    return slicer


@pytest.fixture
def ctk(a_scene):
    import ctk

    return ctk


@pytest.fixture
def a_selector(slicer):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(slicer.mrmlScene)
    return selector


@pytest.fixture
def a_volume(slicer):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(node, np.zeros((10, 12, 14), np.int16))
    node.SetOrigin(10, 20, 30)
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def a_segmentation(slicer):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "CT RenalParenchyma")
    node.CreateDefaultDisplayNodes()
    for segment_id, color in (("left_kidney", (0.7, 0.3, 0.2)), ("right_kidney", (0.2, 0.3, 0.7))):
        node.GetSegmentation().AddEmptySegment(segment_id, segment_id.replace("_", " "), color)
    return node


def test_a_selector_with_none_keeps_none_and_follows_the_scene(slicer, a_selector, a_volume):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Surface")
    assert a_selector.currentNode() is None
    assert a_selector.nodeCount() == 1
    slicer.mrmlScene.RemoveNode(a_volume)
    assert a_selector.nodeCount() == 0


def test_a_selector_without_none_takes_the_first_node(slicer, a_volume):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.currentNode() is a_volume


def test_selecting_a_node_emits_node_validity_and_id(a_selector, a_volume):
    heard = []
    a_selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: heard.append(node and node.GetName()))
    a_selector.connect("currentNodeChanged(bool)", lambda valid: heard.append(valid))
    a_selector.connect("currentNodeIDChanged(QString)", lambda node_id: heard.append(node_id))
    a_selector.setCurrentNode(a_volume)
    a_selector.setCurrentNode(a_volume)
    a_selector.setCurrentNodeID("")
    assert heard == ["CT", True, a_volume.GetID(), None, False, ""]


def test_closing_the_scene_empties_the_selector(slicer, a_selector, a_volume):
    a_selector.setCurrentNode(a_volume)
    slicer.mrmlScene.Clear(0)
    assert a_selector.currentNode() is None
    assert a_selector.currentNodeID == ""


def test_hidden_nodes_and_nodes_without_the_attribute_are_not_listed(a_selector, a_volume):
    a_selector.addAttribute("vtkMRMLScalarVolumeNode", "Kind", "uncertainty")
    assert a_selector.nodeCount() == 0
    a_volume.SetAttribute("Kind", "uncertainty")
    assert a_selector.nodeCount() == 1
    a_volume.SetHideFromEditors(True)
    assert a_selector.nodeCount() == 0


def test_add_node_makes_and_selects_one(a_selector):
    a_selector.baseName = "Result"
    node = a_selector.addNode()
    assert (node.GetName(), a_selector.currentNode()) == ("Result", node)


def test_an_attribute_of_a_selector_has_no_setter_in_python(a_selector):
    with pytest.raises(AttributeError, match="assign the property 'addEnabled'"):
        a_selector.setAddEnabled(False)


def test_a_collapsed_section_hides_what_it_holds_until_it_is_opened(ctk, slicer_app):
    import qt

    section = ctk.ctkCollapsibleButton()
    section.text = "Advanced"
    label, note = qt.QLabel("inside"), qt.QLabel("hidden by the module")
    layout = qt.QVBoxLayout(section)
    layout.addWidget(label)
    layout.addWidget(note)
    note.hide()
    section.show()
    heard = []
    section.connect("contentsCollapsed(bool)", heard.append)
    section.collapsed = True
    assert (label.visible, section.checked) == (False, False)
    note.show()  # takes effect when opened
    assert note.visible is False
    section.click()
    assert (section.collapsed, label.visible, note.visible) == (False, True, True)
    assert heard == [True, False]


def test_a_slider_keeps_its_range_and_reports_changes(ctk):
    slider, heard = ctk.ctkSliderWidget(), []
    slider.minimum, slider.maximum, slider.singleStep, slider.decimals = 0, 1, 0.05, 2
    slider.connect("valueChanged(double)", heard.append)
    slider.value = 0.25
    slider.value = 7
    assert heard == [0.25, 1.0]
    assert slider.SpinBox is not None


def test_a_range_never_crosses(ctk):
    widget = ctk.ctkRangeWidget()
    widget.setRange(0, 10)
    widget.setValues(2, 8)
    widget.minimumValue = 9
    assert (widget.minimumValue, widget.maximumValue) == (9, 9)


def test_a_path_is_asked_for_and_reported(ctk, dialogs, tmp_path):
    edit, heard = ctk.ctkPathLineEdit(), []
    edit.currentPathChanged.connect(heard.append)
    dialogs.answer(str(tmp_path))
    edit.browse()
    assert (edit.currentPath, heard) == (str(tmp_path), [str(tmp_path)])


def test_the_segment_editor_keeps_its_state_in_its_node(slicer, a_volume, a_segmentation):
    editor, heard = slicer.qMRMLSegmentEditorWidget(), []
    editor.setMRMLScene(slicer.mrmlScene)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    editor.setMRMLSegmentEditorNode(node)
    editor.connect("currentSegmentIDChanged(QString)", heard.append)
    editor.setSegmentationNode(a_segmentation)
    editor.setSourceVolumeNode(a_volume)
    editor.setCurrentSegmentID("right_kidney")
    editor.setActiveEffectByName("Paint")
    editor.activeEffect().setParameter("BrushSphere", 1)
    assert heard == ["left_kidney", "right_kidney"]
    assert (node.GetSelectedSegmentID(), node.GetActiveEffectName()) == ("right_kidney", "Paint")
    assert node.GetAttribute("Paint.BrushSphere") == "1"
    a_segmentation.GetSegmentation().RemoveSegment("right_kidney")
    assert editor.currentSegmentID() == "left_kidney"


def test_the_segment_editor_says_what_slicer_would_silently_ignore(slicer, a_volume, a_segmentation):
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setSegmentationNode(None)
    with pytest.raises(RuntimeError, match="setMRMLSegmentEditorNode first"):
        editor.setSegmentationNode(a_segmentation)
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    with pytest.raises(RuntimeError, match="segmentation node before the source volume"):
        editor.setSourceVolumeNode(a_volume)


def test_a_segments_table_follows_the_segmentation(slicer, a_segmentation):
    view = slicer.qMRMLSegmentsTableView()
    view.setSegmentationNode(a_segmentation)
    view.setSelectedSegmentIDs(["right_kidney"])
    a_segmentation.GetSegmentation().AddEmptySegment("cyst", "cyst")
    assert (view.segmentCount, view.selectedSegmentIDs()) == (3, ("right_kidney",))


def test_a_table_view_shows_titles_and_follows_the_node(slicer):
    import qt

    node, view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Volumes"), slicer.qMRMLTableView()
    view.setMRMLTableNode(node)
    slicer.util.updateTableFromArray(node, np.array([[1.0, 2.0]]), ["left", "right"])
    node.Modified()
    assert (view.model().rowCount(), view.model().columnCount()) == (1, 2)
    assert view.model().headerData(1, qt.Qt.Horizontal) == "right"


def test_slice_views_are_real_slice_logic(slicer, a_volume):
    slicer.util.setSliceViewerLayers(background=a_volume, fit=True)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 1, 2, 33, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
    manager = slicer.app.layoutManager()
    assert manager.sliceViewNames() == ("Red", "Yellow", "Green")
    assert manager.sliceWidget("Red").sliceLogic().GetSliceOffset() == 33
    assert manager.sliceWidget("Red").mrmlSliceCompositeNode().GetBackgroundVolumeID() == a_volume.GetID()
    slicer.util.resetSliceViews()
    manager.threeDWidget(0).threeDView().resetFocalPoint()


def test_slice_views_outlive_the_scene(slicer, a_volume):
    slicer.mrmlScene.Clear(0)
    assert slicer.app.layoutManager().sliceWidget("Green").mrmlSliceNode().GetScene() is slicer.mrmlScene
