"""``deepvolumetry batch`` when things go wrong: bad cases, killed processes, Ctrl-C, and workers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import batch_toys as toys
import distributed
import pytest


class Run:
    """A batch in a process of its own, with workers of its own, as a user starts it."""

    def __init__(self, cohort: Path, out: Path, *arguments: str, **environment: str) -> None:
        variables = {**os.environ, "PYTHONPATH": toys.PYTHONPATH, "DEEPVOLUMETRY_HOME": str(out.parent / "home"), **environment}
        line = [sys.executable, "-c", toys.START, "batch", str(cohort), "--out", str(out), *arguments]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=variables)
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
        assert rows[name]["message"] in (tmp_path / "out" / "cohort.html").read_text(encoding="utf-8").replace("&#x27;", "'")
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
    before = toys.written_at(tmp_path / "out")
    kept = {name for name, state in toys.states(tmp_path / "out").items() if state == "done"}
    assert 4 <= len(kept) < 8
    assert batch(cohort)[0] == 0
    assert not toys.changed(before, tmp_path / "out") & kept
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
    before = toys.written_at(tmp_path / "out")
    assert batch(cohort)[0] == 0
    assert not toys.changed(before, tmp_path / "out") & done
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
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
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
