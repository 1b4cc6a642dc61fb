"""Pictures as Slicer draws them, without a window."""

from __future__ import annotations

import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib.errors import ResourceError  # noqa: E402
from DeepVolumetryLib.host import render  # noqa: E402
from DeepVolumetryLib.mrml.results import show_result  # noqa: E402


@pytest.fixture
def a_picture(tmp_path, a_volume_node, a_result):
    try:
        render.choose_window()
    except ResourceError as error:
        pytest.skip(str(error))
    display = a_volume_node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(400, 40)
    nodes = show_result(a_result, a_volume_node)

    def draw(**what):
        chosen = {name: nodes.segmentation if name == "segmentation" else nodes.uncertainty["kidney"] for name in what}
        at = a_result.image.ijk_to_ras @ (26, 14, 7, 1)
        return pixels(render.render_slices(a_volume_node, tmp_path / "picture.png", center_ras=at[:3], view_size=200, **chosen))

    return draw


def pixels(path):
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(int)


def colored(picture):
    return int(((picture.max(axis=-1) - picture.min(axis=-1)) > 20).sum())


def test_three_views_show_the_image_in_gray(a_picture):
    picture = a_picture()
    assert picture.shape == (200, 600, 3)
    assert all((picture[:, x : x + 200] > 150).any() for x in (0, 200, 400))
    assert colored(picture) == 0
    axial, coronal, sagittal = (picture[:, x : x + 200] for x in (0, 200, 400))
    assert (axial != coronal).any() and (coronal != sagittal).any()


def test_segments_and_overlay_add_color_and_leave_no_nodes(a_picture):
    before = slicer.mrmlScene.GetNumberOfNodes()
    plain, segments, both = colored(a_picture()), colored(a_picture(segmentation=True)), colored(a_picture(segmentation=True, overlay=True))
    assert plain < segments < both
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_a_machine_that_cannot_draw_says_what_to_install(monkeypatch):
    monkeypatch.setattr(render.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(render, "_OFFSCREEN_WINDOWS", {"vtkEGLRenderWindow": "libNoSuchLibrary.so.9"})
    with pytest.raises(ResourceError, match="install libegl1"):
        render.choose_window()
