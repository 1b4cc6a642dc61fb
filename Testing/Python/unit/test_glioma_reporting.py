"""The programs that list the real cases, evaluate every method and write the results page."""

from __future__ import annotations

import importlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DeepVolumetryLib.app.evaluation.summary import summarize_groups
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume

BENCHMARKS = Path(__file__).resolve().parents[2] / "Benchmarks"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def numbers(dice, score, width=10.0, reference_ml=20.0):
    metrics = dict.fromkeys(("sensitivity", "specificity", "hd95_mm", "hd_mm", "assd_mm", "ece", "error_auroc"), 0.5)
    parts = dict.fromkeys(("qu_brats_dice_auc", "qu_brats_ftp_auc", "qu_brats_ftn_auc", "target_error_share_first_10"), 0.25)
    interval = {"interval_low_ml": 20 - width / 2, "interval_high_ml": 20 + width / 2, "interval_hit": True}
    volumes = {"volume_ml": 20.0, "reference_ml": reference_ml, "reliability": None}
    return {**metrics, **parts, **interval, **volumes, "dice": dice, "qu_brats": score}


def metrics(dice, scores, group="real", **options):
    """metrics.json of cases c0, c1, ... with these Dice and QU-BraTS scores of all targets."""
    cases = [
        {
            "case": f"c{n}",
            "group": group,
            "targets": {target: numbers(d, s, **options) for target in ("WT", "TC", "ET")},
            "error_share_first_10": 0.9,
            "shown_first_10_ml": 150.0,
            "seconds": 30.0,
            "peak_memory_mb": 900.0,
        }
        for n, (d, s) in enumerate(zip(dice, scores, strict=True))
    ]
    return {"groups": summarize_groups(cases), "cases": cases, "failed": []}


@pytest.fixture
def a_folder(tmp_path):
    """What glioma_compare.py leaves: eight cases, two methods, one sequence removed, one disagreement."""
    steps = np.linspace(0, 0.08, 8)
    contents = {
        "spu/metrics.json": metrics(0.80 + steps, 0.90 + steps),
        "unet/metrics.json": metrics(0.75 + 0.5 * steps, 0.85 + 0.5 * steps),
        "without_flair/metrics.json": metrics(0.60 + steps, 0.80 + steps, width=25.0),
        "spu/disagreement.json": {"case": "TCGA", "targets": {target: {"auroc": 0.97} for target in ("WT", "TC", "ET")}},
    }
    for name, document in contents.items():
        (tmp_path / "real" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "real" / name).write_text(json.dumps(document))
    return tmp_path / "real"


def test_the_page_has_scores_tests_goals_and_what_is_missing(program, a_folder, tmp_path):
    speed = tmp_path / "speed.json"
    speed.write_text(json.dumps({"speedup": 14.2, "median_s": {"pipeline": 61.0}, "image": {"size": [240, 240, 155]}}))
    page = program("glioma_results").page(a_folder, None, speed, BENCHMARKS / "glioma_notes.txt")
    lines = page.splitlines()
    assert "| ET | SPU-Net | 8 | 0.840 ± 0.028 | 0.5 | 0.940 |" in page
    assert "| U-Net | ET | 8 | +0.070 | 0.0078 | +0.070 | 0.0078 |" in lines
    assert "| real | flair | WT | 8 | 0.840 | 0.640 | 10.0 | 25.0 |" in lines
    assert "| TCGA | SPU-Net | 0.970 | 0.970 | 0.970 |" in lines
    assert "| paper | SPU-Net | 0.826 | 0.848 | 0.936 |" in lines
    assert "| goal | SPU-Net | >= 0.86 | >= 0.88 | >= 0.95 |" in lines
    assert "| speedup | 14.2 | >= 10 |" in lines
    assert "| image, size | 240 × 240 × 155 |  |" in lines
    assert "Synthesized" not in [line.strip("# ") for line in lines]


def test_few_pairs_cannot_be_significant_and_the_page_says_so(program, tmp_path):
    results = program("glioma_results")
    by_method = {"spu": metrics([0.8, 0.9, 0.85, 0.7], [0.9] * 4), "tta": metrics([0.7, 0.8, 0.75, 0.6], [0.9] * 4)}
    text = results.paired(by_method, "real")
    assert "With n = 4 the smallest p that this test can give is 0.12" in text
    assert "| U-Net + TTA | ET | 4 | +0.100 | 0.12 | +0.000 | 1 |" in text
    assert results.signed_rank([]) == (None, None)


def test_cases_without_the_target_are_no_pairs(program):
    results = program("glioma_results")
    by_method = {"spu": metrics([0.8] * 3, [0.9] * 3), "lsu": metrics([1.0] * 3, [0.9] * 3, reference_ml=0.0)}
    assert results.paired(by_method, "real") == ""


def write_labels(path, labels):
    sitk.WriteImage(sitk.GetImageFromArray(np.array(labels, np.uint8).reshape(1, 1, -1)), str(path))


