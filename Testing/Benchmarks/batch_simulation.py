"""Where does a cohort stop scaling? Dask's own scheduler with simulated workers, then a model of 1,000 workers and 100,000 cases.

``python Testing/Benchmarks/batch_simulation.py --out FOLDER [--seconds 20]`` needs ``FOLDER/speed-MODULE.json`` of `batch.py`, for the
times that cases take, and writes ``FOLDER/simulation.json``.

Two steps, for a thousand real workers do not fit into this computer:

1. Measured. The scheduler of Dask in a process of its own; `--workers` of Dask's real workers in another, whose cases only sleep; the
   client is the `Dispatcher` of the batch. Seconds of the processor that the scheduler and the client take for a case are read from the
   system, those that the scheduler takes without any cases apart.
2. Modelled. A discrete-event simulation: each case passes the client and the scheduler, each a queue served one at a time
   with the times of step 1; its worker reads its images through a file system of a given bandwidth, computes for a time drawn from
   those measured, and writes its results through the same file system. Both bandwidths are shared first come, first served.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SLEEP_S = 0.5
IDLE_S = 4.0
MODEL_WORKERS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000)
CASES = 100_000
BANDWIDTHS_MB_S = (200.0, 1000.0, 5000.0)


async def sleeping_case(values: dict) -> dict:
    """Takes the place of `runner.run_case`: the same job in, the same outcome out."""
    await asyncio.sleep(SLEEP_S * random.uniform(0.5, 1.5))
    return {"case": values["case"], "fingerprint": values["fingerprint"], "state": "done", "peak_mb": 1000.0, "seconds": SLEEP_S}


async def _serve_workers(address: str, count: int) -> None:
    """So many of Dask's workers in this process, until it is ended."""
    from distributed import Worker

    workers = [Worker(address, nthreads=1, name=f"simulated{n}", memory_limit=0, dashboard=False, host="127.0.0.1") for n in range(count)]
    for start in range(0, count, 20):
        await asyncio.gather(*workers[start : start + 20])
    print("ready", flush=True)
    while True:
        await asyncio.sleep(3600)


def measured(count: int, seconds: float, scratch: Path) -> dict:
    """Processor time of scheduler and client for a case, with so many workers."""
    from distributed import Client

    from DeepVolumetryLib.app.batch import dispatch
    from DeepVolumetryLib.app.batch.cluster import Cluster
    from DeepVolumetryLib.app.batch.plan import Job

    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / f"scheduler{count}.json"
    file.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(__file__).parent)))}
    quiet = {"stderr": subprocess.DEVNULL, "env": environment, "cwd": scratch}
    line = [
        sys.executable,
        "-m",
        "dask",
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
    ]
    scheduler = subprocess.Popen(line, stdout=subprocess.DEVNULL, **quiet)
    workers = None
    try:
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        line = [sys.executable, __file__, "--out", str(scratch), "--serve", address, "--count", str(count)]
        workers = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, **quiet)
        assert workers.stdout is not None and workers.stdout.readline().strip() == "ready"
        cases = max(2 * count, int(count * seconds / SLEEP_S))
        jobs = [Job(f"case{n}", {"key": "renal"}, "", {}, (), "auto", str(scratch), "f") for n in range(cases)]
        import batch_simulation

        dispatch.run_case = batch_simulation.sleeping_case
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=120)
            time.sleep(2)
            process, own, others = psutil.Process(scheduler.pid), psutil.Process(), psutil.Process(workers.pid)
            before = process.cpu_times()
            time.sleep(IDLE_S)
            idle = _spent(before, process.cpu_times()) / IDLE_S
            before, own_before, others_before, began = process.cpu_times(), own.cpu_times(), others.cpu_times(), time.perf_counter()
            dispatch.Dispatcher(Cluster(client, False, 0), scratch, "cpu", lambda outcome: None).run(jobs)
            elapsed = time.perf_counter() - began
            after, own_after, others_after = process.cpu_times(), own.cpu_times(), others.cpu_times()
            memory = process.memory_info().rss / 1e6
    finally:
        for each in (workers, scheduler):
            if each is not None:
                each.kill()
                each.wait()
    ideal = cases * SLEEP_S / count
    return {
        "workers": count,
        "cases": cases,
        "seconds": round(elapsed, 2),
        "efficiency": round(ideal / elapsed, 3),
        "scheduler_idle": round(idle, 4),
        "scheduler_ms": round(1e3 * max(_spent(before, after) - idle * elapsed, 0.0) / cases, 3),
        "client_ms": round(1e3 * _spent(own_before, own_after) / cases, 3),
        "workers_ms": round(1e3 * _spent(others_before, others_after) / cases, 3),
        "scheduler_mb": round(memory, 1),
    }


