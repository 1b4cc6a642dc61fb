"""How well the fan is found in simulated pictures with text, scales, bars and logos around it.

python Testing/Benchmarks/spleen_fans.py --count 60 --out ultrasound/fans.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from SpleenVolumeLib.fan import find_fan
from SpleenVolumeLib.picture import from_ct
from SpleenVolumeLib.shapes import Cut, ShapeGenerator, cut_views
from SpleenVolumeLib.simulator import SimulatorSettings, simulate

WRITTEN = 90
"""Gray value from which a pixel outside of the true fan counts as writing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    generator, cases = ShapeGenerator(), []
    for number in range(options.count):
        rng = np.random.default_rng([number, 777])
        mask = cut_views(generator.draw(rng), {"coronal": Cut()})["coronal"]
        step = float(rng.uniform(0.35, 0.8))
        made = simulate(np.asarray(from_ct(mask, "coronal"), bool), "coronal", rng, SimulatorSettings(pixel_mm=step))
        started = time.process_time()
        found = find_fan(made.gray)
        seconds = time.process_time() - started
        written = (made.gray > WRITTEN) & ~made.fan
        cases.append(
            {
                "iou": float((found & made.fan).sum() / (found | made.fan).sum()),
                "missed": float((made.fan & ~found).sum() / made.fan.sum()),
                "spleen_missed": float((made.spleen & ~found).sum() / made.spleen.sum()),
                "written": int(written.sum()),
                "written_inside": int((written & found).sum()),
                "seconds": seconds,
            }
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(cases), encoding="utf-8")
    print(f"{len(cases)} pictures, mean overlap {np.mean([case['iou'] for case in cases]):.3f}")


if __name__ == "__main__":
    main()
