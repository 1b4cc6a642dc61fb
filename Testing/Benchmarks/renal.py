"""How fast RenalParenchyma is: against its bare networks, against MONAI's standard route, warm against cold, and Cancel.

    python Testing/Benchmarks/renal.py --cache ct.nrrd --out renal.json
    python Testing/Benchmarks/renal.py --quick

Everything runs in turns in one process on the same weights and the same image, `--repeats` times, and medians are compared;
memory is that of a process each. The default image is a phantom CT of 512x512x300 voxels; `--image` takes any scan.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from torch.utils.flop_counter import FlopCounterMode

from DeepVolumetryLib.engine.client import WorkerClient
from DeepVolumetryLib.engine.device import inference
from DeepVolumetryLib.engine.events import ErrorEvent, ProgressEvent, ResultEvent
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume
from RenalParenchymaLib import demo
from RenalParenchymaLib.assemble import _cleaned
from RenalParenchymaLib.grids import box_grid, sample
from RenalParenchymaLib.intensity import likely_modality
from RenalParenchymaLib.labels import BACKGROUND, CYST, PARENCHYMA, TUMOR
from RenalParenchymaLib.laterality import assign_sides
from RenalParenchymaLib.networks import REFINER_MM
from RenalParenchymaLib.parameters import Parameters
from RenalParenchymaLib.pipeline import RenalPipeline, create
from RenalParenchymaLib.refiner import MARGIN_MM
from RenalParenchymaLib.territory import owned

# One member and no mirror image: what MONAI's route computes too. The default has four members.
LIKE_FOR_LIKE, DEFAULT = Parameters(speed="fast"), Parameters()
PHASES = ("", "Finding the kidneys", "Segmenting parenchyma", "Putting the kidneys together", "Measuring")
GOALS = {"overhead": 1.25, "speedup": 4.0, "dice": 0.995, "cancel_s": 1.0}
_SIZE, _SPACING = (512, 512, 300), (0.8, 0.8, 1.0)


@dataclass
class Contest:
    """Functions that are timed in turns; the first call of each is not counted if there is a warm-up."""

    runs: dict[str, Callable[[], Any]]
    warm_up: bool = True
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def hold(self, repeats: int) -> None:
        """Time everything, one after the other, so that what else the computer does hits all alike."""
        for turn in range(not self.warm_up, repeats + 1):
            for name, run in self.runs.items():
                began = time.perf_counter()
                self.answers[name] = run()
                if turn:
                    self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for the processes started from here
    torch.set_num_threads(options.threads)
    path = _image_path(options)
    image = read_image(path)
    image = replace(image, modality=image.modality or likely_modality(image.voxels))  # not every file says
    if options.only:
        _run_once(options.only, options.bundle, image)
        return
    pipeline = create(options.bundle, "cpu")
    document: dict[str, Any] = {
        "image": {"size": list(image.size), "spacing_mm": list(image.spacing), "modality": image.modality},
        "model": {"name": pipeline.bundle.name, "version": pipeline.bundle.version, "sha256": pipeline.bundle.sha256},
        "threads": options.threads,
        "repeats": options.repeats,
    }
    document |= _compare(pipeline, image, options.repeats)
    document["peak_memory_mb"] = {name: _memory(name, path, options) for name in ("nothing", "pipeline", "monai")}
    document["worker"] = _worker(image, options.bundle)
    document["cancel_s"] = _cancel(image, options.bundle)
    _print(document)
    if options.out:
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, help="scan to run on; a phantom CT if left out")
    parser.add_argument(
        "--cache", type=Path, default=Path("renal_benchmark_ct.nrrd"), help="where the phantom is kept (default: %(default)s)"
    )
    parser.add_argument("--bundle", type=Path, help="the one that ships if left out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a small phantom, one repeat")
    parser.add_argument("--out", type=Path, help="JSON with everything measured")
    parser.add_argument("--only", choices=("nothing", "pipeline", "monai"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
        options.cache = options.cache.with_stem(options.cache.stem + "_quick")
    return options


def _image_path(options: argparse.Namespace) -> Path:
    """File of the image; the phantom is made when it is not there yet."""
    if options.image:
        return options.image
    if not options.cache.exists():
        write_volume(options.cache, _small_phantom() if options.quick else _large_phantom())
    return options.cache


def _small_phantom() -> Image:
    """About 260 x 180 x 200 mm around the kidneys of the demonstration's patient."""
    volume = demo.study()["volume"]
    found = np.argwhere(demo.reference()[0].voxels > 0)
    margin = np.array([24, 24, 44]) / volume.spacing[::-1]
    low, high = np.maximum(found.min(0) - margin, 0), np.minimum(found.max(0) + 1 + margin, volume.shape)
    return volume.cropped(low.astype(int), high.astype(int))