def _spent(before, after) -> float:
    return after.user + after.system - before.user - before.system


def modelled(
    workers: int, cases: int, service: np.ndarray, overhead_s: tuple[float, float], megabytes: tuple[float, float], bandwidth: float
) -> dict:
    """Discrete events: (time, what, worker). Client, scheduler and file system serve one at a time, first come, first served."""
    rng = np.random.default_rng(0)
    times = rng.choice(service, cases)
    client_free = scheduler_free = disk_free = disk_busy = 0.0
    client_s, scheduler_s = overhead_s
    read_s, write_s = (size / bandwidth for size in megabytes)
    events: list[tuple[float, int, int, int]] = [(0.0, 0, n, -1) for n in range(min(workers, cases))]
    heapq.heapify(events)
    begun = finished = 0
    now = 0.0
    while events:
        now, what, worker, case = heapq.heappop(events)
        if what == 0:  # a worker is free: the client hands out the next case, the scheduler sends it
            if begun == cases:
                continue
            case, begun = begun, begun + 1
            client_free = max(now, client_free) + client_s
            scheduler_free = max(client_free, scheduler_free) + scheduler_s
            heapq.heappush(events, (scheduler_free, 1, worker, case))
        elif what == 1:  # it reads
            disk_free = max(now, disk_free) + read_s
            disk_busy += read_s
            heapq.heappush(events, (disk_free + times[case], 2, worker, case))
        else:  # it writes
            disk_free = max(now, disk_free) + write_s
            disk_busy += write_s
            finished += 1
            heapq.heappush(events, (disk_free, 0, worker, -1))
    total = now
    return {
        "workers": workers,
        "hours": total / 3600,
        "per_hour": 3600 * finished / total,
        "efficiency": float(times.sum()) / (workers * total),
        "scheduler_busy": cases * scheduler_s / total,
        "client_busy": cases * client_s / total,
        "disk_busy": disk_busy / total,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20, help="how long each measurement lasts, about")
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50, 100, 200])
    parser.add_argument("--module", default="renal", help="whose times of `batch.py` are taken")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve_workers(options.serve, options.count))
        return
    speed = json.loads((options.out / f"speed-{options.module}.json").read_text(encoding="utf-8"))
    steps = []
    for count in options.workers:
        steps.append(measured(count, options.seconds, options.out / "simulation"))
        print(steps[-1], flush=True)
    # Its work for a case is taken as it was on average; the share of its time that heartbeats take as a line through the origin.
    cost_ms = float(np.mean([each["scheduler_ms"] for each in steps]))
    sizes = np.array([each["workers"] for each in steps], float)
    idle_share = float(sizes @ [each["scheduler_idle"] for each in steps] / (sizes @ sizes))
    client_ms = float(np.mean([each["client_ms"] for each in steps]))
    service = np.array(speed["warm_s"])
    models = []
    for name, factor in (("as measured", 1.0), ("ten times as long", 10.0)):
        for bandwidth in BANDWIDTHS_MB_S:
            megabytes = (speed["input_mb"] * factor, speed["result_mb"] * factor)
            for workers in MODEL_WORKERS:
                scheduler_ms = cost_ms / max(1 - idle_share * workers, 0.05)
                found = modelled(workers, CASES, service * factor, (client_ms / 1e3, scheduler_ms / 1e3), megabytes, bandwidth)
                models.append(
                    {"times": name, "bandwidth_mb_s": bandwidth, "scheduler_ms": scheduler_ms, "megabytes": sum(megabytes), **found}
                )
            print(name, bandwidth, f"{models[-1]['per_hour']:.0f} per hour, efficiency {models[-1]['efficiency']:.2f}", flush=True)
    results = {
        "measured": steps,
        "client_ms": client_ms,
        "scheduler_ms": cost_ms,
        "idle_share_per_worker": idle_share,
        "cases": CASES,
        "models": models,
        "service_s": {"mean": float(service.mean()), "cases": len(service), "module": options.module},
        "load_average": os.getloadavg()[2],
    }
    (options.out / "simulation.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
