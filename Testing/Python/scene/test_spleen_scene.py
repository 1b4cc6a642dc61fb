"""A result on two pictures, and the map of shapes, in a real scene."""

from __future__ import annotations

import numpy as np
import pytest
import spleen_toys as toys

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.parameters import Parameters

slicer = pytest.importorskip("slicer")

from DeepVolumetryLib.host import save_scene  # noqa: E402
from DeepVolumetryLib.mrml import results, shape_map  # noqa: E402
from DeepVolumetryLib.mrml.masks import masks_on_grid  # noqa: E402
from DeepVolumetryLib.mrml.volumes import image_from_node, node_from_image  # noqa: E402

VIEWS = ("coronal", "transverse")


@pytest.fixture(scope="module")
def a_spleen_result(tmp_path_factory):
    pipeline = toys.pipeline(tmp_path_factory.mktemp("scene") / "toy_spleen")
    return pipeline.run({view: toys.picture(view) for view in VIEWS}, Parameters(age=40), RunProgress(lambda *_: None))


@pytest.fixture
def pictures(a_scene):
    return {view: node_from_image(toys.picture(view), view.capitalize()) for view in VIEWS}


def shown(result, pictures):
    return results.show_result(result, pictures["coronal"], companions={"transverse": pictures["transverse"]})


def test_each_picture_gets_its_outline_and_map_and_both_share_a_table(a_spleen_result, pictures):
    nodes = shown(a_spleen_result, pictures)
    other = nodes.companions["transverse"]
    assert [node.GetName() for node in (nodes.segmentation, other.segmentation)] == ["Coronal SpleenVolume", "Transverse SpleenVolume"]
    assert nodes.table.GetName() == "Coronal SpleenVolume measurements" and other.table is None
    for part, each, view in ((a_spleen_result, nodes, "coronal"), (a_spleen_result.companions["transverse"], other, "transverse")):
        mask = masks_on_grid(each.segmentation, image_from_node(pictures[view]))["spleen"]
        np.testing.assert_array_equal(mask, part.segments["spleen"])
        assert slicer.util.arrayFromVolume(each.uncertainty["spleen"]).shape == part.image.shape
    tag = nodes.segmentation.GetSegmentation().GetSegment("spleen")
    assert tag.GetName() == "Spleen"


def test_running_again_updates_the_nodes_of_both(a_spleen_result, pictures):
    first = shown(a_spleen_result, pictures)
    count = slicer.mrmlScene.GetNumberOfNodes()
    again = shown(a_spleen_result, pictures)
    assert again.companions["transverse"].segmentation is first.companions["transverse"].segmentation
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_only_the_outline_of_the_picture_that_is_looked_at_is_shown(a_spleen_result, pictures):
    nodes = shown(a_spleen_result, pictures)
    results.show_only(nodes, "transverse")
    assert not nodes.segmentation.GetDisplayNode().GetVisibility()
    assert nodes.companions["transverse"].segmentation.GetDisplayNode().GetVisibility()


def test_nothing_is_shown_if_either_picture_left_the_scene(a_spleen_result, pictures):
    slicer.mrmlScene.RemoveNode(pictures["transverse"])
    count = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(InputError, match="closed during the run"):
        shown(a_spleen_result, pictures)
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_color_is_read_where_it_is_wanted_and_refused_elsewhere(a_scene):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Color")
    color = np.stack([toys.gray_picture("coronal")] * 3, axis=-1)[None]
    slicer.util.updateVolumeFromArray(node, color)
    assert image_from_node(node, color=True).voxels.shape == (3, 1, *toys.SHAPE)
    with pytest.raises(InputError, match="3 values per voxel"):
        image_from_node(node)


def test_map_of_shapes_is_a_chart_with_a_table_per_series_and_is_updated(pictures):
    points = [
        shape_map.Points("generated spleens", np.zeros((30, 2)), np.full(30, 200.0), (150, 160, 170)),
        shape_map.Points("this spleen", np.ones((1, 2)), np.array([310.0]), (220, 60, 40), 14.0),
    ]
    chart = shape_map.show_map(pictures["coronal"], "spleen", points, "Latent map")
    assert chart.GetNumberOfPlotSeriesNodes() == 2 and chart.GetTitle() == "Latent map"
    table = chart.GetNthPlotSeriesNode(1).GetTableNode()
    assert table.GetTable().GetNumberOfRows() == 1 and table.GetTable().GetColumnByName("Volume (mL)").GetValue(0) == "310"
    count = slicer.mrmlScene.GetNumberOfNodes()
    assert shape_map.show_map(pictures["coronal"], "spleen", points, "Latent map") is chart
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_decoded_outlines_are_one_picture_with_a_row_per_view(pictures):
    masks = {view: np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 32, 32)) for view in VIEWS}
    node = shape_map.show_decoded(pictures["coronal"], "spleen", masks, 6.0)
    voxels = slicer.util.arrayFromVolume(node)
    assert voxels.shape == (1, 2 * 36, 5 * 36) and voxels.max() == 100 and node.GetSpacing()[0] == 6.0


def test_scene_file_holds_both_pictures_and_outlines(a_spleen_result, pictures, tmp_path):
    shown(a_spleen_result, pictures)
    save_scene(tmp_path / "study.mrb")
    assert (tmp_path / "study.mrb").stat().st_size > 10_000
