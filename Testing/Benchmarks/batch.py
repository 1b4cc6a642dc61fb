"""Cases per hour: ``deepvolumetry batch`` with two workers against two times one ``deepvolumetry segment`` process in a loop.

``python Testing/Benchmarks/batch.py --out FOLDER [--module renal] [--cases 12] [--loop 4]`` writes ``FOLDER/speed-MODULE.json``. The
model is the one that ships, the patients are phantoms. Each process computes with one thread, so that both sides have the same cores;
the time of the batch has everything in it, from the start of the command to the end of the last process. Other programs on the computer
slow both sides; seconds of the processor, which they hardly change, are written down too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"renal": "RenalParenchyma", "glioma": "GliomaUncertainty", "spleen": "SpleenVolume", "femur": "FemurQCT"}
PATHS = [str(ROOT), *(str(ROOT / folder) for folder in MODULES.values())]
sys.path[:0] = PATHS


def write_cases(folder: Path, module: str, count: int) -> list[dict[str, str]]:
    """Phantom patients and their rows."""
    from DeepVolumetryLib.image_io import write_volume
    from DeepVolumetryLib.modules import find

    source = find(module).submodule("demo")
    rows = []
    for seed in range(count):
        row = {"case": f"case{seed:02d}", "module": module}
        for name, image in source.study(seed).items():
            path = folder / f"{row['case']}_{name}.nrrd"
            write_volume(path, image)
            row[name] = path.name
        rows.append(row)
    with (folder / "cohort.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds that passed, and seconds of the processor of the command and all that it waited for."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    environment = {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(PATHS)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--module", default="renal", choices=MODULES)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--loop", type=int, default=4, help="cases of the loop before the batch, and as many after it")
    options = parser.parse_args()
    work = options.out / f"speed-{options.module}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows = write_cases(work, options.module, options.cases)
    program = [sys.executable, "-m", "DeepVolumetryLib.app"]

    def loop(cases: list[dict[str, str]]) -> list[tuple[float, float]]:
        found = []
        for row in cases:
            inputs = [word for name, path in row.items() if name not in ("case", "module") for word in ("--input", f"{name}={work / path}")]
            found.append(timed([*program, "segment", options.module, *inputs, "--out", str(work / "loop" / row["case"]), "--quiet"]))
        return found

    # Before and after the batch, so that a load that comes or goes hits both sides.
    singles = loop(rows[: options.loop])
    batch_s, batch_cpu = timed([*program, "batch", str(work / "cohort.csv"), "--out", str(work / "batch"), "--workers", "2", "--quiet"])
    singles += loop(rows[-options.loop :])
    with (work / "batch" / "timing.csv").open(encoding="utf-8") as file:
        times = list(csv.DictReader(file))
    single_s, single_cpu = (sum(each[n] for each in singles) / len(singles) for n in (0, 1))
    results = {
        "module": options.module,
        "cases": options.cases,
        "loop_cases": len(singles),
        "segment_s": single_s,
        "segment_cpu_s": single_cpu,
        "batch_s": batch_s,
        "batch_cpu_s": batch_cpu,
        "batch_per_hour": 3600 * options.cases / batch_s,
        "two_loops_per_hour": 2 * 3600 / single_s,
        "warm_s": [float(each["seconds"]) for each in times if float(each["cold_seconds"]) == 0],
        "cold_s": [float(each["seconds"]) for each in times if float(each["cold_seconds"]) > 0],
        "peak_memory_mb": max(float(each["peak_memory_mb"]) for each in times),
        "result_mb": sum(each.stat().st_size for each in (work / "batch" / "case00").rglob("*") if each.is_file()) / 1e6,
        "input_mb": sum(each.stat().st_size for each in work.glob("case00_*.nrrd")) / 1e6,
        "load_average": os.getloadavg()[2],
        "cores": os.cpu_count(),
    }
    warm = results["warm_s"]
    # Without the start of the cluster, which a long cohort does not feel: two workers, each with a case after the other.
    results["steady_per_hour"] = 2 * 3600 * len(warm) / sum(warm) if warm else None
    results["ratio"] = results["batch_per_hour"] / results["two_loops_per_hour"]
    results["steady_ratio"] = results["steady_per_hour"] / results["two_loops_per_hour"] if warm else None
    (options.out / f"speed-{options.module}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"{'':24}{'cases per hour':>16}")
    print(f"{'two loops of segment':24}{results['two_loops_per_hour']:16.0f}")
    print(f"{'batch, two workers':24}{results['batch_per_hour']:16.0f}   {results['ratio']:.2f} times")
    if warm:
        print(f"{'batch, once warm':24}{results['steady_per_hour']:16.0f}   {results['steady_ratio']:.2f} times")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