def _large_phantom() -> Image:
    from DeepVolumetryLib.phantom.abdomen import abdomen
    from DeepVolumetryLib.phantom.render import render

    torso = abdomen(20, spacing_mm=1.0, extent=(-175.0, 130.0))
    middle = (torso.ijk_to_ras @ (*((np.array(torso.labels.shape[::-1]) - 1) / 2), 1.0))[:3]
    origin = middle - (np.array(_SIZE) - 1) / 2 * _SPACING
    grid = Image.from_spacing(np.broadcast_to(np.int16(0), _SIZE[::-1]), _SPACING, origin)
    return render(torso, "CT", grid=grid).image


def _compare(pipeline: RenalPipeline, image: Image, repeats: int) -> dict[str, Any]:
    """Seconds of every way, how they compare, and how alike the segmentations are."""
    import renal_monai

    runs: dict[str, Callable[[], Any]] = {}
    work = {}
    for name, parameters in (("pipeline", DEFAULT), ("pipeline, one member", LIKE_FOR_LIKE)):
        fed = _captured(pipeline, image, parameters)
        work[name] = _work(pipeline, fed)
        runs[name] = partial(_run, pipeline, image, parameters)
        runs[f"bare networks of {name}"] = partial(_forward, pipeline, fed)
    runs["MONAI, whole volume"] = partial(renal_monai.whole_volume, pipeline.refiner.network, pipeline.device, image)
    contest = Contest(runs, warm_up=repeats > 1)
    contest.hold(repeats)
    median = {name: contest.median(name) for name in runs}
    located = pipeline.localizer.find(image)
    chosen = assign_sides(located.candidates, located.midline_at)
    ours = contest.answers["pipeline, one member"]
    dice: dict[str, dict[str, float]] = {}
    for side, number in chosen.sides.items():
        candidate = located.candidates[number - 1]
        own = partial(owned, located, number, side if chosen.fused else "")
        grid = box_grid(candidate.low_ras - MARGIN_MM, candidate.high_ras + MARGIN_MM, REFINER_MM)
        window = partial(renal_monai.same_window, pipeline.refiner.network, pipeline.device, image, grid)
        ways = {
            "same window": window(),
            "same window, averaged as the pipeline does": window(sample(image, grid).image.voxels),
            "whole volume": contest.answers["MONAI, whole volume"],
        }
        for way, labels in ways.items():
            for target, value in _dice(_labels(ours, side, image), labels, own, image).items():
                dice.setdefault(way, {})[f"{side}_{target}"] = value
    return {
        "seconds": contest.seconds,
        "median_s": median,
        "overhead": {name: median[name] / median[f"bare networks of {name}"] for name in ("pipeline", "pipeline, one member")},
        "speedup": median["MONAI, whole volume"] / median["pipeline, one member"],
        "dice": dice,
        "work": work,
        "steps_s": contest.answers["pipeline"].provenance.seconds,
    }


def _run(pipeline: RenalPipeline, image: Image, parameters: Parameters) -> Any:
    return pipeline.run({"volume": image}, parameters, RunProgress())


