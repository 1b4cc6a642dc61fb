"""``deepvolumetry batch``: what a cohort gives, what goes wrong stays with its case, and a second run goes on where the first was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import batch_toys as toys
import distributed
import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.app.batch import runner
from DeepVolumetryLib.app.main import main

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def a_scheduler():
    """Address of a scheduler with two workers in this process: quick to start, and their processes stay warm from test to test."""
    with (
        pytest.MonkeyPatch.context() as patch,
        distributed.LocalCluster(2, None, 1, processes=False, protocol="tcp", dashboard_address=":0", host="127.0.0.1") as cluster,
    ):
        patch.setenv("PYTHONPATH", toys.PYTHONPATH)
        yield cluster.scheduler_address
        runner.close()


@pytest.fixture
def batch(a_scheduler, capsys, monkeypatch, tmp_path):
    """Runs ``deepvolumetry batch`` with the toy on the scheduler; gives exit code, stdout and stderr."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setitem(modules.MODULES, "renal", modules.ModuleEntry("renal", "RenalParenchyma", "toy_trouble"))
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", toys.PYTHONPATH)

    def run(cohort, *arguments, out: Path = tmp_path / "out", scheduler: str = a_scheduler):
        capsys.readouterr()
        line = ["batch", str(cohort), "--out", str(out), *map(str, arguments)]
        code = main([*line, "--scheduler", scheduler] if scheduler else line)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def a_cohort(tmp_path) -> Path:
    return toys.write_list(tmp_path / "cohort.csv", toys.write_good(tmp_path, 4))


def changed(before: dict[str, float], out: Path) -> set[str]:
    """Cases whose results were written anew."""
    return {name for name, written in written_at(out).items() if before.get(name) != written}


def written_at(out: Path) -> dict[str, float]:
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/report.json")}


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
    page = (out / "cohort.html").read_text()
    assert "Cohort of 4 cases" in page
    assert "100 % of 4" in page  # every interval holds the truth
    assert "http" not in page and "<script" not in page and str(tmp_path) not in page


def test_json_says_what_became_of_each_case(batch, a_cohort):
    _code, out, _err = batch(a_cohort, "--json")
    document = json.loads(out)
    assert (document["done"], document["failed"], document["waiting"]) == (4, 0, 0)


def test_a_second_run_does_nothing(batch, a_cohort, tmp_path):
    batch(a_cohort)
    before, table = written_at(tmp_path / "out"), (tmp_path / "out" / "cohort.csv").read_bytes()
    assert batch(a_cohort)[0] == 0
    assert not changed(before, tmp_path / "out")
    assert (tmp_path / "out" / "cohort.csv").read_bytes() == table


def test_a_second_run_redoes_what_changed_or_was_lost(batch, a_cohort, tmp_path):
    batch(a_cohort)
    before = written_at(tmp_path / "out")
    shutil.copy(tmp_path / "ct003.nrrd", tmp_path / "ct001.nrrd")
    (tmp_path / "out" / "case002" / "measurements.csv").unlink()
    a_cohort.write_text(a_cohort.read_text().replace("ct000.nrrd,40", "ct000.nrrd,50"))
    assert batch(a_cohort)[0] == 0
    assert changed(before, tmp_path / "out") == {"case000", "case001", "case002"}


def test_files_of_an_option_that_was_taken_back_go(batch, a_cohort, tmp_path):
    batch(a_cohort, "--option", "pictures")
    assert (tmp_path / "out" / "case000" / "pictures" / "overview.png").is_file()
    (tmp_path / "out" / "case000" / "my notes.txt").write_text("keep")
    batch(a_cohort)
    assert not (tmp_path / "out" / "case000" / "pictures").exists()
    assert (tmp_path / "out" / "case000" / "my notes.txt").read_text() == "keep"


def test_another_model_means_another_result(batch, a_cohort, tmp_path, monkeypatch):
    from DeepVolumetryLib.app.batch import plan

    batch(a_cohort)
    before = written_at(tmp_path / "out")
    monkeypatch.setattr(plan, "model_mark", lambda module, bundle: "retrained")
    batch(a_cohort)
    assert changed(before, tmp_path / "out") == {f"case{n:03d}" for n in range(4)}


def test_a_failed_case_keeps_no_outdated_results(batch, a_cohort, tmp_path):
    batch(a_cohort)
    (tmp_path / "ct001.nrrd").write_bytes((tmp_path / "ct001.nrrd").read_bytes()[:2000])
    code, _out, err = batch(a_cohort)
    assert code == 2
    assert "1 of 4 cases failed (case001). case001: volume: its file" in err
    assert not (tmp_path / "out" / "case001" / "report.json").exists()
    assert toys.table(tmp_path / "out")["case001"]["state"] == "failed"


def test_a_wrong_option_fails_one_case_alone(batch, a_cohort, tmp_path):
    a_cohort.write_text(a_cohort.read_text().replace("ct001.nrrd,40", "ct001.nrrd,-4"))
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


