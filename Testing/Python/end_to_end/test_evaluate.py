"""``deepvolumetry evaluate``: numbers per case, per group and never across groups; resume; failures stay their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib.image_io import read_image, write_volume


@pytest.fixture
def a_cohort(a_toy_module, tmp_path):
    """Writes cases.csv with three cases, the last one in another group, and returns its path."""
    from toy_kidney import demo

    def make(labels: str = "1=left_parenchyma;11=right_parenchyma", extra: str = "") -> Path:
        rows = ["case,volume,reference,labels,group"]
        reference, _ = demo.reference()
        write_volume(tmp_path / "reference.nrrd", reference)
        for number, group in enumerate(("synthesized", "synthesized", "real")):
            write_volume(tmp_path / f"ct{number}.nrrd", demo.study(number)["volume"])
            rows.append(f"case{number},ct{number}.nrrd,reference.nrrd,{labels},{group}")
        (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n" + extra)
        return tmp_path / "cases.csv"

    return make


def metrics(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))


def test_every_promised_number_is_there(deepvolumetry, a_cohort, tmp_path):
    answer = deepvolumetry("evaluate", "renal", "--cases", a_cohort(), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    document = metrics(tmp_path)
    case = document["cases"][0]["targets"]["parenchyma"]
    assert 0.93 < case["dice"] <= 1
    assert case["sensitivity"] > 0.9
    assert case["specificity"] > 0.99
    assert 0 <= case["assd_mm"] <= case["hd95_mm"] <= case["hd_mm"] < 10
    assert case["reference_ml"] == pytest.approx(2 * 108.6, rel=0.05)
    assert case["interval_hit"] is True
    assert 0.8 < case["qu_brats"] <= 1
    assert document["cases"][0]["error_share_first_10"] is not None
    group = document["groups"]["synthesized"]["targets"]["parenchyma"]
    assert set(group["dice"]) == {"mean", "sd", "low", "high", "cases"}
    assert {"pearson_r", "r_squared", "bias", "limit_low", "limit_high", "mrva"} <= set(group["volume_agreement"])
    assert group["interval"]["share"] == 1
    assert group["interval"]["mean_width"] > 0
    assert document["groups"]["synthesized"]["seconds"]["mean"] > 0


def test_groups_are_not_pooled(deepvolumetry, a_cohort, tmp_path):
    deepvolumetry("evaluate", "renal", "--cases", a_cohort(), "--out", tmp_path / "out")
    groups = metrics(tmp_path)["groups"]
    assert {name: group["cases"] for name, group in groups.items()} == {"synthesized": 2, "real": 1}


def test_sides_are_compared_where_the_reference_knows_them(deepvolumetry, a_cohort, tmp_path):
    deepvolumetry("evaluate", "renal", "--cases", a_cohort(), "--out", tmp_path / "out")
    assert set(metrics(tmp_path)["cases"][0]["targets"]) == {"parenchyma", "left_parenchyma", "right_parenchyma"}


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        ("1=kidney;11=kidney", {"kidney"}),
        ("1=parenchyma;11=parenchyma", {"parenchyma"}),
        ("1=parenchyma;2=tumor;3=cyst;11=parenchyma", {"kidney", "parenchyma", "tumor", "cyst"}),
        ("1=kidney;2=tumor;11=kidney", {"kidney", "parenchyma", "tumor"}),
        ("1=parenchyma;4=sinus;11=parenchyma", {"kidney", "parenchyma"}),
        ("1=cortex;2=medulla;11=cortex", {"parenchyma"}),
    ],
)
def test_what_the_reference_lacks_is_not_evaluated(deepvolumetry, a_cohort, tmp_path, labels, targets):
    answer = deepvolumetry("evaluate", "renal", "--cases", a_cohort(labels), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert set(metrics(tmp_path)["cases"][0]["targets"]) == targets


def test_a_case_without_tumor_does_not_count_as_a_perfect_tumor(deepvolumetry, a_cohort, tmp_path):
    deepvolumetry("evaluate", "renal", "--cases", a_cohort("1=parenchyma;2=tumor;11=parenchyma"), "--out", tmp_path / "out")
    tumor = metrics(tmp_path)["groups"]["synthesized"]["targets"]["tumor"]
    assert tumor["dice"]["cases"] == 0
    assert tumor["without_reference"] == {
        "cases": 2,
        "found_something": 0,
        "false_positive_ml": {"mean": 0, "sd": 0, "low": 0, "high": 0, "cases": 2},
    }


def test_one_bad_case_fails_alone_and_is_named(deepvolumetry, a_cohort, tmp_path):
    listing = a_cohort(extra="case9,gone.nrrd,reference.nrrd,1=kidney;11=kidney,real\n")
    answer = deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out")
    assert answer.code == 2
    assert answer.sentence.startswith("1 of 4 cases could not be evaluated (case9).")
    document = metrics(tmp_path)
    assert [case["case"] for case in document["cases"]] == ["case0", "case1", "case2"]
    assert document["failed"][0]["case"] == "case9"


def test_a_second_run_computes_only_what_changed(deepvolumetry, a_cohort, tmp_path, monkeypatch):
    listing = a_cohort()
    deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out")
    before = metrics(tmp_path)
    monkeypatch.setenv("TOY_BREAKS", "1")  # any case that runs again would fail
    assert deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out").code == 0
    assert metrics(tmp_path) == before
    write_volume(tmp_path / "ct1.nrrd", read_image(tmp_path / "ct0.nrrd"))
    assert deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out").code == 1


def test_a_reference_on_another_grid_is_refused(deepvolumetry, a_cohort, tmp_path):
    listing = a_cohort()
    reference = read_image(tmp_path / "reference.nrrd")
    write_volume(tmp_path / "reference.nrrd", reference.cropped((0, 0, 0), (20, 40, 60)))
    answer = deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out")
    assert answer.code == 2
    assert "60×40×20" in answer.sentence
    assert "60×40×30" in answer.sentence


def test_values_that_nobody_named_are_refused(deepvolumetry, a_cohort, tmp_path):
    answer = deepvolumetry("evaluate", "renal", "--cases", a_cohort(labels=""), "--out", tmp_path / "out")
    assert answer.code == 2
    assert "The reference has the value 11" in answer.sentence


def test_a_stated_volume_replaces_the_counted_one(deepvolumetry, a_cohort, tmp_path):
    listing = a_cohort("1=kidney;11=kidney")
    rows = listing.read_text(encoding="utf-8").splitlines()
    listing.write_text("\n".join([rows[0] + ",volume_ml", *(f"{row},400" for row in rows[1:])]))
    deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out")
    kidney = metrics(tmp_path)["cases"][0]["targets"]["kidney"]
    assert kidney["reference_ml"] == 400
    assert kidney["interval_hit"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column “case”"),
        ("case,volume\na,b\n", "no column “reference”"),
        ("case,reference\na,b\n", "no column “volume”"),
        ("case,volume,reference\n", "lists no cases"),
        ("case,volume,reference,age\na,b,c,4\n", "a column “age” that is not known"),
        ("case,volume,reference\na,b,c\na,b,c\n", "the case a twice"),
        ("case,volume,reference\n../a,b,c\n", "cannot be the name of a case"),
        ("case,volume,reference,labels\na,b,c,kidney\n", "must look like 1=kidney;2=tumor"),
        ("case,volume,reference,labels\na,b,c,1=spleen\n", "“spleen” that is not known"),
        ("case,volume,reference,volume_ml\na,b,c,much\n", "volume_ml must be a number"),
        ("case,volume,reference\na,,c\n", "line 2: the volume is missing"),
    ],
)
def test_a_list_that_is_wrong_says_where(deepvolumetry, tmp_path, text, words):
    (tmp_path / "cases.csv").write_text(text)
    answer = deepvolumetry("evaluate", "renal", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "out")
    assert answer.code == 2
    assert words in answer.sentence


def test_a_list_that_is_missing_is_named(deepvolumetry, tmp_path):
    answer = deepvolumetry("evaluate", "renal", "--cases", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert (answer.code, "none.csv was not found" in answer.sentence) == (2, True)


def test_an_unknown_method_is_refused(deepvolumetry, a_cohort, tmp_path):
    answer = deepvolumetry("evaluate", "renal", "--cases", a_cohort(), "--out", tmp_path / "out", "--method", "magic")
    assert answer.code == 2
    assert "magic" in answer.sentence


def test_an_output_that_is_a_file_is_refused(deepvolumetry, a_cohort, tmp_path):
    (tmp_path / "out").write_text("mine")
    answer = deepvolumetry("evaluate", "renal", "--cases", a_cohort(), "--out", tmp_path / "out")
    assert answer.code == 2
    assert "Choose another file or folder" in answer.sentence
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_worse_masks_get_worse_numbers(deepvolumetry, a_cohort, tmp_path):
    listing = a_cohort("1=kidney;11=kidney")
    reference = read_image(tmp_path / "reference.nrrd")
    write_volume(tmp_path / "reference.nrrd", reference.with_voxels(np.roll(reference.voxels, 3, axis=2)))
    deepvolumetry("evaluate", "renal", "--cases", listing, "--out", tmp_path / "out")
    kidney = metrics(tmp_path)["cases"][0]["targets"]["kidney"]
    assert 0.5 < kidney["dice"] < 0.85
    assert 10 < kidney["hd_mm"] < 16
