"""Writes docs/results-batch.md and its picture from what `batch_faults.py`, `batch.py` and `batch_simulation.py` measured.

``python Testing/Benchmarks/batch_results.py FOLDER``, the folder that the three were given with ``--out``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOAL = 1.5


def faults(found: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {message} |" for name, message in found["failed"].items()]
    met = found["as_expected"] and found["same_bytes"] == found["done"]
    return [
        "## Bad cases, and two kills",
        "",
        f"`Testing/Benchmarks/batch_faults.py`: {found['cases']} phantom cases with a toy in the place of the networks, two workers; "
        f"{len(found['failed'])} of "
        f"them bad in different ways. {found['done']} results and {len(found['failed'])} sentences, in {found['seconds']:.0f} s; exit code "
        f"{found['exit_code']}.",
        "",
        "| case | its sentence in cohort.csv |",
        "|---|---|",
        *rows,
        "",
        f"The same cohort again, with `kill -9` of a worker at a fifth and of the client at two fifths: {found['done_when_killed']} "
        f"cases were done then, of which "
        f"the second run touched {found['done_when_killed'] - found['untouched_by_the_second_run']}. Afterwards {found['same_bytes']} "
        f"of {found['done']} results "
        f"had the same bytes as those of the undisturbed run (of `report.json` all but seconds and memory), `cohort.csv` "
        f"{'too' if found['same_table'] else 'had not'}; {found['parts_left']} half-written files were left. "
        f"{'As it should be.' if met else '**Not as it should be.**'}",
        "",
    ]


def speed(found: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Cases per hour",
        "",
        "`Testing/Benchmarks/batch.py`: `batch` with two workers, everything from start to end, against two times one `segment` process "
        "after the other; phantoms, "
        "the model that ships, one thread a process. “Once warm” leaves the start of the cluster and the first case of each worker out, "
        "which a long cohort does not feel.",
        "",
        "| module | cases | two loops of `segment`, per hour | `batch`, per hour | ratio | once warm, per hour | ratio | processor "
        "seconds a case, `segment` / `batch` |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        lines.append(
            f"| {each['module']} | {each['cases']} (loop {each['loop_cases']}) | {each['two_loops_per_hour']:.0f} | "
            f"{each['batch_per_hour']:.0f} | "
            f"{each['ratio']:.2f} | {each['steady_per_hour']:.0f} | {each['steady_ratio']:.2f} | {each['segment_cpu_s']:.1f} / "
            f"{each['batch_cpu_s'] / each['cases']:.1f} |"
        )
    loads = ", ".join(f"{each['module']} {each['load_average']:.1f}" for each in found)
    cores = found[0]["cores"]
    reached = [f"{each['module']} {'reached' if each['ratio'] >= GOAL else 'missed'}" for each in found]
    lines += [
        "",
        f"The goal is {GOAL} times: {', '.join(reached)} over the whole run. The computer has {cores} cores and was busy with other "
        f"work (load average of 15 minutes: {loads}), so both "
        "sides took longer than they would alone, and one run of each is all there is: the ratio is a rough one.",
        "",
    ]
    return lines


def simulation(found: dict[str, Any]) -> list[str]:
    lines = [
        "## How far it scales",
        "",
        "`Testing/Benchmarks/batch_simulation.py`. **Measured:** Dask's own scheduler in a process of its own, its own workers in "
        "another (all of them in one), whose cases "
        "only sleep, half a second on average; the batch's own client hands them out.",
        "",
        "| workers | cases | efficiency | scheduler, ms a case | client, ms a case | scheduler without cases, % of a core | its memory, MB "
        "| all workers, ms a case |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found["measured"]:
        lines.append(
            f"| {each['workers']} | {each['cases']} | {each['efficiency']:.2f} | {each['scheduler_ms']:.1f} | {each['client_ms']:.1f} | "
            f"{100 * each['scheduler_idle']:.1f} | {each['scheduler_mb']:.0f} | {each['workers_ms']:.1f} |"
        )
    service = found["service_s"]
    lines += [
        "",
        f"The efficiency of these runs is that of this busy computer (load average {found['load_average']:.1f}), on which all simulated "
        f"workers share a core with everything else: it says little about Dask, and nothing was measured that confirms the model below. "
        f"What is "
        "used of these runs are processor milliseconds a case.",
        "",
        f"**Modelled, not run:** {found['cases']:,} cases in a discrete-event simulation. Client and scheduler take what was measured "
        f"(the scheduler's share for heartbeats extrapolated from the rows above in proportion to the workers), a file system serves "
        f"reads and writes first come, first served, and "
        f"computing times are drawn from the {service['cases']} "
        f"warm times of `{service['module']}` above (mean {service['mean']:.1f} s), or ten times those with ten times the data, as a "
        f"clinical volume may have.",
        "",
        "| times | file system, MB/s | workers | cases per hour | hours | efficiency | busy: scheduler | client | file system |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found["models"]:
        if each["workers"] in (1, 32, 250, 1000):
            lines.append(
                f"| {each['times']} | {each['bandwidth_mb_s']:.0f} | {each['workers']} | {each['per_hour']:,.0f} | {each['hours']:.1f} "
                f"| {each['efficiency']:.2f} | "
                f"{100 * min(each['scheduler_busy'], 1):.0f} % | {100 * min(each['client_busy'], 1):.0f} % | "
                f"{100 * min(each['disk_busy'], 1):.0f} % |"
            )
    lines += ["", "![Cases per hour against workers, modelled](pictures/batch-scaling.png)", "", *carried(found)]
    return lines


def carried(found: dict[str, Any]) -> list[str]:
    """What scheduler and file system must carry, from the numbers."""
    lines = []
    for times in dict.fromkeys(each["times"] for each in found["models"]):
        widest = max(each["bandwidth_mb_s"] for each in found["models"])
        own = [each for each in found["models"] if each["times"] == times and each["bandwidth_mb_s"] == widest]
        good = [each["workers"] for each in own if each["efficiency"] >= 0.8]
        last = own[-1]
        mean = found["service_s"]["mean"] * (10 if times != "as measured" else 1)
        limit = max(last["scheduler_ms"], found["client_ms"])
        scheduler = mean * 1e3 / limit
        load = 1000 / mean * last["megabytes"]
        lines.append(
            f"- Times {times} ({mean:.1f} s, {last['megabytes']:.1f} MB read and written a case): with the fastest file system the "
            f"efficiency is 80 % or more up to "
            f"{max(good) if good else 0} workers. The scheduler and the client can hand out a case every {limit:.1f} ms at 1,000 "
            f"workers, enough for about {scheduler:.0f} workers; 1,000 "
            f"workers without waiting would ask for {1000 / mean:.0f} cases and {load:.0f} MB a second."
        )
    lines += [
        "- The client keeps a window of cases with the scheduler, half more than there are places, so its memory and the "
        "scheduler's grow with the "
        "workers and not with the cohort.",
        "- The folder of the results gets about ten small files a case; a file system that is slow with small files (most shared ones) "
        "feels that before "
        "its bandwidth is used up. This was not modelled.",
        "",
    ]
    return lines


def draw(found: dict[str, Any], path: Path) -> None:
    """Cases per hour against workers, one line for each file system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(each["times"] for each in found["models"]))
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, times in zip(panels, names, strict=True):
        own = [each for each in found["models"] if each["times"] == times]
        for bandwidth in dict.fromkeys(each["bandwidth_mb_s"] for each in own):
            line = [each for each in own if each["bandwidth_mb_s"] == bandwidth]
            axes.plot(
                [each["workers"] for each in line], [each["per_hour"] for each in line], "o-", markersize=3, label=f"{bandwidth:.0f} MB/s"
            )
        first = own[0]
        reach = [first["workers"], own[-1]["workers"]]
        axes.plot(
            reach, [first["per_hour"] * each for each in reach], color="#999", linewidth=0.8, linestyle="--", label="without any waiting"
        )
        axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="cases per hour", title=f"times {times}")
        axes.legend(fontsize=7, frameon=False)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    folder = Path(sys.argv[1])
    read = lambda name: json.loads((folder / name).read_text(encoding="utf-8"))  # noqa: E731
    lines = [
        "# Cohorts: what was measured",
        "",
        "Written by `Testing/Benchmarks/batch_results.py`. How to run a cohort is in [batch.md](batch.md).",
        "",
    ]
    if (folder / "faults.json").exists():
        lines += faults(read("faults.json"))
    speeds = [read(path.name) for path in sorted(folder.glob("speed-*.json"))]
    if speeds:
        lines += speed(speeds)
    if (folder / "simulation.json").exists():
        lines += simulation(read("simulation.json"))
        draw(read("simulation.json"), ROOT / "docs" / "pictures" / "batch-scaling.png")
    (ROOT / "docs" / "results-batch.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
