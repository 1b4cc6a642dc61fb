from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.pictures import write_pictures
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import review_regions

SPEC = SegmentSpec("organ", "Organ", (185, 102, 83), Code("SCT", "123037004", "Anatomical Structure"), Code("SCT", "64033007", "Kidney"))


def a_result(matrix, shape=(12, 20, 24)):
    k, j, i = np.indices(shape)
    distance = np.sqrt(sum(((x - n / 2) / (n / 4)) ** 2 for x, n in zip((k, j, i), shape, strict=True)))
    p = (1 / (1 + np.exp(6 * (distance - 1)))).astype(np.float32)
    image = Image((1000 * p).astype(np.int16), matrix, modality="MR", name="toy")
    uncertainty = entropy_map(p)
    regions = review_regions(p, uncertainty, image, "organ")
    rows = [Measurement("organ", "Volume", 123.4, "mL", 110.0, 140.0, 0.95), Measurement("organ", "Length", 55.0, "mm")]
    return Result(image, (SPEC,), {"organ": p > 0.5}, {"organ": p}, {"organ": uncertainty}, rows, regions, Provenance("toy", "0"))


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def test_an_overview_and_the_places_to_review_are_drawn(tmp_path):
    paths = write_pictures(tmp_path / "pictures", a_result(np.diag([3.0, 3, 4, 1])))
    assert [path.name for path in paths] == ["overview.png", "review.png"]
    overview = pixels(paths[0])
    assert overview.shape == (946, 1760, 3)
    outline = np.abs(overview - np.array(SPEC.color) / 255).max(axis=2) < 0.02
    assert outline.sum() > 500


def left_posterior(image):
    """I runs to the left and J to the back, as in most CT files."""
    return np.diag([-1.0, -1, 1, 1]), (image.size[0] - 1, image.size[1] - 1, 0), lambda voxels: voxels[:, ::-1, ::-1]


def swapped_axes(image):
    """I runs along the old J, J against the old I, K against the old K."""
    turn = np.array([[0, -1.0, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])
    return turn, (image.size[0] - 1, 0, image.size[2] - 1), lambda voxels: np.swapaxes(voxels, 1, 2)[::-1, ::-1, :]


@pytest.mark.parametrize("storage", [left_posterior, swapped_axes])
def test_the_same_patient_looks_the_same_whatever_the_axes_of_the_file(tmp_path, storage):
    upright, turned = (a_result(np.diag([3.0, 3, 4, 1])) for _ in range(2))
    turn, origin, stored = storage(upright.image)
    turn[:3, 3] = origin
    turned.image = Image(stored(upright.image.voxels), upright.image.ijk_to_ras @ turn, modality="MR", name="toy")
    turned.segments = {"organ": stored(upright.segments["organ"])}
    turned.uncertainty = {"organ": stored(upright.uncertainty["organ"])}
    one, other = (pixels(write_pictures(tmp_path / name, result)[0]) for name, result in (("a", upright), ("b", turned)))
    np.testing.assert_allclose(one, other, atol=0.01)


def test_a_result_without_segments_is_drawn_too(tmp_path):
    empty = a_result(np.eye(4))
    empty.segments, empty.uncertainty, empty.regions, empty.measurements = {}, {}, [], []
    assert [path.name for path in write_pictures(tmp_path, empty)] == ["overview.png"]