class Run:
    """A batch in a process of its own, with workers of its own, as a user starts it."""

    def __init__(self, cohort: Path, out: Path, *arguments: str, **environment: str) -> None:
        variables = {**os.environ, "PYTHONPATH": toys.PYTHONPATH, "DEEPVOLUMETRY_HOME": str(out.parent / "home"), **environment}
        line = [sys.executable, "-c", toys.START, "batch", str(cohort), "--out", str(out), *arguments]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)
        self.out = out

    def until(self, cases: int) -> None:
        """Wait until so many are done."""
        deadline = time.monotonic() + 120
        while sum(state == "done" for state in toys.states(self.out).values()) < cases and time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def descendants(self) -> list:
        import psutil

        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> tuple[int, str]:
        _out, err = self.process.communicate(timeout=240)
        return self.process.returncode, err


def gone(processes: list) -> bool:
    import psutil

    return not psutil.wait_procs(processes, timeout=20)[1]


@pytest.mark.slow
def test_every_bad_case_fails_alone_with_its_sentence(tmp_path):
    cohort = toys.write_list(tmp_path / "cohort.csv", [*toys.write_bad(tmp_path), *toys.write_good(tmp_path, 6)])
    run = Run(cohort, tmp_path / "out", "--workers", "2", "--memory", "0.7", "--timeout", "0.25")
    code, err = run.end()
    rows = toys.table(tmp_path / "out")
    assert {name for name, row in rows.items() if row["state"] == "failed"} == set(toys.BAD), err
    assert sum(row["state"] == "done" for row in rows.values()) == 6
    for name, words in toys.BAD.items():
        assert words in rows[name]["message"], rows[name]["message"]
        assert str(tmp_path) not in rows[name]["message"]
        assert f"{name}: {rows[name]['message']}" in err
        assert rows[name]["message"] in (tmp_path / "out" / "cohort.html").read_text().replace("&#x27;", "'")
    assert "Traceback" not in err
    assert code == 2  # that of the first one
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.slow
def test_kill_9_of_worker_and_client_loses_nothing(batch, tmp_path):
    """What a second run gives is byte for byte what an undisturbed one gives."""
    import psutil

    cohort = toys.write_list(tmp_path / "cohort.csv", toys.write_good(tmp_path, 8))
    assert batch(cohort, out=tmp_path / "undisturbed")[0] == 0
    disturbed = Run(cohort, tmp_path / "out", "--workers", "2", TOY_PAUSE="0.4")
    disturbed.until(1)
    processes = disturbed.descendants()
    worker = next(each for each in processes if "spawn_main" in " ".join(each.cmdline()))
    worker.kill()
    disturbed.until(4)
    processes += disturbed.descendants()
    disturbed.process.kill()
    disturbed.end()
    assert gone([each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE])
    before = written_at(tmp_path / "out")
    kept = {name for name, state in toys.states(tmp_path / "out").items() if state == "done"}
    assert 4 <= len(kept) < 8
    assert batch(cohort)[0] == 0
    assert not changed(before, tmp_path / "out") & kept
    for number in range(8):
        name = f"case{number:03d}"
        assert toys.contents(tmp_path / "out" / name) == toys.contents(tmp_path / "undisturbed" / name)
    for name in ("cohort.csv", "cohort.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert not list((tmp_path / "out").glob("*.part"))


@pytest.mark.slow
def test_ctrl_c_leaves_a_folder_to_go_on_with(batch, tmp_path):
    import signal

    cohort = toys.write_list(tmp_path / "cohort.csv", toys.write_good(tmp_path, 8))
    run = Run(cohort, tmp_path / "out", "--workers", "2", TOY_PAUSE="1")
    run.until(2)
    processes = run.descendants()
    run.process.send_signal(signal.SIGINT)
    code, err = run.end()
    assert code == 130
    assert "of 8 cases are done; run the same command again to go on." in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert gone(processes)
    rows = toys.table(tmp_path / "out")
    done = {name for name, row in rows.items() if row["state"] == "done"}
    assert {row["state"] for row in rows.values()} == {"done", "waiting"}
    before = written_at(tmp_path / "out")
    assert batch(cohort)[0] == 0
    assert not changed(before, tmp_path / "out") & done
    assert {row["state"] for row in toys.table(tmp_path / "out").values()} == {"done"}


@pytest.mark.slow
def test_two_remote_workers_give_the_same_results(batch, tmp_path):
    cohort = toys.write_list(tmp_path / "cohort.csv", toys.write_good(tmp_path, 4))
    assert batch(cohort, out=tmp_path / "here")[0] == 0
    variables = {**os.environ, "PYTHONPATH": toys.PYTHONPATH}
    dask = [sys.executable, "-m", "dask"]
    file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": variables, "cwd": tmp_path}
    started = [
        subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file], **quiet)
    ]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        for number in range(2):
            line = [*dask, "worker", address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--name", f"remote{number}"]
            started.append(subprocess.Popen([*line, "--local-directory", str(tmp_path / f"scratch{number}")], **quiet))
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        assert batch(cohort, scheduler=address)[0] == 0
    finally:
        for each in reversed(started):
            each.terminate()
        for each in started:
            each.wait(20)
    for number in range(4):
        name = f"case{number:03d}"
        assert toys.contents(tmp_path / "out" / name) == toys.contents(tmp_path / "here" / name)
    assert (tmp_path / "out" / "cohort.csv").read_bytes() == (tmp_path / "here" / "cohort.csv").read_bytes()
