"""Further quantities of a result, such as bone density, as volumes in the scene and as files."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")

from DeepVolumetryLib.app.results import written
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.mrml.results import find_result, show_result
from DeepVolumetryLib.mrml.volumes import image_from_node


@pytest.fixture
def a_density(a_result):
    a_result.maps["density [mg/cm3]"] = np.where(a_result.segments["left_kidney"], np.float32(321.5), np.float32(0))
    return a_result


def test_a_map_is_a_volume_in_its_own_numbers(a_volume_node, a_density):
    nodes = show_result(a_density, a_volume_node)
    shown = image_from_node(nodes.maps["density"])
    assert nodes.maps["density"].GetName() == "Phantom RenalParenchyma density"
    assert shown.same_grid(image_from_node(a_volume_node))
    np.testing.assert_array_equal(shown.voxels, a_density.maps["density [mg/cm3]"])


def test_running_again_updates_the_same_volume(a_volume_node, a_density):
    first = show_result(a_density, a_volume_node).maps["density"]
    a_density.maps["density [mg/cm3]"] *= 2
    assert show_result(a_density, a_volume_node).maps["density"] is first
    assert image_from_node(first).voxels.max() == 643
    assert find_result(a_volume_node, "renal", maps=("density [mg/cm3]",)).maps["density"] is first


def test_a_map_is_a_file_named_for_it(tmp_path, a_density):
    with written(tmp_path / "out", a_density):
        pass
    assert read_image(tmp_path / "out" / "density.nrrd").voxels.max() == np.float32(321.5)
