"""How fast GliomaUncertainty is: against a loop over slices and projections, against its bare networks; memory and repeatability.

    python Testing/Benchmarks/glioma.py --cache glioma_benchmark --out glioma.json
    python Testing/Benchmarks/glioma.py --random --quick

The study is a phantom brain of 240x240x155 voxels of 1 mm, four sequences. The pipeline, from images to result, and the bare
forward passes of the very batches it fed to its network run in turns in one process; memory is that of a process each. The loop takes so
long that it runs on every n-th slice (``--loop-slices``); its time per slice is multiplied by the number of slices with brain.
Other work on the same computer hits wall-clock times; the least seconds of the processor are therefore given too. Only an idle
computer tells how much the threads gain.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import glioma_loop
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import inference
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume
from GliomaUncertaintyLib.intensity import normalized
from GliomaUncertaintyLib.labels import SEQUENCES, TARGETS
from GliomaUncertaintyLib.methods import members
from GliomaUncertaintyLib.networks import architecture, build
from GliomaUncertaintyLib.parameters import Parameters
from GliomaUncertaintyLib.pipeline import GliomaPipeline, create
from GliomaUncertaintyLib.stack import Stack

GOALS = {"seconds": 90.0, "overhead": 1.2, "speedup": 10.0, "difference": 1e-3, "order": 1e-6, "memory": 1.05}
_SIZE, _QUICK_SLICES = (240, 240, 155), 24
_MEMBERS = (5, 10, 20)


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for the processes started from here
    torch.set_num_threads(options.threads)
    images = _study(options)
    with tempfile.TemporaryDirectory() as folder:
        bundle = _random_bundle(Path(folder) / "random") if options.random else options.bundle
        if options.only:
            _run(create(bundle, "cpu"), images, Parameters(members=options.only))
            print(peak_memory_mb())
            return
        pipeline = create(bundle, "cpu")
        parameters = Parameters(members=options.members)
        document: dict[str, Any] = {
            "size": list(images["t1"].size),
            "model": {"name": pipeline.bundle.name, "version": pipeline.bundle.version, "random": options.random},
            "members": options.members,
            "threads": options.threads,
            "repeats": options.repeats,
            "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }
        document |= _against_bare_networks(pipeline, images, parameters, options.repeats)
        document["loop"] = _against_loop(pipeline, images, parameters, options.loop_slices)
        document["speedup"] = {kind: document["loop"][f"{kind}_s"] / document[f"{kind}_s"]["pipeline"] for kind in ("wall", "cpu")}
        document["order"] = _other_order(pipeline, images, parameters)
        document["peak_memory_mb"] = {count: _memory(count, bundle, options) for count in _MEMBERS}
    _print(document)
    if options.out:
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("glioma_benchmark"), help="folder where the phantom is kept (%(default)s)")
    parser.add_argument("--bundle", type=Path, help="the one that ships if left out")
    parser.add_argument("--random", action="store_true", help="random weights of the same architecture")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--loop-slices", type=int, default=10, help="the loop takes every n-th slice; 1 for all (%(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_SLICES} slices, one repeat")
    parser.add_argument("--out", type=Path, help="JSON with everything measured")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
    return options


def _study(options: argparse.Namespace) -> dict[str, Image]:
    """The phantom's four sequences in a field of view of 240x240x155; made when they are not there yet."""
    files = {name: options.cache / f"{name}.nrrd" for name in SEQUENCES}
    if not all(path.exists() for path in files.values()):
        from GliomaUncertaintyLib import demo

        options.cache.mkdir(parents=True, exist_ok=True)
        for name, image in demo.study().items():
            shift = (np.array(image.size) - _SIZE) // 2
            origin = (image.ijk_to_ras @ (*shift, 1.0))[:3]
            whole = Image.from_spacing(np.broadcast_to(np.int16(0), _SIZE[::-1]), image.spacing, origin)
            write_volume(files[name], image.resampled(whole, order=0, fill=0))
    images = {name: read_image(path) for name, path in files.items()}
    if options.quick:
        middle = images["t1"].shape[0] // 2
        low, high = (middle - _QUICK_SLICES // 2, 0, 0), (middle + _QUICK_SLICES // 2, *images["t1"].shape[1:])
        images = {name: image.cropped(low, high) for name, image in images.items()}
    return images


def _random_bundle(folder: Path) -> Path:
    """A bundle with the architecture that ships and weights as before training."""
    from safetensors.torch import save_file

    (folder / "models").mkdir(parents=True)
    (folder / "configs").mkdir()
    torch.manual_seed(0)
    network = build(architecture())
    with torch.no_grad():  # mostly sure that there is no tumor, as trained weights are
        network.final_conv.weight.mul_(6)
        network.final_conv.bias.copy_(torch.tensor([-4.0, 1.0, 1.0]))
    save_file({key: value.half().contiguous() for key, value in network.state_dict().items()}, folder / "models" / "unet.safetensors")
    described = {
        "inputs": {"image": {"num_channels": 12}},
        "outputs": {"pred": {"num_channels": 3, "channel_def": {str(n): target for n, target in enumerate(TARGETS)}}},
    }
    metadata = {"version": "0.0.0", "license": "Apache-2.0", "network_data_format": described, "unet_data_format": described}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (folder / "configs" / "inference.json").write_text(json.dumps({"networks": {"unet": architecture()}}), encoding="utf-8")
    return folder


def _run(pipeline: GliomaPipeline, images: dict[str, Image], parameters: Parameters) -> Any:
    # As after a click: nothing of an earlier run is at hand.
    from GliomaUncertaintyLib.sampling import sphere_matrix

    sphere_matrix.cache_clear()
    return pipeline.run(images, parameters, RunProgress())


def _against_bare_networks(pipeline: GliomaPipeline, images: dict[str, Image], parameters: Parameters, repeats: int) -> dict[str, Any]:
    """Seconds of the whole and of its forward passes alone, in turns; the results of all repeats must be the same bytes."""
    runs: dict[str, Callable[[], Any]] = {"pipeline": partial(_run, pipeline, images, parameters)}
    runs["bare networks"] = partial(_forward, pipeline, _captured(pipeline, images, parameters))
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    results = []
    for _ in range(max(2, repeats)):
        for name, run in runs.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            answer = run()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - began_cpu)
            if answer is not None:
                results.append(answer)
    wall_s = {name: statistics.median(values) for name, values in wall.items()}
    cpu_s = {name: min(values) for name, values in cpu.items()}  # what else runs can only add to it
    bytes_of = [[array.tobytes() for arrays in (r.segments, r.probability, r.uncertainty) for array in arrays.values()] for r in results]
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "overhead": {kind: times["pipeline"] / times["bare networks"] for kind, times in (("wall", wall_s), ("cpu", cpu_s))},
        "all_wall_s": wall,
        "all_cpu_s": cpu,
        "steps_s": results[-1].provenance.seconds,
        "same_bytes": all(other == bytes_of[0] for other in bytes_of),
    }


