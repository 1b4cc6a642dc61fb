"""Results on several images of one study: each on its own grid, their places to review in one list."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DeepVolumetryLib.app.results import written
from DeepVolumetryLib.engine import protocol
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import check_usable
from DeepVolumetryLib.report.report import Report
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

ANATOMY = Code("SCT", "123037004", "Anatomical Structure")
SPLEEN = SegmentSpec("spleen", "Spleen", (157, 108, 162), ANATOMY, Code("SCT", "78961009", "Spleen"))


def a_part(shape, name, *ranks):
    image = Image.from_spacing(np.zeros(shape, np.uint8), (0.4, 0.5, 1.0), name=name, spacing_source="the test")
    mask = np.zeros(shape, bool)
    mask[0, 10:20, 5:25] = True
    values = np.where(mask, np.float32(0.8), np.float32(0.1))
    regions = [ReviewRegion(rank, "spleen", 10.0 / rank, (0.0, 0.0, 0.0), 1.0) for rank in ranks]
    return Result(image, (SPLEEN,), {"spleen": mask}, {"spleen": values}, {"spleen": 100 * values}, [], regions, Provenance("spleen", "0"))


@pytest.fixture
def two_views():
    result = a_part((1, 40, 50), "one", 1, 3)
    result.companions["transverse"] = a_part((1, 60, 30), "other", 2)
    result.companions["transverse"].extras["edited_segments"] = ["spleen"]
    return result


def test_places_of_all_images_are_one_list_by_rank(two_views):
    assert two_views.places() == [("", 0), ("transverse", 0), ("", 1)]
    assert [(region.rank, region.target) for region in two_views.review_list()] == [(1, "spleen"), (2, "transverse spleen"), (3, "spleen")]


def test_a_result_of_several_images_travels_to_the_client(two_views):
    arrays = []
    line = json.dumps(protocol.encode(two_views, arrays, {"coronal": two_views.image.voxels}))
    back = protocol.decode(json.loads(line), arrays, {"coronal": two_views.image.voxels})
    other = back.companions["transverse"]
    assert back.image.voxels is two_views.image.voxels and other.image.shape == (1, 60, 30) and other.image.spacing_source == "the test"
    np.testing.assert_array_equal(other.segments["spleen"], two_views.companions["transverse"].segments["spleen"])


def test_files_of_the_other_image_have_its_name(two_views, tmp_path):
    with written(tmp_path / "out", two_views):
        pass
    kinds = ("probability_spleen.nrrd", "segmentation.seg.nrrd", "uncertainty_spleen.nrrd")
    others = ("probability_spleen_transverse.nrrd", "segmentation_transverse.seg.nrrd", "uncertainty_spleen_transverse.nrrd")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*kinds, *others, "measurements.csv"}


def test_report_names_both_images_the_places_and_what_was_edited(two_views):
    report = Report.from_result(two_views).to_dict()
    assert [(record["name"], record["size"]) for record in report["inputs"]] == [("one", [50, 40, 1]), ("other", [30, 60, 1])]
    assert [place["target"] for place in report["review"]] == ["spleen", "transverse spleen", "spleen"]
    assert report["edited_segments"] == ["transverse spleen"]


@pytest.mark.parametrize("shape", [(1, 64, 80), (3, 1, 64, 80), (80, 1, 64), (64, 80, 1)])
def test_one_picture_is_usable_where_one_is_wanted_whatever_its_plane(shape):
    voxels = np.arange(np.prod(shape)).reshape(shape) % 255
    check_usable(Image.from_spacing(voxels.astype(np.uint8), (0.3, 0.3, 1), modality="US"), ("US",), flat=True)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((12, 64, 80), "has several slices or frames (80×64×12 voxels). Choose one picture of it."),
        ((2, 1, 64, 80), "has 2 values per pixel. Choose a gray or color picture."),
        ((1, 8, 80), "has only 8×80 pixels. Choose the whole picture."),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(shape, sentence):
    with pytest.raises(InputError) as caught:
        check_usable(Image.from_spacing(np.arange(np.prod(shape)).reshape(shape), (0.3, 0.3, 1), name="Scan"), flat=True)
    assert str(caught.value) == f"Scan {sentence}"


def test_volumes_still_refuse_color_and_single_slices():
    for shape, word in (((3, 9, 64, 80), "values per voxel"), ((1, 64, 80), "single slice")):
        with pytest.raises(InputError, match=word):
            check_usable(Image.from_spacing(np.arange(np.prod(shape)).reshape(shape), (1, 1, 1)))