def test_real_cases_are_listed_with_what_there_is_of_them(program, tmp_path):
    for case, files in (
        ("brats_2013_pat0001_1", ("flair", "t1ce", "labels")),
        ("TCGA-FG-6692", ("t1", "t1ce", "t2", "flair", "algorithm_simple")),
    ):
        (tmp_path / "glioma" / case).mkdir(parents=True)
        for name in files:
            (tmp_path / "glioma" / case / f"{name}.nii.gz").touch()
    first, second = program("glioma_cases").rows(tmp_path)
    assert (first["case"], first["t1"], first["labels"]) == ("brats_2013_pat0001_1", "", "1=necrosis;2=edema;3=necrosis;4=ET")
    assert first["reference"].endswith("labels.nii.gz")
    assert all(second[name] for name in ("t1", "t1ce", "t2", "flair"))
    assert second["reference"].endswith("algorithm_simple.nii.gz")
    assert first["group"] != second["group"]


def test_disagreement_is_where_algorithms_do_not_all_say_the_same(program, tmp_path):
    cases = program("glioma_cases")
    for number, name in enumerate(cases.ALGORITHMS):
        write_labels(tmp_path / f"algorithm_{name}.nii.gz", [4, 4 if number else 1, 2 if number else 0, 0])
    found = cases.disagreement(tmp_path)
    assert {target: mask.ravel().tolist() for target, mask in found.items()} == {
        "WT": [False, False, True, False],
        "TC": [False, False, False, False],
        "ET": [False, True, False, False],
    }


def test_the_uncertainty_is_judged_by_it_inside_the_brain(program, tmp_path):
    compare = program("glioma_compare")
    for number, name in enumerate(program("glioma_cases").ALGORITHMS):
        write_labels(tmp_path / f"algorithm_{name}.nii.gz", [4, 4 if number else 0, 0, 0])
    for target in ("WT", "TC", "ET"):
        write_volume(tmp_path / f"uncertainty_{target}.nrrd", Image(np.array([[[5.0, 80.0, 2.0, 99.0]]], np.float32), np.eye(4)))
    write_labels(tmp_path / "flair.nii.gz", [1, 1, 1, 0])
    found = compare.judge_disagreement(tmp_path, tmp_path, [str(tmp_path / "flair.nii.gz")])
    assert found["targets"]["ET"] == {"auroc": 1.0, "disputed_ml": 0.001}
    assert found["brain_ml"] == 0.003


def row(case, **sequences):
    return {
        "case": case,
        "group": "real",
        "reference": "r.nrrd",
        "labels": "",
        **{name: sequences.get(name, "") for name in ("t1", "t1ce", "t2", "flair")},
    }


def test_a_sequence_is_removed_only_where_the_case_can_do_without_it(program):
    rows = [row("a", t1ce="a1.nrrd", flair="a2.nrrd"), row("b", flair="b.nrrd"), row("c", t1="c1.nrrd", t1ce="c2.nrrd")]
    without = program("glioma_compare").without
    assert [(r["case"], r["flair"], r["t1ce"]) for r in without(rows, "flair")] == [("a", "", "a1.nrrd")]
    assert [r["case"] for r in without(rows, "t1")] == ["c"]
    assert without(rows, "t2") == []


def test_each_case_is_evaluated_by_the_bundle_that_has_not_seen_it(program, tmp_path, monkeypatch):
    compare = program("glioma_compare")
    calls = []

    def fake(arguments):
        options = dict(pairwise(arguments))
        folder = Path(options["--out"])
        names = [line.split(",")[0] for line in (folder / "cases.csv").read_text().splitlines()[1:]]
        calls.append((options.get("--bundle", ""), "--keep" in arguments, names))
        document = metrics([0.8] * len(names), [0.9] * len(names))
        for case, name in zip(document["cases"], names, strict=True):
            case["case"] = name
        (folder / "metrics.json").write_text(json.dumps(document))
        return 0

    monkeypatch.setattr(compare, "deepvolumetry", fake)
    rows = [row(name, flair="f.nrrd") for name in "abc"]
    compare.evaluate(rows, tmp_path, {"a": "fold0", "b": "fold1", "c": "fold0"}, "spu", ["--members", "2"], keep="c")
    assert sorted(calls) == [("fold0", False, ["a"]), ("fold0", True, ["c"]), ("fold1", False, ["b"])]
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert [case["case"] for case in document["cases"]] == ["a", "b", "c"]
    assert document["groups"]["real"]["cases"] == 3


def test_a_run_that_fails_altogether_ends_with_its_exit_code(program, tmp_path, monkeypatch):
    compare = program("glioma_compare")
    monkeypatch.setattr(compare, "deepvolumetry", lambda arguments: 3)
    with pytest.raises(SystemExit) as stop:
        compare.evaluate([row("a", flair="f.nrrd")], tmp_path, {}, "spu", [])
    assert stop.value.code == 3
