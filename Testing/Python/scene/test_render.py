"""Pictures as Slicer draws them, without a window."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib.errors import ResourceError  # noqa: E402
from DeepVolumetryLib.host import render  # noqa: E402
from DeepVolumetryLib.mrml.results import show_result  # noqa: E402


@pytest.fixture
def a_picture(a_volume_node, a_result):
    try:
        render.choose_window()
    except ResourceError as error:
        pytest.skip(str(error))
    display = a_volume_node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(400, 40)
    nodes = show_result(a_result, a_volume_node)

    def draw(plane="Axial", **what):
        chosen = {name: nodes.segmentation if name == "segmentation" else nodes.uncertainty["kidney"] for name in what}
        at = a_result.image.ijk_to_ras @ (26, 14, 7, 1)
        return render.draw_slice(render.Look(at[:3], plane), a_volume_node, 200, **chosen, legend="overlay" in what).astype(int)

    return draw


def colored(picture):
    return int(((picture.max(axis=-1) - picture.min(axis=-1)) > 20).sum())


def test_three_views_show_the_image_in_gray(a_picture):
    views = [a_picture(plane) for plane in ("Axial", "Coronal", "Sagittal")]
    for view in views:
        assert view.shape == (200, 200, 3) and (view > 150).any() and colored(view) == 0
    axial, coronal, sagittal = views
    assert (axial != coronal).any() and (coronal != sagittal).any()


def test_a_plane_may_be_any_and_hangs_as_it_was_said(a_picture):
    axial = a_picture("Axial")  # patient right on the left, anterior up
    np.testing.assert_allclose(a_picture(((-1, 0, 0), (0, 1, 0))), axial, atol=2)
    mirrored = a_picture(((1, 0, 0), (0, 1, 0)))
    assert np.abs(mirrored - axial[:, ::-1]).mean() < 0.2 * np.abs(mirrored - axial).mean()


def test_segments_and_overlay_add_color_and_leave_no_nodes(a_picture):
    before = slicer.mrmlScene.GetNumberOfNodes()

    def count(**what):
        return sum(colored(a_picture(plane, **what)) for plane in ("Axial", "Coronal", "Sagittal"))

    plain, segments, both = count(), count(segmentation=True), count(segmentation=True, overlay=True)
    assert plain < segments < both
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_a_machine_that_cannot_draw_says_what_to_install(monkeypatch):
    monkeypatch.setattr(render.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(render, "_OFFSCREEN_WINDOWS", {"vtkEGLRenderWindow": "libNoSuchLibrary.so.9"})
    with pytest.raises(ResourceError, match="install libegl1"):
        render.choose_window()
