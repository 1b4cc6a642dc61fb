"""What a user finds in the scene after a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib import host
from DeepVolumetryLib.errors import InputError, ResourceError

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib.mrml import focus, overlay, results, segmentation  # noqa: E402
from DeepVolumetryLib.mrml.masks import masks_on_grid, segment_images, volumes_ml  # noqa: E402
from DeepVolumetryLib.mrml.nodes import input_of  # noqa: E402
from DeepVolumetryLib.mrml.volumes import image_from_node, local_matrix, node_from_image  # noqa: E402

MODULE = "renal"


def a_transform(turned_deg=30.0, shift=(10.0, -20.0, 5.0)):
    c, s = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    matrix = np.array([[c, -s, 0, shift[0]], [s, c, 0, shift[1]], [0, 0, 1, shift[2]], [0, 0, 0, 1]])
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turned")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node, matrix


def names_in_scene():
    return sorted(slicer.util.getNodes("*", useLists=True))


def segment(nodes, key):
    return nodes.segmentation.GetSegmentation().GetSegment(key)


def test_the_segmentation_is_named_for_input_and_module(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    assert nodes.segmentation.GetName() == "Phantom RenalParenchyma"
    assert input_of(nodes.segmentation) is a_volume_node


def test_segments_have_names_colors_and_terminology(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    kidney, parenchyma = segment(nodes, "left_kidney"), segment(nodes, "left_parenchyma")
    assert kidney.GetName() == "Left kidney"
    np.testing.assert_allclose(np.array(kidney.GetColor()) * 255, (185, 102, 83), atol=1e-6)
    assert segmentation.tag(kidney, "TerminologyEntry") == (
        "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~"
        "SCT^64033007^Kidney~SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^"
    )
    assert segmentation.tag(parenchyma, "TerminologyEntry").startswith("DeepVolumetry~SCT^85756007^Tissue~SCT^91772007^Parenchyma~^^~")


def test_slicer_knows_the_code_of_renal_parenchyma(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    entry = slicer.vtkSlicerTerminologyEntry()
    text = segmentation.tag(segment(nodes, "left_parenchyma"), "TerminologyEntry")
    logic = slicer.modules.terminologies.logic()
    assert logic.DeserializeTerminologyEntry(text, entry)
    assert entry.GetTypeObject().GetCodeMeaning() == "Parenchyma"
    known = slicer.vtkSlicerTerminologyType()
    assert logic.GetNthTypeInTerminologyCategory("DeepVolumetry", entry.GetCategoryObject(), 0, known)
    assert known.GetCodeValue() == entry.GetTypeObject().GetCodeValue() == "91772007"
    assert known.GetRecommendedDisplayRGBValue() == (232, 163, 118)


def test_dicom_export_will_say_that_a_model_drew_the_segments(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    assert segmentation.tag(segment(nodes, "left_cyst"), "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert segmentation.tag(segment(nodes, "left_cyst"), "DICOM.SegmentAlgorithmName") == "renal_kidney_parenchyma 1.0.0"
    segmentation.mark_edited(nodes.segmentation, ["left_cyst", "no such segment"])
    assert segmentation.tag(segment(nodes, "left_cyst"), "DICOM.SegmentAlgorithmType") == "SEMIAUTOMATIC"
    assert segmentation.tag(segment(nodes, "left_kidney"), "DICOM.SegmentAlgorithmType") == "AUTOMATIC"


def test_provenance_stays_with_the_segmentation(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    provenance = json.loads(nodes.segmentation.GetAttribute(segmentation.PROVENANCE))
    assert (provenance["model_name"], provenance["model_sha256"]) == ("renal_kidney_parenchyma", "ab" * 32)


def test_reference_geometry_and_source_volume_are_the_input(a_volume_node, a_result):
    node = results.show_result(a_result, a_volume_node).segmentation
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is a_volume_node


def test_results_lie_in_the_study_of_their_input(a_volume_node, a_result):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Subject"), "Study")
    hierarchy.CreateItem(study, a_volume_node)
    nodes = results.show_result(a_result, a_volume_node)
    for node in (nodes.segmentation, nodes.table, *nodes.uncertainty.values()):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_masks_come_back_voxel_for_voxel(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    masks = masks_on_grid(nodes.segmentation, a_result.image)
    assert set(masks) == set(a_result.segments)
    for key, mask in masks.items():
        np.testing.assert_array_equal(mask, a_result.segments[key])


def test_slicer_itself_exports_the_same_masks(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    for key, mask in a_result.segments.items():
        exported = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, key, a_volume_node)
        np.testing.assert_array_equal(exported > 0, mask)


def test_volumes_are_counted_in_ml(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    volumes = volumes_ml(nodes.segmentation)
    for key, mask in a_result.segments.items():
        assert volumes[key] == pytest.approx(mask.sum() * a_result.image.voxel_ml, rel=1e-9)


def test_an_empty_segment_measures_zero(a_volume_node, a_result):
    empty = replace(
        a_result, segments={"left_kidney": np.zeros(a_result.image.shape, bool), "right_cyst": np.zeros(a_result.image.shape, bool)}
    )
    nodes = results.show_result(empty, a_volume_node)
    assert volumes_ml(nodes.segmentation) == {"left_kidney": 0.0, "right_cyst": 0.0}
    assert not masks_on_grid(nodes.segmentation, a_result.image)["right_cyst"].any()


def test_a_stroke_of_the_brush_is_measured(a_volume_node, a_result):
    node = results.show_result(a_result, a_volume_node).segmentation
    before = volumes_ml(node)
    edited = a_result.segments["left_kidney"].copy()
    edited[2:4, 2:4, 30:33] = True  # far outside the box of the label map
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited.astype(np.uint8), node, "left_kidney", a_volume_node)
    assert volumes_ml(node)["left_kidney"] == pytest.approx(edited.sum() * a_result.image.voxel_ml)
    assert volumes_ml(node)["right_kidney"] == pytest.approx(before["right_kidney"])
    np.testing.assert_array_equal(masks_on_grid(node, a_result.image, ["left_kidney"])["left_kidney"], edited)


def test_a_result_under_a_rotated_parent_keeps_volume_and_place(a_scene, a_kidney_phantom, a_result):
    volume = node_from_image(a_kidney_phantom)
    transform, matrix = a_transform()
    volume.SetAndObserveTransformNodeID(transform.GetID())
    image = image_from_node(volume)
    np.testing.assert_allclose(image.ijk_to_ras, matrix @ a_kidney_phantom.ijk_to_ras, atol=1e-9)

    nodes = results.show_result(replace(a_result, image=image), volume)
    assert nodes.segmentation.GetTransformNodeID() == transform.GetID()
    assert nodes.uncertainty["kidney"].GetTransformNodeID() == transform.GetID()
    assert volumes_ml(nodes.segmentation)["left_kidney"] == pytest.approx(
        a_result.segments["left_kidney"].sum() * a_kidney_phantom.voxel_ml
    )

    found = segment_images(nodes.segmentation)["left_kidney"]
    k, j, i = np.argwhere(found.voxels).mean(axis=0)
    k0, j0, i0 = np.argwhere(a_result.segments["left_kidney"]).mean(axis=0)
    np.testing.assert_allclose(found.ijk_to_ras @ (i, j, k, 1), matrix @ a_kidney_phantom.ijk_to_ras @ (i0, j0, k0, 1), atol=1e-6)
    np.testing.assert_array_equal(masks_on_grid(nodes.segmentation, image)["left_kidney"], a_result.segments["left_kidney"])


def test_a_sheared_input_keeps_volume_and_masks(a_scene, a_kidney_phantom, a_result):
    matrix = a_kidney_phantom.ijk_to_ras @ np.array([[1, 0.3, 0.2, 0], [0, 1, 0.4, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    volume = node_from_image(replace(a_kidney_phantom, ijk_to_ras=matrix))
    image = image_from_node(volume)
    nodes = results.show_result(replace(a_result, image=image), volume)
    for key, mask in masks_on_grid(nodes.segmentation, image).items():
        np.testing.assert_array_equal(mask, a_result.segments[key])
    assert volumes_ml(nodes.segmentation)["left_kidney"] == pytest.approx(
        a_result.segments["left_kidney"].sum() * a_kidney_phantom.voxel_ml
    )


def test_running_again_updates_the_same_nodes(a_volume_node, a_result, another_result):
    first = results.show_result(a_result, a_volume_node)
    names = names_in_scene()
    second = results.show_result(another_result, a_volume_node)
    assert names_in_scene() == names
    assert (second.segmentation, second.table, second.uncertainty) == (first.segmentation, first.table, first.uncertainty)
    np.testing.assert_array_equal(masks_on_grid(second.segmentation, a_result.image)["left_kidney"], another_result.segments["left_kidney"])


def test_running_again_keeps_what_the_user_named_and_colored(a_volume_node, a_result, another_result):
    nodes = results.show_result(a_result, a_volume_node)
    segment(nodes, "left_kidney").SetName("Transplant")
    segment(nodes, "left_kidney").SetColor(0, 0, 1)
    overlay.set_visible_from(nodes.uncertainty["kidney"], 33)
    results.show_result(another_result, a_volume_node)
    assert segment(nodes, "left_kidney").GetName() == "Transplant"
    assert segment(nodes, "left_kidney").GetColor() == (0, 0, 1)
    assert nodes.uncertainty["kidney"].GetDisplayNode().GetLowerThreshold() == 33


def test_running_again_takes_away_segments_that_are_gone(a_volume_node, a_result):
    nodes = results.show_result(a_result, a_volume_node)
    results.show_result(replace(a_result, segments={"left_kidney": a_result.segments["left_kidney"]}), a_volume_node)
    assert nodes.segmentation.GetSegmentation().GetSegmentIDs() == ("left_kidney",)


def test_two_inputs_have_a_result_each(a_volume_node, a_result, a_kidney_phantom):
    other = node_from_image(a_kidney_phantom, "Other")
    first, second = results.show_result(a_result, a_volume_node), results.show_result(a_result, other)
    assert first.segmentation is not second.segmentation
    assert second.table.GetName() == "Other RenalParenchyma measurements"


def test_a_result_is_found_again_by_its_input(a_volume_node, a_result):
    assert results.find_result(a_volume_node, MODULE) is None
    nodes = results.show_result(a_result, a_volume_node)
    assert results.find_result(a_volume_node, MODULE, ["kidney", "parenchyma"]) == nodes


def test_undo_brings_back_the_result_before(a_volume_node, a_result, another_result):
    slicer.mrmlScene.SetUndoOn()
    try:
        nodes = results.show_result(a_result, a_volume_node)
        results.show_result(another_result, a_volume_node)
        slicer.mrmlScene.Undo()
        np.testing.assert_array_equal(masks_on_grid(nodes.segmentation, a_result.image)["left_kidney"], a_result.segments["left_kidney"])
        assert nodes.table.GetTable().GetValueByName(0, "Value").ToDouble() == pytest.approx(a_result.measurements[0].value)
    finally:
        slicer.mrmlScene.ClearUndoStack()
        slicer.mrmlScene.SetUndoOff()


def test_an_input_that_was_closed_mid_run_leaves_the_scene_alone(a_volume_node, a_result):
    slicer.mrmlScene.RemoveNode(a_volume_node)
    names = names_in_scene()
    with pytest.raises(InputError, match="was closed during the run"):
        results.show_result(a_result, a_volume_node)
    assert names_in_scene() == names


def test_an_input_that_changed_mid_run_leaves_the_scene_alone(a_volume_node, a_result, a_kidney_phantom):
    node_from_image(a_kidney_phantom.cropped((0, 0, 0), (5, 5, 5)), node=a_volume_node)
    names = names_in_scene()
    with pytest.raises(InputError, match="was changed during the run"):
        results.show_result(a_result, a_volume_node)
    assert names_in_scene() == names


def test_a_failure_on_the_way_takes_back_what_was_added(a_volume_node, a_result):
    names = names_in_scene()
    with pytest.raises((ValueError, AttributeError, TypeError)):
        results.show_result(replace(a_result, measurements=["not a measurement"]), a_volume_node)
    assert names_in_scene() == names


def test_the_table_has_units_and_a_description_for_every_column(a_volume_node, a_result):
    table = results.show_result(a_result, a_volume_node).table
    assert [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())] == [
        "Segment", "Measurement", "Value", "Unit", "Low", "High", "Level", "Verdict",
    ]  # fmt: skip
    assert all(table.GetColumnDescription(table.GetColumnName(n)) for n in range(table.GetNumberOfColumns()))
    assert table.GetColumnUnitLabel("Unit") == "UCUM"
    assert [table.GetCellText(0, n) for n in (0, 1, 3)] == ["Left kidney", "Volume", "mL"]
    assert table.GetCellText(1, 0) == "Total kidney"


def test_new_numbers_go_into_the_same_table(a_volume_node, a_result):
    table = results.show_result(a_result, a_volume_node).table
    fewer = [replace(a_result.measurements[0], value=1.5, low=1.0, high=2.0)]
    assert results.update_measurements(fewer, a_result, a_volume_node) is table
    assert table.GetNumberOfRows() == 1
    assert table.GetTable().GetValueByName(0, "Low").ToDouble() == 1.0


def test_uncertainty_is_shown_from_0_to_100_with_its_own_colors_and_legend(a_volume_node, a_result):
    node = results.show_result(a_result, a_volume_node).uncertainty["kidney"]
    display = node.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 100)
    assert display.GetColorNode().GetName() == "DeepVolumetry Uncertainty"
    assert display.GetColorNode().GetNumberOfColors() == 256
    assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node).GetTitleText() == "Uncertainty"
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), a_result.uncertainty["kidney"])
    np.testing.assert_allclose(local_matrix(node), local_matrix(a_volume_node))


def test_uncertainty_becomes_the_foreground_of_every_slice_view(a_volume_node, a_result):
    view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    nodes = results.show_result(a_result, a_volume_node)
    assert view.GetForegroundVolumeID() == nodes.uncertainty["kidney"].GetID()
    assert view.GetBackgroundVolumeID() == a_volume_node.GetID()
    overlay.show_as_foreground(None, a_volume_node)
    assert not view.GetForegroundVolumeID()


def test_all_slice_views_jump_to_a_place(a_volume_node):
    view = slicer.mrmlScene.AddNode(slicer.vtkMRMLSliceNode())
    focus.jump_to((11, -22, 33))
    matrix = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
    np.testing.assert_allclose(matrix[:3, 3], (11, -22, 33))


def test_a_saved_scene_holds_the_same_result_when_loaded(tmp_path, a_volume_node, a_result):
    transform, _ = a_transform()
    a_volume_node.SetAndObserveTransformNodeID(transform.GetID())
    before = results.show_result(replace(a_result, image=image_from_node(a_volume_node)), a_volume_node)
    volumes, rows = volumes_ml(before.segmentation), before.table.GetNumberOfRows()
    path = tmp_path / "case.mrb"
    host.save_scene(path)
    slicer.mrmlScene.Clear(0)
    host.load_scene(path)

    volume = slicer.util.getNode("Phantom")
    nodes = results.find_result(volume, MODULE, ["kidney", "parenchyma"])
    assert volumes_ml(nodes.segmentation) == pytest.approx(volumes)
    assert segmentation.tag(segment(nodes, "left_cyst"), "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert nodes.table.GetNumberOfRows() == rows
    for key, mask in masks_on_grid(nodes.segmentation, image_from_node(volume)).items():
        np.testing.assert_array_equal(mask, a_result.segments[key])
    whole_numbers = np.rint(a_result.uncertainty["parenchyma"])
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(nodes.uncertainty["parenchyma"]), whole_numbers)
    assert nodes.uncertainty["kidney"].GetDisplayNode().GetColorNode().GetName() == "DeepVolumetry Uncertainty"


def test_a_scene_file_that_is_none_is_named(tmp_path, a_scene):
    (tmp_path / "broken.mrb").write_bytes(b"not a zip")
    folder = Path.cwd()
    with pytest.raises(InputError, match=r"broken\.mrb could not be read"):
        host.load_scene(tmp_path / "broken.mrb")
    assert Path.cwd() == folder
    with pytest.raises(InputError, match="was not found"):
        host.load_scene(tmp_path / "missing.mrb")


def test_a_scene_that_cannot_be_written_says_so(tmp_path, a_volume_node):
    with pytest.raises(ResourceError, match="could not be written"):
        host.save_scene(tmp_path / "no such folder" / "case.mrb")
