"""Hip scans with known truth from femora that no network has seen, and one real scan; the other programs of FemurQCT measure on them.

    python Testing/Benchmarks/femur_studies.py --pack pack.npz --fold 4 --count 4 --out studies

writes volume, reference and true density of each; ``femur_calibrate.py`` and ``femur_evaluate.py`` make theirs as they go.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from femur_text import LABELS

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume
from FemurQCTLib.anatomy.acquire import Scanner
from FemurQCTLib.anatomy.bone import draw_bone
from FemurQCTLib.anatomy.context import Context, draw_tissues
from FemurQCTLib.anatomy.patient import Patient, Scale
from FemurQCTLib.phantom import Settings, Study, put_together, scan
from FemurQCTLib.training.pack import UNIT_MM, Shape, load_pack, make_shape
from FemurQCTLib.training.shapes import read_mesh, read_model

SPACINGS = ((1.1, 1.1, 1.5), (1.3, 1.3, 2.0), (1.3, 1.3, 3.0), (1.0, 1.0, 2.0))
PHANTOMS = ("qrm_bdc_3", "mindways_3", "bmas_200", "qrm_bdc_6")


@dataclass(frozen=True)
class Case:
    """One scan.

    Attributes:
        name: of the case.
        group: what must not be averaged with other groups.
        image: HU.
        reference: 1 left, 2 right.
        study: with everything that is true; None for a real scan.
        phantom: key of the calibration phantom in it, "" for none.
        sex: of the shape, "" if it has none.
    """

    name: str
    group: str
    image: Image
    reference: Image
    study: Study | None
    phantom: str
    sex: str = ""


def of_shape(shape: Shape, contexts: list[Context], seed: int, group: str) -> Case:
    """A scan of a shape: bone, tissues, pelvis, scanner and phantom drawn by the seed."""
    rng = np.random.default_rng([41, seed])
    context = contexts[rng.integers(len(contexts))]
    if rng.random() < 0.5:
        context = context.mirrored()
    density = Scale(float(rng.uniform(0.68, 0.92)), float(rng.uniform(-10, 10)))
    turn = rng.normal(0, (4, 3, 7))
    person: Patient = put_together(
        shape.distance, UNIT_MM, shape.landmarks, draw_bone(rng), context, draw_tissues(rng, contrast=False), density, turn
    )
    phantom = PHANTOMS[seed % len(PHANTOMS)]
    scanner = Scanner(
        blur_mm=float(rng.uniform(0.4, 0.9)),
        noise=float(rng.uniform(8, 35)),
        grain_mm=float(rng.uniform(0.5, 1.1)),
        cupping=float(rng.uniform(0, 8)),
    )
    settings = Settings(
        SPACINGS[seed % len(SPACINGS)],
        below_mm=126.0,
        above_mm=48.0,
        tilt_deg=float(rng.choice([0, 0, 8])),
        phantom=phantom,
        scanner=scanner,
    )
    made = scan(person, settings, seed)
    return Case(shape.name, group, made.image, made.reference, made, phantom, shape.sex)


def generated(pack: Path, fold: int, count: int) -> Iterator[Case]:
    """Scans of draws of a fold that was not trained on."""
    shapes, contexts = load_pack(pack, (fold,))
    for seed, shape in enumerate(shapes[:count]):
        yield of_shape(shape, contexts, 100 * fold + seed, "generated, held-out draws")


def target(pack: Path, femur: Path, count: int = 2) -> Iterator[Case]:
    """Scans of the one real femur (a mesh) that no draw is made from, in generated surroundings."""
    model_path = femur / "femur_gp_model_100-components.h5"
    model = read_model(model_path)
    shape = make_shape("femur_target", 4, "", model, read_mesh(femur / "femur_target.stl", model_path))
    _, contexts = load_pack(pack, ())
    for seed in range(count):
        case = of_shape(shape, contexts, 900 + seed, "real mesh, rendered to CT")
        yield replace(case, name=f"femur_target_{seed}")


def real(folder: Path) -> Iterator[Case]:
    """The real CT of TotalSegmentator's example; its labels are the output of a model."""
    image = replace(read_image(folder / "example_ct.nii.gz"), modality="CT")
    labels = read_image(folder / "example_seg_fast_force_split.nii.gz")
    values = np.zeros(labels.shape, np.uint8)
    for value, name in LABELS.items():
        values[labels.voxels == value] = name
    yield Case("example_ct", "real CT, labels of another model", image, labels.with_voxels(values), None, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=4)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for case in generated(options.pack, options.fold, options.count):
        folder = options.out / case.name
        folder.mkdir(parents=True, exist_ok=True)
        write_volume(folder / "volume.nrrd", case.image)
        write_volume(folder / "reference.nrrd", case.reference)
        if case.study is not None:
            write_volume(folder / "density.nrrd", case.study.density)
        print(case.name, case.phantom, case.image.size, flush=True)


if __name__ == "__main__":
    main()
