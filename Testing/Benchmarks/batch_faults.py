"""200 phantom cases, 8 of them bad in different ways, and the same again with a worker and the client killed in the middle.

``python Testing/Benchmarks/batch_faults.py --out FOLDER [--cases 200]`` writes ``FOLDER/faults.json``; `batch_results.py` makes the
page of it. A toy without networks stands for the model: what is tested is the batch. The bad cases are those of
Testing/Python/batch_toys.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))

import batch_toys as toys

LIMITS = ("--workers", "2", "--memory", "0.7", "--timeout", "0.5")


def start(cohort: Path, out: Path, pause: float = 0.0) -> subprocess.Popen:
    """A batch in a process of its own."""
    variables = {**os.environ, "PYTHONPATH": toys.PYTHONPATH, "TOY_PAUSE": str(pause)}
    line = [sys.executable, "-c", toys.START, "batch", str(cohort), "--out", str(out), *LIMITS, "--quiet"]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables)


def done(out: Path) -> int:
    return sum(state == "done" for state in toys.states(out).values())


def wait_for(process: subprocess.Popen, out: Path, cases: int) -> None:
    while done(out) < cases and process.poll() is None:
        time.sleep(0.05)


def disturbed(cohort: Path, out: Path, cases: int) -> dict:
    """Kill a worker at a fifth of the cohort and the client at two fifths, then run again."""
    process = start(cohort, out)
    wait_for(process, out, cases // 5)
    workers = [each for each in psutil.Process(process.pid).children(recursive=True) if "spawn_main" in " ".join(each.cmdline())]
    workers[0].kill()
    wait_for(process, out, 2 * cases // 5)
    process.kill()
    process.wait()
    time.sleep(3)
    kept = {name for name, state in toys.states(out).items() if state == "done"}
    before = {name: (out / name / "report.json").stat().st_mtime_ns for name in kept}
    again = start(cohort, out)
    again.wait()
    untouched = sum((out / name / "report.json").stat().st_mtime_ns == written for name, written in before.items())
    return {"done_when_killed": len(kept), "untouched_by_the_second_run": untouched, "exit_code": again.returncode}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=200)
    options = parser.parse_args()
    work = options.out / "faults"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    good = options.cases - len(toys.BAD)
    rows = toys.write_good(work, good)
    bad = toys.write_bad(work)
    for number, row in enumerate(bad):  # among the others, not in front of them
        rows.insert((number + 1) * len(rows) // (len(bad) + 1), row)
    cohort = toys.write_list(work / "cohort.csv", rows)
    began = time.monotonic()
    process = start(cohort, work / "undisturbed")
    process.wait()
    seconds = time.monotonic() - began
    table = toys.table(work / "undisturbed")
    failed = {name: row["message"] for name, row in table.items() if row["state"] == "failed"}
    results = {
        "cases": len(rows),
        "done": sum(row["state"] == "done" for row in table.values()),
        "failed": failed,
        "as_expected": set(failed) == set(toys.BAD) and all(words in failed[name] for name, words in toys.BAD.items()),
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
    }
    results |= disturbed(cohort, work / "disturbed", len(rows))
    same = [
        toys.contents(work / "disturbed" / row["case"]) == toys.contents(work / "undisturbed" / row["case"])
        for row in rows
        if row["case"] not in toys.BAD
    ]
    results["same_bytes"] = sum(same)
    results["same_table"] = (work / "disturbed" / "cohort.csv").read_bytes() == (work / "undisturbed" / "cohort.csv").read_bytes()
    results["parts_left"] = len(list(work.rglob("*.part")))
    (options.out / "faults.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2, ensure_ascii=False))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
