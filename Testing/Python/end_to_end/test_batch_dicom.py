"""``deepvolumetry batch`` on a folder of DICOM studies and on a DICOMweb server that runs here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import batch_toys as toys
import numpy as np
import pytest
from dicom_series import PATIENT_ID, PATIENT_NAME, uid, write_series
from dicomweb_server import serving
from toy_kidney import demo

from DeepVolumetryLib.app.batch import cohort
from DeepVolumetryLib.app.batch.dicomweb import TOKEN, fetch_series
from DeepVolumetryLib.app.batch.studies import find_cases
from DeepVolumetryLib.errors import InputError


@pytest.fixture
def batch(batch):
    """Runs ``deepvolumetry batch … --module renal``; gives exit code and stderr."""

    def run(source, *arguments):
        code, _out, err = batch(source, "--module", "renal", *arguments)
        return code, err

    return run


@pytest.fixture(scope="module")
def an_archive(tmp_path_factory) -> Path:
    """Two studies in one folder, as an export leaves them: a CT each, a localizer, and a PET that no module takes."""
    folder = tmp_path_factory.mktemp("Müller, Jörg")
    for number in range(2):
        image = demo.study(number)["volume"]
        image = replace(image, modality="CT")
        write_series(folder / f"export{number}", image, study=f"study{number}", series=f"ct{number}")
        small = replace(image, voxels=np.ascontiguousarray(image.voxels[:3]))
        write_series(folder / f"export{number}" / "scout", small, study=f"study{number}", series=f"scout{number}")
    write_series(folder / "export0" / "pet", image, study="study0", series="pet", Modality="PT")
    (folder / "readme.txt").write_text("no image")
    return folder


def test_each_volume_of_a_folder_is_a_case_without_a_name(batch, an_archive, tmp_path):
    code, err = batch(an_archive)
    assert code == 0, err
    out = tmp_path / "out"
    rows = toys.table(out)
    assert len(rows) == 2
    assert all(row["state"] == "done" and 190 < float(row["total_kidney Volume mL"]) < 230 for row in rows.values())
    listed = (out / "studies.csv").read_text(encoding="utf-8").splitlines()
    assert listed[0] == "case,input,study_uid,series_uid,images"
    assert {line.split(",")[2] for line in listed[1:]} == {uid("study0"), uid("study1")}
    name = PATIENT_NAME.partition("^")[0]
    for path in (out / "cohort.csv", out / "cohort.html", out / "studies.csv", *out.glob(".batch/*.json")):
        assert name not in path.read_text(encoding="utf-8") and PATIENT_ID not in path.read_text(encoding="utf-8")
    assert not [path for path in out.rglob("*") if name in path.name]


def test_results_of_a_folder_are_those_of_segment(batch, an_archive, tmp_path):
    batch(an_archive)
    from DeepVolumetryLib.image_io import read_image

    (case,) = [
        c
        for c, row in toys.table(tmp_path / "out").items()
        if uid("study0", "ct0") in (tmp_path / "out" / c / "report.json").read_text(encoding="utf-8")
    ]
    report = json.loads((tmp_path / "out" / case / "report.json").read_text(encoding="utf-8"))
    assert report["inputs"][0]["size"] == list(demo.study(0)["volume"].size)
    found = read_image(tmp_path / "out" / case / "probability_kidney.nrrd")
    assert found.same_grid(demo.study(0)["volume"], tolerance_mm=0.01)


def test_a_second_run_of_a_folder_does_nothing(batch, an_archive, tmp_path):
    batch(an_archive)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/report.json")}
    batch(an_archive)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/report.json")} == before


def test_studies_of_several_inputs_are_told_apart_by_their_headers(a_glioma_head, tmp_path):
    for name, description in (("t1ce", "T1 post contrast"), ("flair", "FLAIR axial"), ("t2", "ep2d_diff")):
        image = replace(a_glioma_head[name], voxels=(a_glioma_head[name].voxels * 10).astype(np.int16), modality="MR")
        write_series(tmp_path / "mr" / name, image, study="brain", series=name, SeriesDescription=description)
    (case,) = find_cases(tmp_path / "mr", "glioma", ())
    assert set(case.sources) == {"t1ce", "flair"}
    assert not case.problem


def test_a_study_whose_headers_say_nothing_is_not_guessed(a_glioma_head, tmp_path):
    image = replace(a_glioma_head["t1ce"], voxels=(a_glioma_head["t1ce"].voxels * 10).astype(np.int16), modality="MR")
    write_series(tmp_path / "mr", image, study="brain", series="x", SeriesDescription="Series 4", ProtocolName="")
    (case,) = find_cases(tmp_path / "mr", "glioma", ())
    assert "none that its header calls t1ce or flair" in case.problem
    assert cohort.checked(case) == case


def test_a_folder_without_images_is_refused(batch, tmp_path):
    (tmp_path / "empty").mkdir()
    code, err = batch(tmp_path / "empty")
    assert code == 2
    assert "0 DICOM series" in err


def test_a_server_gives_what_its_files_give(batch, an_archive, tmp_path):
    assert batch(an_archive)[0] == 0
    expected = {row["total_kidney Volume mL"] for row in toys.table(tmp_path / "out").values()}
    names = set(toys.table(tmp_path / "out"))
    import shutil

    shutil.rmtree(tmp_path / "out")
    with serving(an_archive) as (address, asked):
        code, err = batch(address)
        assert code == 0, err
        rows = toys.table(tmp_path / "out")
        assert {row["total_kidney Volume mL"] for row in rows.values()} == expected
        assert set(rows) == names
        report = json.loads((tmp_path / "out" / next(iter(rows)) / "report.json").read_text(encoding="utf-8"))
        assert report["inputs"][0]["path"].startswith(f"{address}/studies/")
        before, fetched = len(asked), [each for each in asked if "accept" not in each and each.rstrip("/").split("/")[-2] == "series"]
        assert len(fetched) == 2  # each series once, and no other
        batch(address)
        assert not [each for each in asked[before:] if each.rstrip("/").split("/")[-2] == "series"]


def test_a_query_chooses_among_studies(batch, an_archive, tmp_path):
    with serving(an_archive) as (address, _asked):
        code, err = batch(address, "--query", f"StudyInstanceUID={uid('study1')}")
    assert code == 0, err
    assert len(toys.table(tmp_path / "out")) == 1


def test_a_list_may_name_series_on_a_server(batch, an_archive, tmp_path):
    with serving(an_archive) as (address, _asked):
        series = f"{address}/studies/{uid('study0')}/series/{uid('study0', 'ct0')}"
        missing = f"{address}/studies/{uid('study0')}/series/1.2.3"
        (tmp_path / "cohort.csv").write_text(f"case,module,volume\nfirst,renal,{series}\nsecond,renal,{missing}\n")
        code, err = batch(tmp_path / "cohort.csv")
    assert code == 2
    assert "second: The DICOMweb server 127.0.0.1 answered 404." in err
    assert toys.table(tmp_path / "out")["first"]["state"] == "done"


def test_a_server_that_wants_a_password_says_where_to_put_it(batch, an_archive, tmp_path, monkeypatch):
    with serving(an_archive, token="Bearer abc") as (address, _asked):
        code, err = batch(address)
        assert code == 2
        assert "answered 401" in err and TOKEN in err
        monkeypatch.setenv(TOKEN, "Bearer abc")
        (tmp_path / "one").mkdir()
        fetch_series(f"{address}/studies/{uid('study0')}/series/{uid('study0', 'ct0')}", tmp_path / "one")
    assert len(list((tmp_path / "one").glob("*.dcm"))) == 30


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/dicom-web", "https://127.0.0.1:9"])
def test_no_server_is_said(batch, address):
    code, err = batch(address)
    assert code == 2
    assert "The DICOMweb server 127.0.0.1 does not answer" in err


def test_an_address_that_is_no_series_is_said(tmp_path):
    with pytest.raises(InputError, match="must look like"):
        fetch_series("http://127.0.0.1:9/dicom-web/studies/1.2", tmp_path)
