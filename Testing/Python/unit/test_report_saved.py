"""A result folder read back: the same masks, maps, numbers and places, ready to be measured again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from DeepVolumetryLib.app import results
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.report import InputRecord, Report
from DeepVolumetryLib.report.saved import has_image, read_result
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

ORGAN = Code("SCT", "123037004", "Anatomical Structure")
SPECS = tuple(
    SegmentSpec(key, key.capitalize(), color, ORGAN, Code("SCT", code, key), parent=parent)
    for key, color, code, parent in (("kidney", (200, 90, 60), "64033007", ""), ("tumor", (90, 200, 60), "108369006", "kidney"))
)


def part(name: str, shape=(6, 8, 10)) -> Result:
    k, j, i = np.indices(shape)
    kidney = (i > 2) & (j > 2)
    tumor = kidney & (k > 3)
    image = Image.from_spacing((i + 10 * k).astype(np.int16), (1.5, 2, 3), (-10, 20, 5), modality="CT", name=name)
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    return Result(
        image,
        SPECS,
        {"kidney": kidney, "tumor": tumor},
        {"kidney": values, "tumor": values / 2},
        {"tumor": 100 * values},
        [Measurement("kidney", "Volume", 3.6, "mL", 3.0, 4.0, 0.95), Measurement("tumor", "Volume", float("nan"), "mL")],
        [ReviewRegion(1, "tumor", 0.4, (1.0, 2.0, 3.0), 0.9, ((0, 1, 2), (3, 4, 5)), "looks_right", "boundary")],
        Provenance("renal", "1.0", "toy", "2", "0" * 64, "none", parameters={"members": 2}),
        ["A sentence."],
        {"notes": ["A note."], "member_volumes_ml": {"kidney": [3.5, 3.7]}},
    )


@pytest.fixture
def a_result() -> Result:
    return part("volume")


def save(result: Result, folder) -> None:
    records = [InputRecord(each.image.name, "ct.nrrd", "1" * 64) for each in result.parts.values()]
    with results.written(folder, result) as beside:
        results.write_json(beside / "report.json", Report.from_result(result, records).to_dict())


def test_what_was_written_is_read_back(a_result, tmp_path):
    save(a_result, tmp_path / "out")
    read, report = read_result(tmp_path / "out", SPECS, {"volume": a_result.image})
    assert read.image is a_result.image
    for key, mask in a_result.segments.items():
        np.testing.assert_array_equal(read.segments[key], mask)
    np.testing.assert_array_equal(read.probability["tumor"], a_result.probability["tumor"])
    np.testing.assert_array_equal(read.uncertainty["tumor"], a_result.uncertainty["tumor"])
    assert read.measurements[0] == a_result.measurements[0]
    assert np.isnan(read.measurements[1].value)
    assert read.regions == a_result.regions
    assert read.warnings == ["A sentence."]
    assert read.extras == {"notes": ["A note."], "member_volumes_ml": {"kidney": [3.5, 3.7]}}
    assert read.provenance.parameters == {"members": 2}
    assert report.inputs[0].path == "ct.nrrd"


def test_of_several_images_on_one_grid_the_module_says_which_one_it_is(a_result, tmp_path):
    a_result.extras["reference"] = "t1ce"
    records = [InputRecord(name) for name in ("t1", "t1ce")]
    with results.written(tmp_path / "out", a_result) as beside:
        results.write_json(beside / "report.json", Report.from_result(a_result, records).to_dict())
    images = {name: replace(a_result.image, name=name) for name in ("t1", "t1ce")}
    assert read_result(tmp_path / "out", SPECS, images)[0].image.name == "t1ce"
    assert read_result(tmp_path / "out", SPECS)[0].image.name == "t1ce"


def test_without_the_image_the_masks_keep_their_place(a_result, tmp_path):
    save(a_result, tmp_path / "out")
    read, _report = read_result(tmp_path / "out", SPECS)
    assert not has_image(read)
    assert read.image.name == "volume"
    np.testing.assert_allclose(read.image.ijk_to_ras, a_result.image.ijk_to_ras, atol=1e-6)


def test_another_image_is_refused(a_result, tmp_path):
    save(a_result, tmp_path / "out")
    other = replace(a_result.image, voxels=np.ones((2, 2, 2), np.int16))
    with pytest.raises(InputError, match="not the one that was segmented"):
        read_result(tmp_path / "out", SPECS, {"volume": other})


def test_a_view_on_a_grid_of_its_own_comes_back_as_such(a_result, tmp_path):
    whole = replace(a_result, companions={"transverse": part("transverse", (1, 12, 9))})
    save(whole, tmp_path / "out")
    images = {each.image.name: each.image for each in whole.parts.values()}
    read, _report = read_result(tmp_path / "out", SPECS, images)
    assert read.companions["transverse"].image.shape == (1, 12, 9)
    np.testing.assert_array_equal(read.companions["transverse"].uncertainty["tumor"], whole.companions["transverse"].uncertainty["tumor"])
    assert set(read.uncertainty) == {"tumor"}
    assert [region.target for region in read.review_list()] == ["tumor", "transverse tumor"]


def test_what_a_user_edited_is_known_again(a_result, tmp_path):
    from DeepVolumetryLib.image_io import write_segmentation

    save(a_result, tmp_path / "out")
    write_segmentation(tmp_path / "out" / "segmentation.seg.nrrd", a_result.image, SPECS, a_result.segments, "toy", ["tumor"])
    read, _report = read_result(tmp_path / "out", SPECS, {"volume": a_result.image})
    assert read.extras["edited_segments"] == ["tumor"]


@pytest.mark.parametrize(
    ("name", "sentence"), [("report.json", "cannot be read|was not found"), ("segmentation.seg.nrrd", "has no segmentation.seg.nrrd")]
)
def test_a_missing_file_is_named(a_result, tmp_path, name, sentence):
    save(a_result, tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    with pytest.raises(InputError, match=sentence):
        read_result(tmp_path / "out", SPECS)