def _captured(pipeline: GliomaPipeline, images: dict[str, Image], parameters: Parameters) -> list[tuple[torch.nn.Module, torch.Tensor]]:
    """Every tensor that a run feeds into a network."""
    fed: list[tuple[torch.nn.Module, torch.Tensor]] = []
    networks = pipeline.predictor.networks.values()
    hooks = [network.register_forward_pre_hook(lambda module, given: fed.append((module, given[0].clone()))) for network in networks]
    try:
        _run(pipeline, images, parameters)
    finally:
        for hook in hooks:
            hook.remove()
    return fed


def _forward(pipeline: GliomaPipeline, fed: list[tuple[torch.nn.Module, torch.Tensor]]) -> None:
    with inference(pipeline.device):
        for network, batch in fed:
            network(batch)


def _against_loop(pipeline: GliomaPipeline, images: dict[str, Image], parameters: Parameters, every: int) -> dict[str, Any]:
    """Time of the loop for all slices, and the largest difference of its mean probability to the pipeline's."""
    brain = images["t1"].voxels != 0
    volumes = {name: normalized(image.voxels, brain) for name, image in images.items()}
    ways = members(parameters, np.argwhere(brain.any(axis=0)).astype(float))
    network = _plain_network(pipeline.bundle)
    with_brain = np.flatnonzero(brain.any(axis=(1, 2)))
    slices = with_brain[:: max(1, every)].tolist()
    began, began_cpu = time.perf_counter(), time.process_time()
    theirs = glioma_loop.mean_probability(network, volumes, brain, ways, slices)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    ours = _run(pipeline, images, parameters).probability
    difference = max(float(np.abs(theirs[n] - ours[target][slices]).max()) for n, target in enumerate(TARGETS))
    share = len(with_brain) / len(slices)
    return {
        "slices": len(slices),
        "of_slices": len(with_brain),
        "measured_wall_s": wall,
        "wall_s": wall * share,
        "cpu_s": cpu * share,
        "largest_difference": difference,
    }


