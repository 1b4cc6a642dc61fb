"""Generated patients with known truth, segmented by the networks that ship, for the simulated reviewers.

    python Testing/Benchmarks/review_cases.py --out runs/review --cases 12

Segments are those of the run; what does not reach the segments, the truth or the doubt about them is cut off. A case that is there
already is not run again, so a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.engine.session import Session
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import find
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

MODULES = ("renal", "glioma")
FIRST_SEED = 300
_PARAMETERS = {"renal": {"members": 4, "speed": "standard"}, "glioma": {"members": 5, "speed": "fast"}}
_MARGIN = 4
Masks = dict[str, NDArray[np.bool_]]
Corner = tuple[int, int, int]


@dataclass(frozen=True)
class ReviewCase:
    """One segmented study with its truth, on one grid.

    Attributes:
        module, seed: which phantom.
        image: the grid; its voxels are empty.
        segments, truth: segment key -> mask, of the segments that both can have.
        probability: target -> calibrated probability.
        regions: the review list.
        members: segment key -> volumes that the members measured.
        conformal: the calibration of the bundle.
    """

    module: str
    seed: int
    image: Image
    segments: Masks
    truth: Masks
    probability: dict[str, NDArray[np.float32]]
    regions: list[ReviewRegion]
    members: dict[str, list[float]]
    conformal: ConformalTable

    def wrong(self, segments: Masks) -> NDArray[np.bool_]:
        """Voxels where at least one segment is not as in the truth."""
        return np.logical_or.reduce([mask ^ self.truth[key] for key, mask in segments.items()])


def load(path: Path) -> ReviewCase:
    """Read what `save` wrote."""
    with np.load(path) as stored:
        about = json.loads(str(stored["about"]))
        shape = tuple(about["shape"])

        def unpacked(name: str) -> NDArray[np.bool_]:
            return np.unpackbits(stored[name], count=int(np.prod(shape))).reshape(shape).astype(bool)

        return ReviewCase(
            about["module"],
            about["seed"],
            Image(np.zeros(shape, np.uint8), np.array(about["ijk_to_ras"]), modality=about["modality"]),
            {key: unpacked(f"segment {key}") for key in about["keys"]},
            {key: unpacked(f"truth {key}") for key in about["keys"]},
            {target: stored[f"probability {target}"].astype(np.float32) for target in about["targets"]},
            [_region(values) for values in about["regions"]],
            about["members"],
            ConformalTable.from_dict(about["conformal"]),
        )


def save(path: Path, case: ReviewCase) -> None:
    """Write a case, whole or not at all."""
    about = {
        "module": case.module,
        "seed": case.seed,
        "shape": case.image.shape,
        "ijk_to_ras": case.image.ijk_to_ras.tolist(),
        "modality": case.image.modality,
        "keys": list(case.segments),
        "targets": list(case.probability),
        "regions": [asdict(region) for region in case.regions],
        "members": case.members,
        "conformal": case.conformal.to_dict(),
    }
    arrays: dict[str, Any] = {f"segment {key}": np.packbits(mask) for key, mask in case.segments.items()}
    arrays |= {f"truth {key}": np.packbits(mask) for key, mask in case.truth.items()}
    arrays |= {f"probability {target}": p.astype(np.float16) for target, p in case.probability.items()}
    beside = path.with_suffix(".part.npz")
    np.savez_compressed(beside, about=json.dumps(about, default=float), **arrays)
    beside.replace(path)


def make(session: Session, module: str, seed: int) -> ReviewCase:
    """Segment one phantom."""
    entry = find(module)
    source = entry.submodule("demo")
    result = session.run(entry, source.study(seed), _PARAMETERS[module], RunProgress(), device="cpu")
    reference, names = source.reference(seed)
    wanted = [each for each in entry.submodule("evaluation").comparisons(names) if len(each.segments) == 1]
    truth = {each.segments[0]: each.reference(reference.voxels) for each in wanted}
    nothing = np.zeros(result.image.shape, bool)
    segments = {key: np.asarray(result.segments.get(key, nothing), bool) for key in truth}
    region = np.logical_or.reduce([*segments.values(), *truth.values(), *(p >= 0.01 for p in result.probability.values())])
    for each in result.regions:
        region[tuple(map(slice, *each.box_kji))] = True
    at = np.argwhere(region)
    low = np.maximum(at.min(axis=0) - _MARGIN, 0)
    high = np.minimum(at.max(axis=0) + 1 + _MARGIN, region.shape)
    inside = tuple(map(slice, low, high))
    return ReviewCase(
        module,
        seed,
        result.image.with_voxels(np.zeros(region.shape, np.uint8)).cropped(low, high),
        {key: mask[inside] for key, mask in segments.items()},
        {key: mask[inside] for key, mask in truth.items()},
        {target: p[inside] for target, p in result.probability.items()},
        [_moved(each, low) for each in result.regions],
        {key: [float(v) for v in values] for key, values in result.extras.get("member_volumes_ml", {}).items()},
        ConformalTable.from_dict(result.extras.get("conformal", {})),
    )


def relisted(case: ReviewCase) -> ReviewCase:
    """The case with the review list that its module would make of its probabilities today."""
    if case.module == "renal":
        from RenalParenchymaLib.findings import REACH_MM, REVIEWED

        found = [
            region
            for target in REVIEWED
            for region in review_regions(
                case.probability[target], entropy_map(case.probability[target]), case.image, target, reach_mm=REACH_MM
            )
        ]
        return replace(case, regions=rank_regions(found, count_once=True))
    from GliomaUncertaintyLib.review import places

    return replace(case, regions=places(case.probability, case.image, case.segments))


def all_cases(folder: Path) -> list[ReviewCase]:
    """All cases of a folder, in the order of their names."""
    return [load(path) for path in sorted(folder.glob("*_[0-9][0-9][0-9].npz"))]


def _moved(region: ReviewRegion, low: NDArray[Any]) -> ReviewRegion:
    box = [[int(v - o) for v, o in zip(corner, low, strict=True)] for corner in region.box_kji]
    return _region({**asdict(region), "box_kji": box})


def _region(values: dict[str, Any]) -> ReviewRegion:
    low, high = (tuple(int(v) for v in corner) for corner in values["box_kji"])
    return ReviewRegion(**{**values, "center_ras_mm": tuple(values["center_ras_mm"]), "box_kji": (low, high)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=12, help="of each module")
    parser.add_argument("--relist", action="store_true", help="only make the review lists anew, after their rules changed")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.relist:
        for path in sorted(options.out.glob("*_[0-9][0-9][0-9].npz")):
            save(path, relisted(load(path)))
        return
    session = Session()
    for seed in range(FIRST_SEED, FIRST_SEED + options.cases):
        for module in MODULES:
            path = options.out / f"{module}_{seed}.npz"
            if path.exists():
                continue
            case = make(session, module, seed)
            save(path, case)
            wrong = np.count_nonzero(case.wrong(case.segments)) * case.image.voxel_ml
            print(f"{path.name}: {len(case.regions)} places, {wrong:.1f} mL wrong", flush=True)


if __name__ == "__main__":
    main()
