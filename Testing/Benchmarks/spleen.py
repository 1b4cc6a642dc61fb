"""How long SpleenVolume takes from the click to the table on a warm worker, and where the time goes.

    python Testing/Benchmarks/spleen.py --out spleen.json
    python Testing/Benchmarks/spleen.py --views coronal --members 10

The study is a phantom: simulated pictures of a spleen of known volume. The worker is the one that Slicer and batch runs use: pictures go to
it and the result comes back through shared memory. Then what a user waits for in Slicer before the table can follow an edit: loading the
estimators once, and measuring again after a stroke. Other work on the computer hits wall-clock times; the median and the least are given.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from DeepVolumetryLib.engine.client import WorkerClient
from DeepVolumetryLib.engine.events import ErrorEvent, ResultEvent
from DeepVolumetryLib.result import Result
from SpleenVolumeLib import demo
from SpleenVolumeLib.measurements import measure_spleen, remeasure
from SpleenVolumeLib.model import volume_model
from SpleenVolumeLib.parameters import Parameters

GOAL_S = 2.0
EDIT_GOAL_S = 0.1
PHASES = ("preprocess", "inference", "postprocess")


def main() -> int:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    images = {view: image for view, image in demo.study(options.seed).items() if view in options.views}
    parameters = {"members": options.members}
    with WorkerClient() as client:
        cold = _run(client, images, parameters, options.bundle)
        warm = [_run(client, images, parameters, options.bundle) for _ in range(options.repeats)]
    runs = [seconds for seconds, _ in warm]
    result = warm[-1][1]
    document: dict[str, Any] = {
        "views": list(images),
        "members": options.members,
        "threads": options.threads,
        "first_s": round(cold[0], 3),
        "warm_s": {"median": round(statistics.median(runs), 3), "least": round(min(runs), 3), "runs": [round(each, 3) for each in runs]},
        "phases_s": {phase: round(statistics.median(found.provenance.seconds[phase] for _, found in warm), 3) for phase in PHASES},
        "goal_s": GOAL_S,
        "reached": statistics.median(runs) <= GOAL_S,
        **_edits(result, options.bundle),
    }
    _show(document)
    if options.out:
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if document["reached"] else 1


def _run(client: WorkerClient, images: dict[str, Any], parameters: dict[str, Any], bundle: Path | None) -> tuple[float, Result]:
    began = time.perf_counter()
    client.start("spleen", images, parameters, bundle=bundle, device="cpu")
    for event in client.events():
        if isinstance(event, ErrorEvent):
            raise SystemExit(event.message)
        if isinstance(event, ResultEvent):
            return time.perf_counter() - began, event.result
    raise SystemExit("The worker gave no result.")


def _edits(result: Result, bundle: Path | None) -> dict[str, Any]:
    """Loading the estimators, and measuring again after every stroke of ten."""
    began = time.perf_counter()
    model = volume_model(bundle)
    loaded = time.perf_counter() - began
    began = time.perf_counter()
    measured = measure_spleen(result, Parameters.from_dict(result.provenance.parameters), model)
    first = time.perf_counter() - began
    seconds = []
    mask = result.segments["spleen"]
    rows = [row for row in range(mask.shape[1]) if mask[0, row].any()]
    for row in rows[:10]:
        mask[0, row] = False
        began = time.perf_counter()
        measured = remeasure(result, measured, changed={"spleen"})
        seconds.append(time.perf_counter() - began)
    return {
        "estimators_load_s": round(loaded, 3),
        "first_measurement_s": round(first, 3),
        "edit_s": {"median": round(statistics.median(seconds), 3), "largest": round(max(seconds), 3)} if seconds else None,
        "edit_goal_s": EDIT_GOAL_S,
    }


def _show(document: dict[str, Any]) -> None:
    table = Table(title=f"SpleenVolume, {' + '.join(document['views'])}, {document['members']} predictions, {document['threads']} threads")
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("goal", justify="right")
    table.add_row("first click, worker not started", f"{document['first_s']:.2f}", "")
    warm = document["warm_s"]
    table.add_row("click to table, warm: median", f"{warm['median']:.2f}", f"{document['goal_s']:g}")
    table.add_row("click to table, warm: least", f"{warm['least']:.2f}", "")
    for phase, seconds in document["phases_s"].items():
        table.add_row(f"  {phase}", f"{seconds:.3f}", "")
    table.add_row("estimators for edits, once", f"{document['estimators_load_s']:.2f}", "")
    if document["edit_s"]:
        table.add_row("stroke to table: median", f"{document['edit_s']['median']:.3f}", f"{document['edit_goal_s']:g}")
    Console().print(table)
    Console().print(
        f"Goal {'reached' if document['reached'] else 'missed'}: {warm['median'] / document['goal_s']:.2f} of the allowed time."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--views", nargs="+", default=["coronal", "transverse"], choices=demo.VIEWS)
    parser.add_argument("--members", type=int, default=Parameters().members)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundle", type=Path, help="folder of a bundle; the one that ships if left out")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
