from __future__ import annotations

import csv
import json

import pytest

from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.files import write_json
from DeepVolumetryLib.report.report import InputRecord, Report
from DeepVolumetryLib.result import Provenance


def report(folder, measurements, module="glioma", uid="1.2.3", patient="5e88", model="spu"):
    folder.mkdir()
    made = Provenance(module, "0.2.0", model, "1", "ab" * 32, "CC-BY-4.0")
    write_json(
        Report(made, (InputRecord("t1ce", "t1ce.nrrd", "", uid, (4, 4, 4), (1.0, 1.0, 1.0), patient),), measurements),
        folder / "report.json",
    )
    return folder / "report.json"


def tumor(value, low, high, product):
    return (
        Measurement("ET", "Volume", value, "mL", low, high, 0.95),
        Measurement("ET", "Measurable lesions", 1.0, "1"),
        Measurement("ET", "Sum of products of target lesions", product, "mm2"),
        Measurement("edema", "Volume", 40.0, "mL", 30.0, 50.0, 0.95),
    )


@pytest.fixture
def two_studies(tmp_path):
    return report(tmp_path / "before", tumor(10, 9, 11, 400.0)), report(tmp_path / "after", tumor(16, 14, 18, 560.0), uid="1.2.4")


def test_changes_and_the_response_category(deepvolumetry, two_studies, tmp_path):
    answer = deepvolumetry("compare", *two_studies, "--out", tmp_path / "change")
    assert answer.code == 0, answer.err
    words = " ".join(answer.out.split())
    assert "progressive disease (PD) by the volume thresholds of RANO 2.0" in words
    assert "they are no response assessment of a patient" in words
    document = json.loads((tmp_path / "change" / "change.json").read_text(encoding="utf-8"))
    volume = document["changes"][0]
    assert (volume["segment"], volume["difference"], volume["percent"]) == ("ET", 6.0, 60.0)
    assert volume["verdict"] == "increased by more than the measurement uncertainty"
    assert document["changes"][-1]["verdict"] == "no change beyond the measurement uncertainty"
    assert (document["response"]["volume_category"], document["response"]["product_category"]) == ("PD", "PD")
    assert document["response"]["progression"] > 0.85
    assert document["warnings"] == []
    rows = list(csv.DictReader((tmp_path / "change" / "change.csv").open(encoding="utf-8")))
    assert [row["segment"] for row in rows] == ["ET", "ET", "ET", "edema"]


def test_json_goes_to_stdout_alone_and_folders_will_do(deepvolumetry, two_studies):
    answer = deepvolumetry("compare", *(path.parent for path in two_studies), "--json")
    assert answer.code == 0
    assert answer.json["module"] == "glioma"
    assert answer.json["prior"]["path"] == str(two_studies[0])


def test_kidneys_have_changes_but_no_category(deepvolumetry, tmp_path):
    volume = Measurement("left_kidney", "Volume", 150.0, "mL", 140.0, 160.0, 0.95)
    paths = [report(tmp_path / name, (volume,), "renal", uid) for name, uid in (("before", "1"), ("after", "2"))]
    answer = deepvolumetry("compare", *paths, "--json")
    assert answer.code == 0
    assert answer.json["response"] is None
    assert answer.json["changes"][0]["difference"] == 0


def test_what_makes_a_comparison_doubtful_is_said(deepvolumetry, two_studies, tmp_path):
    other = report(tmp_path / "other", tumor(10, 9, 11, 400.0), model="unet", patient="")
    answer = deepvolumetry("compare", two_studies[0], other, "--json")
    assert answer.code == 0
    said = " ".join(answer.json["warnings"])
    assert "made from the same images" in said
    assert "different models (spu 1; unet 1)" in said
    assert "Make sure that it is the same patient." in said


def test_what_cannot_be_compared_gives_a_sentence_and_exit_code_2(deepvolumetry, two_studies, tmp_path):
    kidney = report(tmp_path / "kidney", (Measurement("left_kidney", "Volume", 150.0, "mL"),), "renal")
    stranger = report(tmp_path / "stranger", tumor(10, 9, 11, 400.0), patient="ab12")
    nothing = report(tmp_path / "nothing", (Measurement("WT", "Something", 1.0, "1"),))
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    for prior, sentence in (
        (kidney, "is a report of renal and"),
        (stranger, "are reports of different patients. Choose two of the same patient."),
        (nothing, "have no number in common"),
        (broken, "is not a report of this version"),
        (tmp_path / "missing.json", "cannot be read"),
    ):
        answer = deepvolumetry("compare", prior, two_studies[1], "--out", tmp_path / "change")
        assert answer.code == 2
        assert sentence in answer.sentence
        assert not (tmp_path / "change").exists()


def spleen(folder, value, low, high, uid):
    return report(folder, (Measurement("spleen", "Volume", value, "mL", low, high, 0.95),), module="spleen", uid=uid)


def test_a_spleen_is_held_against_35_percent_and_another_threshold_can_be_asked_for(deepvolumetry, tmp_path):
    before, after = spleen(tmp_path / "before", 1000.0, 900.0, 1100.0, "1"), spleen(tmp_path / "after", 550.0, 500.0, 600.0, "2")
    answer = deepvolumetry("compare", before, after, "--json")
    found = answer.json["threshold"]
    assert found["percent"] == 35 and found["volumes"][0]["fall"] > 0.97 and found["volumes"][0]["rise"] < 0.001
    answer = deepvolumetry("compare", before, after, "--threshold", "45")
    assert "fell by at least 45 %" in " ".join(answer.out.split()) and "50 %" in answer.out
    assert deepvolumetry("compare", before, after, "--threshold", "0", "--json").json["threshold"] is None


def test_a_negative_threshold_is_refused_with_a_sentence(deepvolumetry, two_studies):
    answer = deepvolumetry("compare", *two_studies, "--threshold", "-5")
    assert answer.code == 2 and "A threshold of -5 % makes no sense." in " ".join(answer.err.split())