def _plain_network(bundle: Bundle) -> torch.nn.Module:
    """The network as MONAI builds it, nothing folded."""
    network = build(bundle.inference["networks"]["unet"])
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in bundle.state_dict("unet").items()}
    )
    return network.eval()


def _other_order(pipeline: GliomaPipeline, images: dict[str, Image], parameters: Parameters) -> float:
    """Largest difference of the mean when the members come in another order; a third of the slices will do."""
    third = images["t1"].shape[0] // 3
    part = {name: image.cropped((third, 0, 0), (2 * third, *image.shape[1:])) for name, image in images.items()}
    stack = Stack(part, part["t1"].voxels != 0)
    ways = members(parameters, stack.points)
    shuffled = [ways[n] for n in np.random.default_rng(0).permutation(len(ways))]
    one, other = (pipeline.predictor.predict(stack, order).statistics.mean for order in (ways, shuffled))
    return float(np.abs(one - other).max())


def _memory(count: int, bundle: Path | None, options: argparse.Namespace) -> float:
    """Peak of a process that loads images and network and runs once with so many members, in MB."""
    command = [sys.executable, __file__, "--only", str(count), "--cache", str(options.cache), "--threads", str(options.threads)]
    command += ["--quick"] * options.quick + (["--random"] if options.random else ["--bundle", str(bundle)] if bundle else [])
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def _print(document: dict[str, Any]) -> None:
    console = Console(width=110)
    size = "x".join(map(str, document["size"]))
    title = f"GliomaUncertainty on {size}x4, {document['members']} members, {document['threads']} threads, median of {document['repeats']}"
    table = Table("", "seconds", "of the processor (least)", title=title, title_justify="left")
    for name, seconds in document["wall_s"].items():
        table.add_row(name, f"{seconds:.1f}", f"{document['cpu_s'][name]:.1f}")
    loop = document["loop"]
    table.add_row(f"loop ({loop['slices']} of {loop['of_slices']} slices, multiplied)", f"{loop['wall_s']:.1f}", f"{loop['cpu_s']:.1f}")
    for name, seconds in document["steps_s"].items():
        table.add_row(f"  {name}", f"{seconds:.2f}", "")
    console.print(table)
    ratios = Table("", "measured", "goal", title="Ratios", title_justify="left")
    ratios.add_row("pipeline, s", f"{document['wall_s']['pipeline']:.1f}", f"<= {GOALS['seconds']:g}")
    for kind in ("wall", "cpu"):
        ratios.add_row(f"pipeline / its bare networks, {kind}", f"{document['overhead'][kind]:.2f}", f"<= {GOALS['overhead']}")
    for kind in ("wall", "cpu"):
        ratios.add_row(f"loop / pipeline, {kind}", f"{document['speedup'][kind]:.1f}", f">= {GOALS['speedup']:g}")
    ratios.add_row("largest difference to the loop", f"{loop['largest_difference']:.1e}", f"<= {GOALS['difference']:g}")
    ratios.add_row("largest difference in another order", f"{document['order']:.1e}", f"<= {GOALS['order']:g}")
    ratios.add_row("same bytes each time", "yes" if document["same_bytes"] else "no", "yes")
    for count, peak in document["peak_memory_mb"].items():
        ratios.add_row(f"peak memory with {count} members, MB", f"{peak:.0f}", "the same")
    few, many = (document["peak_memory_mb"][count] for count in (min(_MEMBERS), max(_MEMBERS)))
    ratios.add_row(f"peak memory, {max(_MEMBERS)} / {min(_MEMBERS)} members", f"{many / few:.3f}", f"<= {GOALS['memory']}")
    console.print(ratios)


if __name__ == "__main__":
    main()
