"""``deepvolumetry segment | evaluate | demo | synthesize glioma`` with networks that know brightness only."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import glioma_toys

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume

SEQUENCES = glioma_toys.SEQUENCES
NETWORKS = ("unet", "unet_2", "unet_3")  # as the bundle that ships: one with fewer is refused


@pytest.fixture(scope="module")
def a_bundle(tmp_path_factory) -> Path:
    return glioma_toys.write_bundle(tmp_path_factory.mktemp("models") / "toy_glioma", networks=NETWORKS)


@pytest.fixture(scope="module")
def a_head() -> dict[str, Image]:
    return glioma_toys.head()


@pytest.fixture
def a_study(a_head, tmp_path) -> Path:
    """Folder with p1_t1.nrrd, p1_t1ce.nrrd, p1_t2.nrrd, p1_flair.nrrd."""
    (tmp_path / "study").mkdir()
    for name, image in a_head.items():
        write_volume(tmp_path / "study" / f"p1_{name}.nrrd", image)
    return tmp_path / "study"


@pytest.fixture
def glioma(a_bundle, monkeypatch, tmp_path):
    """Runs ``deepvolumetry COMMAND glioma …`` with the toy bundle and the plain network; gives the exit code."""
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(command, *arguments) -> int:
        bundle = () if command == "synthesize" else ("--bundle", a_bundle)
        return main([command, "glioma", *map(str, (*arguments, *bundle))])

    return run


@pytest.fixture
def a_label_map(tmp_path) -> Path:
    """Truth of the toy head in the values of BraTS 2021."""
    grid = glioma_toys.grid_over()
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ grid.ijk_to_ras.T
    distance = np.linalg.norm(ras[..., :3] - glioma_toys.TUMOR_RAS_MM, axis=-1)
    labels = np.zeros(grid.shape, np.uint8)
    for target, value in (("WT", 2), ("TC", 1), ("ET", 4)):
        labels[distance < glioma_toys.RADIUS_MM[target]] = value
    write_volume(tmp_path / "labels.nrrd", grid.with_voxels(labels))
    return tmp_path / "labels.nrrd"


def volumes(report: dict) -> dict[str, float]:
    return {m["segment"]: m["value"] for m in report["measurements"] if m["name"] == "Volume"}


def inputs(study: Path, *names: str) -> list[str]:
    return [word for name in names or SEQUENCES for word in ("--input", f"{name}={study / f'p1_{name}.nrrd'}")]


def test_four_sequences_give_nested_segments_maps_and_volumes(glioma, a_study, capsys):
    assert glioma("segment", *inputs(a_study), "--out", "out", "--method", "unet", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    found = volumes(report)
    for target, true in glioma_toys.VOLUME_ML.items():
        assert found[target] == pytest.approx(true, rel=0.12)
    assert [entry["name"] for entry in report["inputs"]] == list(SEQUENCES)
    assert report["parameters"]["method"] == "unet"
    for target in ("WT", "TC", "ET"):
        assert read_image(f"out/uncertainty_{target}.nrrd").same_grid(read_image(a_study / "p1_t1ce.nrrd"))
    assert not Path("out/labels.nrrd").exists()


def test_names_of_files_say_which_sequence_they_are(glioma, a_study, capsys):
    files = [word for name in SEQUENCES for word in ("--input", a_study / f"p1_{name}.nrrd")]
    assert glioma("segment", *files, "--out", "out", "--method", "unet", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in report["inputs"]] == list(SEQUENCES)
    note = f"{a_study / 'p1_flair.nrrd'} was taken for flair; if it is not, say which it is: --input NAME={a_study / 'p1_flair.nrrd'}."
    assert note in report["warnings"]


def test_a_label_map_is_written_in_the_scheme_that_is_asked_for(glioma, a_study, a_label_map):
    assert glioma("segment", *inputs(a_study), "--out", "out", "--method", "unet", "--scheme", "msd", "--quiet") == 0
    found, true = read_image("out/labels.nrrd").voxels, read_image(a_label_map).voxels
    assert set(np.unique(found)) == {0, 1, 2, 3}
    for value, meant in ((1, 2), (2, 1), (3, 4)):
        assert np.count_nonzero((found == value) & (true == meant)) > 0.8 * np.count_nonzero(true == meant)


def test_a_missing_sequence_is_told(glioma, a_study, capsys):
    assert glioma("segment", *inputs(a_study, "t1ce", "flair"), "--out", "out", "--method", "unet", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert any(text.startswith("T1 and T2 are missing.") for text in report["warnings"])


def test_a_prior_report_gives_the_change_since(glioma, a_study, tmp_path, capsys):
    assert glioma("segment", *inputs(a_study), "--out", "first", "--method", "unet", "--quiet") == 0
    report = json.loads(Path("first/report.json").read_text(encoding="utf-8"))
    for measurement in report["measurements"]:
        if measurement["unit"] == "mL" and measurement["value"]:
            for key in ("value", "low", "high"):
                measurement[key] = measurement[key] and measurement[key] / 2
    report["inputs"] = [{**entry, "sha256": ""} for entry in report["inputs"]]
    (tmp_path / "prior.json").write_text(json.dumps(report))
    capsys.readouterr()
    assert glioma("segment", *inputs(a_study), "--out", "second", "--method", "unet", "--prior", "prior.json", "--json") == 0
    rows = {m["name"]: m for m in json.loads(capsys.readouterr().out)["measurements"] if m["segment"] == "ET"}
    assert rows["Volume change since the prior study"]["value"] == pytest.approx(100, abs=1)


def evaluated(glioma, tmp_path, *arguments, labels: str | None = None) -> dict:
    columns = ["case", *SEQUENCES, "reference", *(["labels"] if labels else [])]
    row = ["p1", *(f"study/p1_{name}.nrrd" for name in SEQUENCES), "labels.nrrd", *([labels] if labels else [])]
    (tmp_path / "cases.csv").write_text(",".join(columns) + "\n" + ",".join(row) + "\n")
    assert glioma("evaluate", "--cases", "cases.csv", "--out", "out", "--quiet", *arguments) == 0
    return json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))


def test_evaluate_measures_targets_and_sub_regions(glioma, a_study, a_label_map, tmp_path):
    document = evaluated(glioma, tmp_path, "--method", "tta", "--members", 3)
    assert document["method"] == "tta"
    (case,) = document["cases"]
    assert list(case["targets"]) == ["WT", "TC", "ET", "edema", "necrosis"]
    for target in ("WT", "TC", "ET"):
        numbers = case["targets"][target]
        assert numbers["dice"] > 0.85
        assert numbers["hd95_mm"] < 6
        assert 0.5 < numbers["qu_brats"] <= 1
    assert case["targets"]["edema"]["qu_brats"] is None, "it has no map of its own"
    assert case["targets"]["WT"]["reference_ml"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.03)


def test_the_uncertainty_score_counts_the_whole_brain(glioma, a_study, a_label_map, tmp_path):
    from DeepVolumetryLib.uncertainty.score import qu_brats_score

    document = evaluated(glioma, tmp_path, "--method", "unet", "--keep")
    brain = read_image(a_study / "p1_t1ce.nrrd").voxels != 0
    reference = np.isin(read_image(a_label_map).voxels, (1, 2, 4))
    probability, uncertainty = (read_image(f"out/results/p1/{kind}_WT.nrrd").voxels for kind in ("probability", "uncertainty"))
    expected = qu_brats_score(probability > 0.5, reference, uncertainty, brain)
    assert document["cases"][0]["targets"]["WT"]["qu_brats"] == pytest.approx(expected.score, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        ("1=tumor;2=tumor;4=tumor", ["WT"]),
        ("1=core;2=edema;4=core", ["WT", "TC", "edema"]),
        ("2=edema;4=ET;1=cavity", ["WT", "ET", "edema"]),
        ("1=necrosis;4=enhancing;2=other", ["TC", "ET", "necrosis"]),
    ],
)
def test_what_a_reference_does_not_tell_apart_is_not_evaluated(glioma, a_study, a_label_map, tmp_path, labels, targets):
    document = evaluated(glioma, tmp_path, "--method", "unet", labels=labels)
    assert list(document["cases"][0]["targets"]) == targets


def test_another_scheme_needs_no_column(glioma, a_study, a_label_map, tmp_path):
    truth = read_image(a_label_map)
    as_msd = np.select([truth.voxels == 2, truth.voxels == 1, truth.voxels == 4], [1, 2, 3], 0).astype(np.uint8)
    write_volume(a_label_map, truth.with_voxels(as_msd))
    document = evaluated(glioma, tmp_path, "--method", "unet", "--scheme", "msd")
    assert document["cases"][0]["targets"]["ET"]["dice"] > 0.85


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "magic"), "Method “magic” is not known; choose spu, unet,"),
        (("--scheme", "brats1999"), "There is no label scheme “brats1999”. Choose one of: brats2021,"),
        (("--scheme", "msd"), "The reference has the value 4. Add a column labels that names its values, like 1=edema;2=necrosis;3=ET."),
    ],
)
def test_evaluate_explains_what_is_wrong(glioma, a_study, a_label_map, tmp_path, capsys, arguments, words):
    (tmp_path / "cases.csv").write_text("case,t1ce,reference\np1,study/p1_t1ce.nrrd,labels.nrrd\n")
    assert glioma("evaluate", "--cases", "cases.csv", "--out", "out", *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_list_of_cases_needs_t1ce_or_flair(glioma, a_study, a_label_map, tmp_path, capsys):
    (tmp_path / "cases.csv").write_text("case,t1,t2,reference\np1,study/p1_t1.nrrd,study/p1_t2.nrrd,labels.nrrd\n")
    assert glioma("evaluate", "--cases", "cases.csv", "--out", "out") == 2
    assert "has no column “t1ce”; it needs case, reference and t1ce or flair." in capsys.readouterr().err


def test_the_demo_compares_targets_and_parts_with_the_truth(glioma, monkeypatch, capsys):
    from GliomaUncertaintyLib import demo

    monkeypatch.setattr(demo, "study", lambda seed=0: glioma_toys.head())
    grid = glioma_toys.grid_over()
    labels = np.zeros(grid.shape, np.uint8)
    labels[20:30, 30:40, 30:40] = 2
    labels[24:28, 34:38, 34:38] = 4
    monkeypatch.setattr(demo, "reference", lambda seed=0: (grid.with_voxels(labels), {1: "necrosis", 2: "edema", 4: "ET"}))
    assert glioma("demo", "--out", "out", "--json") == 0
    rows = {row["segment"]: row for row in json.loads(capsys.readouterr().out)["truth"]}
    assert list(rows) == ["WT", "TC", "ET", "edema", "necrosis"]
    assert rows["WT"]["true_ml"] == pytest.approx(8.0)
    assert rows["TC"]["true_ml"] == rows["ET"]["true_ml"] == pytest.approx(0.512)
    assert Path("out/pictures/overview.png").exists()


@pytest.fixture
def a_synthesis(monkeypatch):
    """A synthesis that hands through what the command gives it."""
    from GliomaUncertaintyLib import synthesis

    calls = []

    def synthesize_study(labels, seed=0, tumor="procedural"):
        calls.append((seed, tumor))
        return glioma_toys.head(), glioma_toys.grid_over().with_voxels(np.ones((50, 72, 64), np.uint8))

    monkeypatch.setattr(synthesis, "synthesize_study", synthesize_study)
    return calls


def test_synthesize_writes_four_sequences_and_a_row_for_evaluate(glioma, a_synthesis, a_label_map, tmp_path):
    assert glioma("synthesize", "--labels", a_label_map, "--seed", 3, "--tumor", "none", "--out", "made") == 0
    assert a_synthesis == [(3, "none")]
    (row,) = csv.DictReader(Path("made/cases.csv").read_text(encoding="utf-8").splitlines())
    assert row == {
        "case": "made", **{name: f"{name}.nrrd" for name in SEQUENCES}, "reference": "reference.nrrd",
        "labels": "1=necrosis;2=edema;4=ET", "group": "synthesized",
    }  # fmt: skip
    assert all(Path(f"made/{name}.nrrd").exists() for name in (*SEQUENCES, "reference"))


def test_a_label_map_can_give_the_tumor_its_shape(glioma, a_synthesis, a_label_map):
    assert glioma("synthesize", "--labels", a_label_map, "--tumor", a_label_map, "--out", "made") == 0
    assert isinstance(a_synthesis[0][1], Image)


def test_synthesize_refuses_options_of_other_modules(glioma, a_synthesis, a_label_map, capsys):
    assert glioma("synthesize", "--labels", a_label_map, "--modality", "CT", "--out", "made") == 2
    assert "GliomaUncertainty has no --modality. Leave it out." in capsys.readouterr().err
    assert not Path("made").exists()
