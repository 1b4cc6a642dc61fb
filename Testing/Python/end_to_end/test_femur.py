"""``deepvolumetry segment | evaluate | synthesize | models femur`` with the weights that ship, on a coarse phantom patient."""

from __future__ import annotations

import csv
import json

import femur_patients
import pytest

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image_io import read_image, write_volume

pytestmark = pytest.mark.slow

SETTINGS = {"spacing": (1.6, 1.6, 2.5), "above_mm": 42.0}


@pytest.fixture(scope="module")
def a_scan(tmp_path_factory):
    """Folder with volume.nrrd, reference.nrrd and cases.csv."""
    folder = tmp_path_factory.mktemp("scan")
    study = femur_patients.study(**SETTINGS)
    write_volume(folder / "volume.nrrd", study.image)
    write_volume(folder / "reference.nrrd", study.reference)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("case", "volume", "reference", "group"), ("one", "volume.nrrd", "reference.nrrd", "generated")])
    return folder


@pytest.fixture(scope="module")
def a_run(a_scan, tmp_path_factory):
    """The folder of a calibrated run and its report."""
    out = tmp_path_factory.mktemp("out") / "femur"
    arguments = ["segment", "femur", "--input", str(a_scan / "volume.nrrd"), "--phantom", "qrm_bdc_3", "--speed", "fast", "--quiet"]
    assert main([*arguments, "--out", str(out)]) == 0
    return out, json.loads((out / "report.json").read_text(encoding="utf-8"))


def rows(report, segment):
    return {row["name"]: row for row in report["measurements"] if row["segment"] == segment}


def test_a_run_writes_masks_maps_and_density(a_run):
    out, report = a_run
    assert {"segmentation.seg.nrrd", "probability_femur.nrrd", "uncertainty_femur.nrrd", "density.nrrd", "measurements.csv"} <= {
        path.name for path in out.iterdir()
    }
    density = read_image(out / "density.nrrd")
    assert density.voxels.dtype.name == "float32" and density.voxels.max() > 600
    assert report["parameters"]["phantom"] == "qrm_bdc_3" and report["model"]["name"] == "femur_vnet"


def test_the_numbers_are_near_the_truth_and_have_intervals(a_run):
    truth = femur_patients.study(**SETTINGS).truth
    for side in ("left", "right"):
        found = rows(a_run[1], f"{side}_femur")
        assert found["Volume"]["value"] == pytest.approx(truth[side].volume_ml, rel=0.1)
        assert found["Volume"]["low"] < truth[side].volume_ml < found["Volume"]["high"]
        assert found["Integral vBMD"]["unit"] == "mg/cm3{CHA}"
        assert rows(a_run[1], f"{side}_total_hip")["BMC"]["value"] > 10


def test_without_calibration_no_density_is_written(a_scan, tmp_path, capsys):
    assert main(["segment", "femur", "--input", str(a_scan / "volume.nrrd"), "--speed", "fast", "--out", str(tmp_path / "o")]) == 0
    assert not (tmp_path / "o" / "density.nrrd").exists()
    assert "No calibration: HU only." in capsys.readouterr().err.replace("\n", " ")


def test_an_entered_calibration_is_read_from_the_command_line(a_scan, tmp_path):
    arguments = ["segment", "femur", "--input", str(a_scan / "volume.nrrd"), "--speed", "fast", "--quiet", "--out", str(tmp_path / "o")]
    assert main([*arguments, "--phantom", "mindways_3", "--calibration", "slope=0.9,intercept=-4,kvp=120", "--kvp", "120"]) == 0
    report = json.loads((tmp_path / "o" / "report.json").read_text(encoding="utf-8"))
    assert report["parameters"]["slope"] == 0.9 and report["parameters"]["calibration_kvp"] == 120
    assert rows(report, "left_femur")["Integral vBMD"]["unit"] == "mg/cm3{K2HPO4}"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--phantom", "qrm"], "is not known; choose mindways_3"),
        (["--calibration", "0.8"], "--calibration must look like slope=0.8,intercept=-2"),
        (["--phantom", "qrm_bdc_3", "--certificate", "a,b"], "--certificate must look like 100,400,800"),
        (["--calibration", "slope=0.8"], "the intercept is missing"),
        (["--age", "50"], "has no parameter “age”"),
    ],
)
def test_options_that_cannot_be_are_named(a_scan, tmp_path, capsys, options, sentence):
    assert main(["segment", "femur", "--input", str(a_scan / "volume.nrrd"), "--out", str(tmp_path / "o"), *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_another_module_takes_no_phantom(a_scan, tmp_path, capsys):
    arguments = ["segment", "renal", "--input", str(a_scan / "volume.nrrd"), "--out", str(tmp_path / "o"), "--phantom", "qrm_bdc_3"]
    assert main(arguments) == 2
    assert "has no parameter “phantom”" in capsys.readouterr().err


def test_a_cohort_is_evaluated_by_side(a_scan, tmp_path):
    assert main(["evaluate", "femur", "--cases", str(a_scan / "cases.csv"), "--out", str(tmp_path), "--speed", "fast", "--quiet"]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics["groups"]["generated"]["targets"]) == {"femur", "left_femur", "right_femur"}
    assert metrics["groups"]["generated"]["targets"]["femur"]["dice"]["mean"] > 0.9


def test_the_weights_are_those_that_were_checked(capsys):
    assert main(["models", "verify", "femur_vnet"]) == 0
