"""``deepvolumetry segment``: what lies in the folder afterwards, and what is said."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume

TRUE_ML = 4 / 3 * np.pi * 2.4 * 2.4 * 4.5


def volume(report: dict, segment: str) -> float:
    return next(m["value"] for m in report["measurements"] if m["segment"] == segment and m["name"] == "Volume")


def test_every_promised_file_is_written(deepvolumetry, a_kidney_file, tmp_path):
    answer = deepvolumetry("segment", "renal", "--input", a_kidney_file, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    maps = {f"{kind}_{target}.nrrd" for kind in ("probability", "uncertainty") for target in ("kidney", "parenchyma")}
    assert names == {"segmentation.seg.nrrd", "measurements.csv", "report.json", *maps}


def test_the_report_has_the_fields_that_scripts_rely_on(deepvolumetry, a_kidney_file, tmp_path):
    deepvolumetry("segment", "renal", "--input", f"volume={a_kidney_file}", "--out", tmp_path / "out", "--seed", 3, "--age", 60)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["schema"] == 1
    assert report["module"] == "renal"
    assert set(report["model"]) == {"name", "version", "sha256", "license"}
    assert set(report["seconds"]) == {"import", "load", "preprocess", "inference", "postprocess", "write", "total"}
    assert report["seconds"]["total"] > 0
    (given,) = report["inputs"]
    assert given["name"] == "volume"
    assert given["size"] == [60, 40, 30]
    assert given["spacing_mm"] == [4, 4, 5]
    assert len(given["sha256"]) == 64
    assert set(report["measurements"][0]) >= {"segment", "name", "value", "unit", "low", "high", "level", "code"}
    assert set(report["review"][0]) == {"rank", "target", "at_stake_ml", "center_ras_mm", "volume_ml", "box_kji", "kind", "reviewed"}
    assert report["parameters"]["seed"] == 3
    assert report["parameters"]["age"] == 60
    assert report["peak_memory_mb"] > 10


def test_json_prints_the_report_and_nothing_else(deepvolumetry_process, a_kidney_file, tmp_path):
    answer = deepvolumetry_process("segment", "renal", "--input", a_kidney_file, "--out", tmp_path / "out", "--json", "--quiet")
    assert answer.code == 0, answer.err
    assert answer.json == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert answer.err == ""


def test_measurements_csv_has_the_same_numbers(deepvolumetry, a_kidney_file, tmp_path):
    report = deepvolumetry("segment", "renal", "--input", a_kidney_file, "--out", tmp_path / "out", "--json").json
    with (tmp_path / "out" / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["segment", "name", "value", "unit", "low", "high", "level"]
    assert float(rows[0]["value"]) == pytest.approx(report["measurements"][0]["value"], rel=1e-4)


def test_the_segmentation_has_names_and_the_geometry_of_the_input(deepvolumetry, a_kidney_file, a_kidney_phantom, tmp_path):
    deepvolumetry("segment", "renal", "--input", a_kidney_file, "--out", tmp_path / "out")
    image = sitk.ReadImage(str(tmp_path / "out" / "segmentation.seg.nrrd"))
    assert image.GetMetaData("Segment0_ID") == "left_kidney"
    assert image.GetMetaData("Segment0_Name") == "Left kidney"
    assert read_image(tmp_path / "out" / "probability_kidney.nrrd").same_grid(a_kidney_phantom)


def test_sheared_and_left_handed_grids_are_measured_alike(deepvolumetry, a_kidney_phantom, tmp_path):
    volumes = []
    shear = np.eye(4)
    shear[0, 2], shear[1, 0] = 0.2, -0.15
    mirrored = a_kidney_phantom.ijk_to_ras.copy()
    mirrored[:, 3] += mirrored[:, 1] * (a_kidney_phantom.size[1] - 1)
    mirrored[:, 1] *= -1
    variants = {
        "straight": a_kidney_phantom,
        "sheared": Image(a_kidney_phantom.voxels, a_kidney_phantom.ijk_to_ras @ shear),
        "left_handed": Image(a_kidney_phantom.voxels[:, ::-1], mirrored),
    }
    for name, image in variants.items():
        write_volume(tmp_path / f"{name}.nrrd", image)
        answer = deepvolumetry("segment", "renal", "-i", tmp_path / f"{name}.nrrd", "-o", tmp_path / name, "--json")
        assert answer.code == 0, answer.err
        volumes.append(volume(answer.json, "left_kidney"))
    assert volumes == pytest.approx([TRUE_ML] * 3, rel=0.06)
    assert volumes[2] == volumes[0]


def test_results_from_before_stay_when_the_next_run_fails(deepvolumetry, a_kidney_file, tmp_path, monkeypatch):
    deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    monkeypatch.setenv("TOY_CANCELS", "1")
    assert deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out").code == 130
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_pictures_show_segments_and_uncertainty(deepvolumetry, a_kidney_file, tmp_path):
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", "--pictures")
    assert answer.code == 0, answer.err
    for name in ("overview.png", "review.png"):
        pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "pictures" / name)))
        assert pixels.shape[1] > 1000
        assert pixels.std() > 10


def test_a_scene_opens_with_volume_segments_and_table(deepvolumetry_process, a_kidney_file, tmp_path):
    pytest.importorskip("slicer")
    answer = deepvolumetry_process("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", "--scene")
    assert answer.code == 0, answer.err
    import zipfile

    names = [name.rsplit("/", 1)[-1] for name in zipfile.ZipFile(tmp_path / "out" / "scene.mrb").namelist()]
    assert any(name.endswith(".mrml") for name in names)
    assert any(name.endswith(".seg.nrrd") for name in names)
    assert any(name.endswith((".tsv", ".csv")) for name in names)


@pytest.mark.parametrize("module", ["renal", "glioma"])
def test_the_inputs_of_the_command_line_are_those_of_the_pipeline(module):
    pytest.importorskip("torch")
    from DeepVolumetryLib.app.inputs import INPUTS
    from DeepVolumetryLib.modules import load

    pipelines = [value for value in vars(load(module)).values() if isinstance(value, type) and getattr(value, "name", "") == module]
    assert [pipeline.inputs for pipeline in pipelines] == [INPUTS[module]]


def test_of_two_inputs_that_stand_in_for_each_other_one_is_enough():
    from DeepVolumetryLib.app.inputs import INPUTS
    from DeepVolumetryLib.engine.pipeline import lacking

    specs = INPUTS["glioma"]
    assert lacking(specs, ()) == lacking(specs, ["t1", "t2"]) == ("t1ce", "flair")
    assert lacking(specs, ["flair"]) == lacking(specs, ["t1ce", "t1"]) == ()
    assert lacking(INPUTS["renal"], ()) == ("volume",)
