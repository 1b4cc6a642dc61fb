"""The viewer's study in a real scene, without a browser: saved results, corrections, and where their images may come from."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.app import results
from DeepVolumetryLib.app.viewer.folder import OpenedFolder
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image_io import sha256_file, write_volume
from DeepVolumetryLib.report.files import read_json
from DeepVolumetryLib.report.report import InputRecord, Report

END_TO_END = Path(__file__).parents[1] / "end_to_end"
ENTRY = modules.ModuleEntry("renal", "RenalParenchyma", "toy_kidney")


@pytest.fixture
def a_saved_result(tmp_path, monkeypatch) -> Path:
    """A folder with a result of the toy module, beside the image that it was made from."""
    monkeypatch.syspath_prepend(str(END_TO_END))
    monkeypatch.setitem(modules.MODULES, "renal", ENTRY)
    assert "toy_kidney" not in sys.modules or Path(sys.modules["toy_kidney"].__file__).is_relative_to(END_TO_END)
    from toy_kidney import demo, pipeline

    image = replace(demo.study()["volume"], name="volume")
    write_volume(tmp_path / "ct.nrrd", image)
    result = pipeline.create(None, "cpu").run({"volume": image}, ENTRY.parameters(), RunProgress(lambda *_: None))
    record = InputRecord("volume", str(tmp_path / "ct.nrrd"), sha256_file(tmp_path / "ct.nrrd"), "", image.size, image.spacing)
    with results.written(tmp_path / "out", result) as folder:
        results.write_json(folder / "report.json", Report.from_result(result, [record]).to_dict())
    return tmp_path / "out"


@pytest.fixture
def a_study(a_scene, a_saved_result):
    """The saved result in the scene, as the viewer shows it, with its image."""
    from DeepVolumetryLib.app.viewer.study import Study, images_of

    images, _notes = images_of(read_json(a_saved_result / "report.json"), OpenedFolder(a_saved_result), {}, may_leave=True)
    study = Study("renal")
    study.load(a_saved_result, "out", images)
    return study


def volume(study, segment: str) -> float:
    return next(m.value for m in study.result.measurements if m.segment == segment and m.name == "Volume")


def test_a_saved_result_is_in_the_scene_with_its_image(a_study):
    assert a_study.inputNode.GetImageData().GetDimensions() == (60, 40, 30)
    assert a_study.hint == ""
    assert list(a_study.segmentationNode.GetSegmentation().GetSegmentIDs())[:2] == ["left_kidney", "right_kidney"]
    assert set(a_study.nodes.uncertainty) == {"kidney", "parenchyma"}


def test_an_edit_and_a_review_are_measured_and_written(a_study, tmp_path):
    before = volume(a_study, "left_kidney")
    mask = a_study.result.segments["left_kidney"]
    box = tuple(slice(int(found.min()), int(found.max()) + 1) for found in np.nonzero(mask))
    a_study._corrections[""].write("left_kidney", box, np.ones([axis.stop - axis.start for axis in box], bool))
    assert a_study.remeasure()
    assert volume(a_study, "left_kidney") == pytest.approx(mask.sum() * a_study.result.image.voxel_ml)
    assert volume(a_study, "left_kidney") > 1.5 * before
    a_study.setReviewed(0)
    report = json.loads(a_study.exportJson(tmp_path / "export").read_text())
    assert report["edited_segments"] == ["left_kidney"]
    assert report["review"][0]["reviewed"] == "looks_right"
    assert report["inputs"][0]["path"].endswith("ct.nrrd")


def test_the_segment_to_correct_is_that_of_the_place(a_study):
    region = a_study.result.review_list()[0]
    side = "left" if region.center_ras_mm[0] < 0 else "right"
    assert a_study.segment_at(0) == f"{side}_parenchyma"


def test_saved_again_it_can_be_opened_again(a_scene, a_study, tmp_path):
    from DeepVolumetryLib.app.viewer.study import Study

    a_study.setReviewed(0)
    a_study.exportAll(tmp_path / "again")
    again = Study("renal")
    again.load(tmp_path / "again", "again", {"volume": a_study.result.image})
    assert [region.reviewed for region in again.result.review_list()] == [region.reviewed for region in a_study.result.review_list()]
    assert volume(again, "total_kidney") == volume(a_study, "total_kidney")


def test_an_image_outside_is_read_for_the_command_line_only_and_only_if_it_is_the_one(a_saved_result, tmp_path):
    from DeepVolumetryLib.app.viewer.study import images_of

    report, folder = read_json(a_saved_result / "report.json"), OpenedFolder(a_saved_result)
    found, notes = images_of(report, folder, {}, may_leave=True)
    assert list(found) == ["volume"] and "ct.nrrd, where the report says" in notes[0]
    assert images_of(report, folder, {}, may_leave=False) == ({}, [])
    with (tmp_path / "ct.nrrd").open("ab") as file:
        file.write(b"\0")
    assert images_of(report, folder, {}, may_leave=True) == ({}, [])


def test_an_image_that_moved_into_the_folder_is_found_there(a_saved_result, tmp_path):
    from DeepVolumetryLib.app.viewer.study import images_of

    (a_saved_result / "study").mkdir()
    shutil.move(tmp_path / "ct.nrrd", a_saved_result / "study" / "ct.nrrd")
    found, notes = images_of(read_json(a_saved_result / "report.json"), OpenedFolder(a_saved_result), {}, may_leave=False)
    assert list(found) == ["volume"] and notes == []


def test_without_the_image_the_page_says_how_to_get_it(a_scene, a_saved_result):
    from DeepVolumetryLib.app.viewer.study import Study

    study = Study("renal")
    study.load(a_saved_result, "out", {})
    assert study.hint == "The image is not in the opened folder. To see it: --input volume=PATH."
    assert volume(study, "total_kidney") > 0


def test_an_image_named_on_the_command_line_must_be_usable(a_saved_result, tmp_path):
    from DeepVolumetryLib.app.viewer.study import images_of

    (tmp_path / "broken.nrrd").write_bytes(b"NRRD0004\n")
    with pytest.raises(InputError, match=r"broken\.nrrd"):
        images_of(read_json(a_saved_result / "report.json"), OpenedFolder(a_saved_result), {"volume": tmp_path / "broken.nrrd"}, True)
