"""How wide should a review place be? Ten places, the share of the error that they show, and how much they ask one to look at.

    python Testing/Benchmarks/glioma_places.py --cases 5

Synthesized doubt: three nested tumors whose boundaries are displaced by a smooth random field; the stated probability is that of the field.
"even": the same everywhere (about 1 mm). "patchy": some parts of the boundary far more than others, and faint islands. "bad": twice that.
The overall share counts a voxel as wrong if any target is wrong there.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import error_share, rank_regions, review_regions, shown
from GliomaUncertaintyLib.labels import TARGETS

SHAPE = (120, 150, 150)  # 1 mm
KINDS = {"even": (1.2, 0.0), "patchy": (1.0, 1.0), "bad": (1.5, 1.5)}
"""Size of the displacement in mm, and how much its logarithm varies over the boundary."""
Maps = dict[str, NDArray]


def smooth(rng: np.random.Generator, mm: float) -> NDArray[np.float32]:
    """A random field of mean 0 and SD 1."""
    coarse = ndimage.gaussian_filter(rng.normal(size=[n // 2 for n in SHAPE]).astype(np.float32), mm / 2)
    return np.clip(ndimage.zoom(coarse / coarse.std(), 2, order=1), -4, 4)


def study(seed: int, kind: str) -> tuple[Maps, Maps]:
    """Probability and truth of the three targets."""
    rng = np.random.default_rng(seed)
    k, j, i = np.indices(SHAPE, dtype=np.float32)
    distance = np.sqrt((k - 60) ** 2 + (j - 75) ** 2 + (i - 75) ** 2)
    shape, core = 4 * smooth(rng, 12), rng.uniform(12, 20)
    size, variation = KINDS[kind]
    probability, truth = {}, {}
    for target, radius in (("WT", rng.uniform(22, 36)), ("TC", core), ("ET", core)):
        inward = radius + shape + 2 * smooth(rng, 8) - distance
        if target == "ET":
            inward = np.minimum(inward, distance - core / 2 + 3 * smooth(rng, 6))
        reach = np.clip(size * np.exp(variation * smooth(rng, 10)), 0.4, 10)
        probability[target] = special.ndtr(inward / reach).astype(np.float32)
        truth[target] = inward + smooth(rng, 5) * reach > 0
        if kind != "even" and target != "ET" and rng.random() < 0.6:
            center = rng.uniform(20, 100, 3)
            island = np.sqrt((k - center[0]) ** 2 + (j - center[1]) ** 2 + (i - center[2]) ** 2) < rng.uniform(3, 7)
            probability[target] = np.maximum(probability[target], 0.3 * island)
            truth[target] |= island & (rng.random() < 0.3)
    for outer, inner in (("WT", "TC"), ("TC", "ET")):
        probability[inner] = np.minimum(probability[outer], probability[inner])
        truth[inner] = truth[inner] & truth[outer]
    return probability, truth


def judged(probability: Maps, truth: Maps, reach_mm: float, **options: bool) -> tuple[float, float, int]:
    """Share of the error in the first ten places, mL in their boxes, and the length of the list."""
    grid = Image(np.zeros(SHAPE, np.uint8), np.eye(4))
    islands = options.get("missed_first", False)
    found = [
        region
        for target in TARGETS
        for region in review_regions(
            probability[target], entropy_map(probability[target]), grid, target, reach_mm=reach_mm, islands=islands
        )
    ]
    listed = rank_regions(found, **options)
    wrong = np.logical_or.reduce([(probability[target] > 0.5) ^ truth[target] for target in TARGETS])
    return error_share(wrong, listed), float(np.count_nonzero(shown(SHAPE, listed)) / 1000), len(listed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=5)
    cases = parser.parse_args().cases
    ways = {"by stake": {}, "islands first, seen once": {"missed_first": True, "count_once": True}}
    print("| doubt | reach mm | order | error in first 10 | mL in their boxes | places |\n" + "| --- " * 6 + "|")
    for kind in KINDS:
        studies = [study(seed, kind) for seed in range(cases)]
        for reach in (12.5, 15.0, 17.5, 20.0):
            for name, options in ways.items():
                share, volume, places = np.mean([judged(*maps, reach, **options) for maps in studies], axis=0)
                print(f"| {kind} | {reach} | {name} | {share:.2f} | {volume:.0f} | {places:.0f} |", flush=True)


if __name__ == "__main__":
    main()
