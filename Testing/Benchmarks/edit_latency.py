"""How long do the numbers take to follow an edit, a slider or a decision? On a CT of 512 x 512 x 400 voxels.

    python Testing/Benchmarks/edit_latency.py --out runs/review/latency.json

Two ellipsoids of the size of kidneys with a tumor, in a real MRML scene without Slicer's window; everything from the edit in the
segmentation to the new row in the table node is counted, the drawing of views and of the panel's widgets is not. Times depend on
the machine and on what else runs on it; nothing asserts them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.host import start
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions

SHAPE = (400, 512, 512)
SPACING = (0.75, 0.75, 1.0)
GOAL_MS = 100
_TARGETS = ("kidney", "parenchyma", "tumor", "cyst")


def study() -> Result:
    """Kidneys of 6 x 5 x 11 cm with a shell of parenchyma and a tumor of 3 cm each."""
    image = Image.from_spacing(np.zeros(SHAPE, np.int16), SPACING, origin_ras=(-190, -190, -200), modality="CT", name="CT")
    segments, probability = {}, {target: np.zeros(SHAPE, np.float32) for target in _TARGETS}
    for side, center in (("left", (200, 256, 176)), ("right", (200, 256, 336))):
        box = tuple(slice(c - h, c + h) for c, h in zip(center, (66, 50, 56), strict=True))
        grid = np.indices([s.stop - s.start for s in box]).astype(np.float32)
        k, j, i = (axis - (s.stop - s.start) / 2 for axis, s in zip(grid, box, strict=True))
        inside = {"kidney": 1 - np.sqrt((k / 55) ** 2 + (j / 33) ** 2 + (i / 40) ** 2)}
        inside["tumor"] = 0.6 * (1 - np.sqrt(((k - 30) / 15) ** 2 + (j / 20) ** 2 + (i / 20) ** 2))
        inside["parenchyma"] = np.minimum(np.minimum(inside["kidney"], 0.45 - inside["kidney"]), -inside["tumor"])
        for target, depth in inside.items():
            p = 1 / (1 + np.exp(-40 * depth - 2 * ndimage.gaussian_filter(np.random.default_rng(7).normal(size=depth.shape), 4) * 10))
            probability[target][box] = np.maximum(probability[target][box], np.where(p < 0.004, 0, p))
            mask = np.zeros(SHAPE, bool)
            mask[box] = p > 0.5
            segments[f"{side}_{target}"] = mask
    uncertainty = {"tumor": entropy_map(probability["tumor"])}
    regions = [r for t in ("parenchyma", "tumor") for r in review_regions(probability[t], entropy_map(probability[t]), image, t)]
    from RenalParenchymaLib.parameters import Parameters
    from RenalParenchymaLib.segments import SPECS

    table = ConformalTable({t: ConformalEntry.from_residuals([0.05 * n for n in range(1, 41)]) for t in _TARGETS})
    made = Provenance("renal", "benchmark", parameters=Parameters().to_dict())
    extras = {"conformal": table.to_dict(), "member_volumes_ml": {}}
    return Result(image, SPECS, segments, probability, uncertainty, [], rank_regions(regions), made, extras=extras)


def logic_of(result: Result) -> Any:
    """The result in a scene, with what the panel's logic does to it."""
    start()
    from DeepVolumetryLib.mrml.results import show_result
    from DeepVolumetryLib.mrml.volumes import node_from_image
    from DeepVolumetryLib.study.segmentationLogic import SegmentationLogic
    from RenalParenchymaLib import live

    class Logic(SegmentationLogic):
        module = "renal"

        def names(self) -> dict[str, str]:
            return live.names()

        def measure(self, result: Result) -> Any:
            return live.measure(result)

        def measureAgain(self, measured: Any, changed: Any = None, reviewed: Any = None, parameters: Any = None) -> Any:
            return live.measure_again(self.result, measured, changed, reviewed, parameters)

    node = node_from_image(result.image, "CT")
    logic = Logic()
    logic.take(result, show_result(result, node), {"volume": node})
    return logic


def timed(action: Callable[[int], None], times: int) -> list[tuple[float, float]]:
    """Milliseconds of each call: of the clock, and of the processor, which others may be using too."""
    found = []
    for n in range(times):
        began, used = time.perf_counter(), time.process_time()
        action(n)
        found.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)))
    return found


def stroke(logic: Any, key: str, center: tuple[int, int, int], add: bool) -> None:
    """What a brush of 10 mm leaves in the scene: the box around it is replaced, as the Segment Editor does."""
    radius = 7
    box = tuple(slice(c - radius, c + radius + 1) for c in center)
    ball: NDArray[np.bool_] = np.sqrt(sum(axis**2 for axis in np.ogrid[[slice(-radius, radius + 1)] * 3])) <= radius
    now = logic.result.segments[key][box]
    logic._corrections[""].write(key, box, now | ball if add else now & ~ball)


def _summed(times: list[tuple[float, float]]) -> dict[str, float]:
    clock, processor = (np.array(column) for column in zip(*times, strict=True))
    ends = {"median_ms": np.median(clock), "worst_ms": clock.max(), "median_cpu_ms": np.median(processor), "worst_cpu_ms": processor.max()}
    return {"times": len(times), **{name: float(value) for name, value in ends.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=12)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logic = logic_of(study())
    rows = {"once after a run: list what is open": timed(lambda _: logic.prepare(), 1)}
    edge = tuple(int(v) for v in np.argwhere(logic.result.segments["left_kidney"])[5000])
    places = logic.result.review_list()

    def measured(n: int) -> None:
        assert logic.remeasure()

    strokes = []
    for n in range(options.times):
        stroke(logic, "left_kidney", edge, add=n % 2 == 0)
        strokes += timed(measured, 1)
    rows["brush stroke in a kidney, to the table"] = strokes
    tumors = []
    inside = tuple(int(v) for v in np.argwhere(logic.result.segments["left_tumor"]).mean(axis=0))
    for n in range(options.times):
        stroke(logic, "left_tumor", inside, add=n % 2 == 1)
        tumors += timed(measured, 1)
    rows["brush stroke in a tumor, to the table"] = tumors

    # Before the slider, which decides places too: what is decided already is not measured again.
    rows["Looks right, to the table"] = timed(lambda n: logic.setReviewed(n % len(places)), min(options.times, len(places)))

    def slide(n: int) -> None:
        logic.setCutOff(n % len(places), 0.3 if n % 2 else 0.7)
        logic.remeasure()

    rows["cut-off slider in a place, to the table"] = timed(slide, options.times)
    found = {name: _summed(times) for name, times in rows.items()}
    for name, each in found.items():
        print(
            f"{name:45} median {each['median_ms']:6.0f} ms, worst {each['worst_ms']:6.0f} ms; "
            f"of the processor {each['median_cpu_ms']:6.0f} and {each['worst_cpu_ms']:6.0f} ms"
        )
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