def _captured(pipeline: RenalPipeline, image: Image, parameters: Parameters) -> list[tuple[torch.nn.Module, torch.Tensor]]:
    """Every tensor that a run feeds into a network."""
    fed: list[tuple[torch.nn.Module, torch.Tensor]] = []
    networks = (pipeline.localizer.network, pipeline.refiner.network)
    hooks = [network.register_forward_pre_hook(lambda module, given: fed.append((module, given[0].clone()))) for network in networks]
    try:
        _run(pipeline, image, parameters)
    finally:
        for hook in hooks:
            hook.remove()
    return fed


def _work(pipeline: RenalPipeline, fed: list[tuple[torch.nn.Module, torch.Tensor]]) -> dict[str, dict[str, float]]:
    """Tiles of one study and what each network computes on them, in GFLOP; counted without computing it."""
    found = {}
    for name, network in (("localizer", pipeline.localizer.network), ("refiner", pipeline.refiner.network)):
        shadow = copy.deepcopy(network).to("meta")
        tiles = [tile for module, tile in fed if module is network]
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            for tile in tiles:
                shadow(tile.to("meta"))
        found[name] = {"tiles": len(tiles), "gflop": counter.get_total_flops() / 1e9}
    return found


def _forward(pipeline: RenalPipeline, fed: list[tuple[torch.nn.Module, torch.Tensor]]) -> None:
    with inference(pipeline.device):
        for network, batch in fed:
            network(batch)


def _labels(result: Any, side: str, image: Image) -> NDArray[np.uint8]:
    """Parenchyma, tumor, cyst and (as sinus) the rest of one kidney."""
    labels = np.zeros(image.shape, np.uint8)
    for target, value in (("kidney", 4), ("parenchyma", PARENCHYMA), ("tumor", TUMOR), ("cyst", CYST)):
        mask = result.segments.get(f"{side}_{target}")
        if mask is not None:
            labels[mask] = value
    return labels


def _dice(ours: NDArray[np.uint8], theirs: NDArray[np.uint8], own: Callable[[Image], NDArray[np.bool_]], image: Image) -> dict[str, float]:
    """Agreement in the kidney's box after the same clearing up: this kidney's territory, one piece, no specks, no holes."""
    found = np.argwhere(ours > 0)
    if not len(found):
        return {}
    margin = np.ceil(15 / np.array(image.spacing[::-1])).astype(int)
    low, high = np.maximum(found.min(0) - margin, 0), np.minimum(found.max(0) + margin + 1, image.shape)
    box = tuple(map(slice, low, high))
    other = np.where(own(image.cropped(low, high)), theirs[box], BACKGROUND).astype(np.uint8)
    pieces, count = ndimage.label(other > 0)
    if count > 1:
        other[pieces != 1 + np.argmax(np.bincount(pieces.ravel())[1:])] = BACKGROUND
    other = _cleaned(other, image.voxel_ml)
    agreement = {}
    for target, values in (("kidney", (1, 2, 3, 4)), ("parenchyma", (PARENCHYMA,)), ("tumor", (TUMOR,)), ("cyst", (CYST,))):
        a, b = np.isin(ours[box], values), np.isin(other, values)
        if a.sum() * image.voxel_ml > 1:
            agreement[target] = float(2 * (a & b).sum() / (a.sum() + b.sum()))
    return agreement


