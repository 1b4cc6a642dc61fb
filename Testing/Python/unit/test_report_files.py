from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.files import read_csv, read_json, write_csv, write_json
from DeepVolumetryLib.report.report import InputRecord, Report
from DeepVolumetryLib.result import Code, Provenance, Result
from DeepVolumetryLib.uncertainty.regions import ReviewRegion


@pytest.fixture
def a_result():
    image = Image.from_spacing(np.zeros((3, 4, 5), np.int16), (1, 2, 3), modality="CT", uid="1.2.3", name="abdomen")
    measurements = [
        Measurement("left_kidney", "Volume", 151.25, "mL", 140.0, 163.5, 0.95, Code("SCT", "118565006", "Volume"), "usual"),
        Measurement("left_kidney", "Length", math.nan, "mm"),
    ]
    regions = [
        ReviewRegion(1, "tumor", 1.5, (10.0, -20.5, 3.0), 4.0, ((0, 1, 2), (2, 3, 4)), "looks_right", "outside"),
        ReviewRegion(2, "kidney", 0.5, (0.0, 0.0, 0.0), 1.0),
    ]
    made = Provenance("renal", "0.1.0", "m", "1", "ab" * 32, "Apache-2.0", "cpu", {"members": 4}, {"inference": 1.5, "total": 2.0}, 512.25)
    extras = {"notes": ["Caveat."], "edited_segments": ["left_kidney"]}
    return Result(image, (), {}, {}, {}, measurements, regions, made, ["Careful."], extras)


@pytest.fixture
def a_report(a_result):
    return Report.from_result(a_result, [InputRecord("volume", "ct.nrrd", "cd" * 32, "1.2.3", (5, 4, 3), (1.0, 2.0, 3.0))])


def test_report_json_has_the_fields_that_scripts_rely_on(a_report, tmp_path):
    write_json(a_report, tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    required = {
        "schema",
        "module",
        "version",
        "model",
        "device",
        "seconds",
        "inputs",
        "measurements",
        "review",
        "warnings",
        "peak_memory_mb",
    }
    assert required | {"peak_memory_mb"} <= written.keys()
    assert written["schema"] == 1
    assert list(written["seconds"]) == ["import", "load", "preprocess", "inference", "postprocess", "write", "total"]
    assert written["model"].keys() == {"name", "version", "sha256", "license"}
    assert written["inputs"][0].keys() == {"name", "path", "sha256", "uid", "size", "spacing_mm"}
    assert {"segment", "name", "value", "unit", "low", "high", "level", "code"} <= written["measurements"][0].keys()
    assert {"rank", "target", "at_stake_ml", "center_ras_mm", "volume_ml"} <= written["review"][0].keys()
    assert written["measurements"][1]["value"] is None


def test_a_report_reads_back_as_it_was_written(a_report, tmp_path):
    write_json(a_report, tmp_path / "report.json")
    again = read_json(tmp_path / "report.json")
    assert again.to_dict() == a_report.to_dict()
    assert again.measurements[0] == a_report.measurements[0]
    assert again.review == a_report.review
    assert math.isnan(again.measurements[1].value)


def test_csv_has_one_row_per_number(a_report, tmp_path):
    write_csv(a_report.measurements, tmp_path / "measurements.csv")
    assert (tmp_path / "measurements.csv").read_text(encoding="utf-8").splitlines() == [
        "segment,name,value,unit,low,high,level",
        "left_kidney,Volume,151.25,mL,140.0,163.5,0.95",
        "left_kidney,Length,,mm,,,",
    ]


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1)
ends = st.none() | st.floats(0, 1e4).map(lambda x: round(x, 6))


@given(st.lists(st.builds(Measurement, names, names, ends.map(lambda x: x or 0.0), names, ends, ends, ends)))
def test_any_measurement_survives_csv(tmp_path_factory, measurements):
    path = tmp_path_factory.mktemp("csv") / "measurements.csv"
    write_csv(measurements, path)
    assert read_csv(path) == measurements


def test_nothing_half_written_is_left_beside_the_report(a_report, tmp_path):
    write_json(a_report, tmp_path / "report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_the_report_says_how_much_was_reviewed(a_report):
    assert a_report.review_sentence == "1 of 2 places were reviewed; 0.5 of 2.0 mL at stake remain."
    assert Report(a_report.provenance).review_sentence == "No place was uncertain enough to be listed for review."


def test_without_files_the_image_stands_for_the_input(a_result):
    record = Report.from_result(a_result).inputs[0]
    assert (record.name, record.uid, record.size, record.spacing_mm) == ("abdomen", "1.2.3", (5, 4, 3), (1.0, 2.0, 3.0))


def test_notes_and_edits_travel_with_the_report(a_report):
    assert a_report.notes == ("Caveat.",)
    assert a_report.edited_segments == ("left_kidney",)


def test_a_missing_report_is_answered_with_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read .* Choose the report\.json"):
        read_json(tmp_path / "report.json")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": 2}', '{"schema": 1}'])
def test_what_is_no_report_is_answered_with_a_sentence(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is not a report of this version"):
        read_json(path)


def test_a_table_with_other_columns_is_answered_with_a_sentence(tmp_path):
    path = tmp_path / "measurements.csv"
    path.write_text("organ,volume\nkidney,150\n", encoding="utf-8")
    with pytest.raises(InputError, match="must have the columns segment, name"):
        read_csv(path)
