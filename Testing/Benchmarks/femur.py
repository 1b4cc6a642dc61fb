"""How long FemurQCT takes from a hip CT to the table: 512x512x200 voxels, two threads.

python Testing/Benchmarks/femur.py --out speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.image import Image
from FemurQCTLib import demo
from FemurQCTLib.parameters import Parameters
from FemurQCTLib.pipeline import create

SIZE, SPACING = (512, 512, 200), (0.82, 0.82, 0.95)


def large_scan() -> Image:
    """The phantom study, interpolated to a clinical grid with noise of its own: quick to make, as many voxels as a real scan."""
    small = demo.study()["volume"]
    middle = small.ijk_to_ras @ (*((np.array(small.size) - 1) / 2), 1.0)
    origin = middle[:3] - (np.array(SIZE) - 1) / 2 * SPACING
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), SIZE[::-1]), SPACING, origin)
    voxels = small.resampled(grid, order=1, fill=-1000.0).voxels
    noise = np.random.default_rng(0).standard_normal(voxels.shape, dtype=np.float32) * 12
    return replace(small, voxels=np.rint(voxels + noise).astype(np.int16), ijk_to_ras=grid.ijk_to_ras)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, help="the one that ships if left out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image = large_scan()
    pipeline = create(options.bundle, "cpu")
    parameters = Parameters(phantom=demo.PHANTOM)
    began = time.process_time()
    runs = [pipeline.run({"volume": image}, parameters, RunProgress()).provenance.seconds for _ in range(options.repeats)]
    processor = (time.process_time() - began) / options.repeats
    document = {
        "size": list(image.size),
        "spacing_mm": list(image.spacing),
        "threads": options.threads,
        "repeats": options.repeats,
        "seconds": {name: statistics.median(run[name] for run in runs) for name in runs[0]},
        "processor_s": processor,
        "least_total": min(run["total"] for run in runs),
        "peak_memory_mb": peak_memory_mb(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