def _memory(name: str, path: Path, options: argparse.Namespace) -> float:
    """Peak of a process that loads the image and the networks, and runs one way once."""
    command = [sys.executable, __file__, "--only", name, "--image", str(path), "--threads", str(options.threads)]
    if options.bundle:
        command += ["--bundle", str(options.bundle)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def _run_once(name: str, bundle: Path | None, image: Image) -> None:
    pipeline = create(bundle, "cpu")
    if name == "pipeline":
        _run(pipeline, image, LIKE_FOR_LIKE)
    elif name == "monai":
        import renal_monai

        renal_monai.whole_volume(pipeline.refiner.network, pipeline.device, image)
    print(peak_memory_mb())


def _worker(image: Image, bundle: Path | None) -> dict[str, float]:
    """Seconds from the click to the result in the panel: the first run, which starts the worker, and the second."""
    seconds = []
    with WorkerClient() as client:
        for _ in range(2):
            began = time.perf_counter()
            client.start("renal", {"volume": image}, LIKE_FOR_LIKE.to_dict(), bundle=bundle, device="cpu")
            last = list(client.events())[-1]
            if not isinstance(last, ResultEvent):
                raise SystemExit(f"the worker gave no result: {last}")
            seconds.append(time.perf_counter() - began)
    return {"first_s": seconds[0], "second_s": seconds[1], "ratio": seconds[0] / seconds[1]}


def _cancel(image: Image, bundle: Path | None) -> dict[str, float]:
    """Seconds from Cancel until no process of the run is left and the next one may start, once in every phase."""
    seconds = {}
    for phase in PHASES:
        with WorkerClient() as client:
            client.start("renal", {"volume": image}, LIKE_FOR_LIKE.to_dict(), bundle=bundle, device="cpu")
            worker = psutil.Process(client.pid)
            if phase and not any(isinstance(event, ProgressEvent) and event.phase == phase for event in client.events()):
                continue  # over before it could be seen
            processes = [worker, *worker.children(recursive=True)]
            began = time.perf_counter()
            client.cancel()
            events = client.poll()
            psutil.wait_procs(processes, timeout=10)
            seconds[phase or "Starting"] = time.perf_counter() - began
            if client.is_running or not isinstance(events[-1], ErrorEvent) or events[-1].exit_code != 130:
                raise SystemExit(f"Cancel during “{phase}” did not end the run: {events}")
    return seconds


def _print(document: dict[str, Any]) -> None:
    console = Console(width=110)
    size = "x".join(map(str, document["image"]["size"]))
    table = Table(title=f"RenalParenchyma on {size}, {document['threads']} threads, median of {document['repeats']}", title_justify="left")
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("peak MB", justify="right")
    memory = document["peak_memory_mb"]
    peaks = {"pipeline, one member": "pipeline", "MONAI, whole volume": "monai"}
    for name, seconds in document["median_s"].items():
        table.add_row(name, f"{seconds:.2f}", f"{memory[peaks[name]]:.0f}" if name in peaks else "")
    table.add_row("image and networks loaded, nothing run", "", f"{memory['nothing']:.0f}")
    console.print(table)
    ratios = Table(title="Ratios", title_justify="left")
    for heading in ("", "measured", "goal"):
        ratios.add_column(heading, justify="left" if not heading else "right")
    for name, value in document["overhead"].items():
        ratios.add_row(f"{name} / its bare networks", f"{value:.2f}", f"<= {GOALS['overhead']}")
    ratios.add_row("MONAI, whole volume / pipeline, one member", f"{document['speedup']:.2f}", f">= {GOALS['speedup']:g}")
    ratios.add_row("peak memory, MONAI / pipeline", f"{memory['monai'] / memory['pipeline']:.2f}", "")
    ratios.add_row("first run / second run through the worker", f"{document['worker']['ratio']:.2f}", "")
    for name, found in document["work"].items():
        for network, done in found.items():
            ratios.add_row(f"GFLOP of {name}: {network}, {done['tiles']} tiles", f"{done['gflop']:.0f}", "")
    for way, values in document["dice"].items():
        for target, value in values.items():
            ratios.add_row(f"Dice with MONAI, {way}: {target}", f"{value:.4f}", "" if way == "whole volume" else f">= {GOALS['dice']}")
    for phase, value in document["cancel_s"].items():
        ratios.add_row(f"Cancel to idle, s: {phase}", f"{value:.2f}", f"<= {GOALS['cancel_s']:g}")
    console.print(ratios)


if __name__ == "__main__":
    main()
