"""``deepvolumetry batch``: what a cohort gives, what goes wrong stays with its case, and a second run goes on where the first was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import batch_toys as toys
import pytest

from DeepVolumetryLib.app.main import main


@pytest.fixture
def a_cohort(tmp_path) -> Path:
    return toys.write_list(tmp_path / "cohort.csv", toys.write_good(tmp_path, 4))


def test_each_folder_is_what_segment_writes(batch, a_cohort, tmp_path):
    code, _out, err = batch(a_cohort)
    assert code == 0, err
    assert main(["segment", "renal", "--input", str(tmp_path / "ct002.nrrd"), "--age", "40", "--out", str(tmp_path / "single"), "-q"]) == 0
    assert toys.contents(tmp_path / "out" / "case002") == toys.contents(tmp_path / "single")


def test_table_page_and_parquet_say_the_same(batch, a_cohort, tmp_path):
    import pandas as pd

    batch(a_cohort)
    out = tmp_path / "out"
    rows, parquet = toys.table(out), pd.read_parquet(out / "cohort.parquet", engine="fastparquet")
    assert list(rows) == list(parquet["case"]) == [f"case{n:03d}" for n in range(4)]
    column = "total_kidney Volume mL"
    assert parquet[column].tolist() == pytest.approx([float(row[column]) for row in rows.values()], abs=1e-6)
    assert 190 < parquet[column][0] < 230
    assert parquet[f"{column} low"][0] < parquet[f"{column} reference"][0] == 214 < parquet[f"{column} high"][0]
    page = (out / "cohort.html").read_text(encoding="utf-8")
    assert "Cohort of 4 cases" in page
    assert "100 % of 4" in page  # every interval holds the truth
    assert "http" not in page and "<script" not in page and str(tmp_path) not in page


def test_json_says_what_became_of_each_case(batch, a_cohort):
    _code, out, _err = batch(a_cohort, "--json")
    document = json.loads(out)
    assert (document["done"], document["failed"], document["waiting"]) == (4, 0, 0)


def test_a_second_run_does_nothing(batch, a_cohort, tmp_path):
    batch(a_cohort)
    before, table = toys.written_at(tmp_path / "out"), (tmp_path / "out" / "cohort.csv").read_bytes()
    assert batch(a_cohort)[0] == 0
    assert not toys.changed(before, tmp_path / "out")
    assert (tmp_path / "out" / "cohort.csv").read_bytes() == table


def test_a_second_run_redoes_what_changed_or_was_lost(batch, a_cohort, tmp_path):
    batch(a_cohort)
    before = toys.written_at(tmp_path / "out")
    shutil.copy(tmp_path / "ct003.nrrd", tmp_path / "ct001.nrrd")
    (tmp_path / "out" / "case002" / "measurements.csv").unlink()
    a_cohort.write_text(a_cohort.read_text(encoding="utf-8").replace("ct000.nrrd,40", "ct000.nrrd,50"))
    assert batch(a_cohort)[0] == 0
    assert toys.changed(before, tmp_path / "out") == {"case000", "case001", "case002"}


def test_files_of_an_option_that_was_taken_back_go(batch, a_cohort, tmp_path):
    batch(a_cohort, "--option", "pictures")
    assert (tmp_path / "out" / "case000" / "pictures" / "overview.png").is_file()
    (tmp_path / "out" / "case000" / "my notes.txt").write_text("keep")
    batch(a_cohort)
    assert not (tmp_path / "out" / "case000" / "pictures").exists()
    assert (tmp_path / "out" / "case000" / "my notes.txt").read_text(encoding="utf-8") == "keep"


def test_another_model_means_another_result(batch, a_cohort, tmp_path, monkeypatch):
    from DeepVolumetryLib.app.batch import plan

    batch(a_cohort)
    before = toys.written_at(tmp_path / "out")
    monkeypatch.setattr(plan, "model_mark", lambda module, bundle: "retrained")
    batch(a_cohort)
    assert toys.changed(before, tmp_path / "out") == {f"case{n:03d}" for n in range(4)}


def test_a_failed_case_keeps_no_outdated_results(batch, a_cohort, tmp_path):
    batch(a_cohort)
    (tmp_path / "ct001.nrrd").write_bytes((tmp_path / "ct001.nrrd").read_bytes()[:2000])
    code, _out, err = batch(a_cohort)
    assert code == 2
    assert "1 of 4 cases failed (case001). case001: volume: its file" in err
    assert not (tmp_path / "out" / "case001" / "report.json").exists()
    assert toys.table(tmp_path / "out")["case001"]["state"] == "failed"


def test_a_wrong_option_fails_one_case_alone(batch, a_cohort, tmp_path):
    a_cohort.write_text(a_cohort.read_text(encoding="utf-8").replace("ct001.nrrd,40", "ct001.nrrd,-4"))
    code, _out, err = batch(a_cohort)
    assert code == 2
    assert "case001: " in err
    assert [row["state"] for row in toys.table(tmp_path / "out").values()] == ["done", "failed", "done", "done"]


def test_no_scheduler_at_the_address_is_said(batch, a_cohort, monkeypatch):
    monkeypatch.setattr("DeepVolumetryLib.app.batch.cluster.CONNECT_S", 1)
    code, _out, err = batch(a_cohort, scheduler="tcp://127.0.0.1:9")
    assert code == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in err


def test_two_batches_into_one_folder_are_refused(batch, a_cohort, tmp_path):
    from DeepVolumetryLib.app.batch.admission import lock

    (tmp_path / "out" / ".batch").mkdir(parents=True)
    with (tmp_path / "out" / ".batch" / "lock").open("a+b") as file:
        assert lock(file)
        code, _out, err = batch(a_cohort)
    assert code == 2
    assert "Another batch is at work" in err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("volume\nct.nrrd\n", "has no column “case”"),
        ("case,volume\na,ct.nrrd\n", "has no column “module”"),
        ("case,module\na,renal\n", "has no column with images"),
        ("case,module,volume,colour\na,renal,ct.nrrd,red\n", "a column “colour” that is not known"),
        ("case,module,volume\n", "lists no cases"),
        ("case,module,volume\na,renal,ct.nrrd\nA,renal,ct.nrrd\n", "lists the case A twice"),
        ("case,module,volume\n../a,renal,ct.nrrd\n", "cannot be the name of a case"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_as_a_whole(batch, tmp_path, text, sentence):
    (tmp_path / "cohort.csv").write_text(text)
    code, _out, err = batch(tmp_path / "cohort.csv")
    assert code == 2
    assert sentence in err
    assert not (tmp_path / "out").exists()
