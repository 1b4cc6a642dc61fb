"""Make the training pack, and turn checkpoints into a bundle; training is ``deepvolumetry train femur``. See docs/training-femur.md."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

from DeepVolumetryLib.errors import DeepVolumetryError, InputError

MODEL, TARGET = "femur_gp_model_100-components.h5", "femur_target.stl"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m FemurQCTLib.training", description=__doc__.split(";")[0] + ".")
    commands = parser.add_subparsers(required=True)

    pack = commands.add_parser("pack", help="shape model and label maps -> one file that training reads")
    pack.add_argument("--femur", type=Path, required=True, help=f"folder with {MODEL}")
    pack.add_argument("--torsos", type=Path, nargs="*", default=[], help="label maps of torsos with both hips")
    pack.add_argument("--names", type=Path, help="CSV (value,name) of the torsos")
    pack.add_argument("--draws", type=int, default=120, help="femora to draw (default: %(default)s)")
    pack.add_argument("--procedural", type=int, default=4, help="pelves to generate (default: %(default)s)")
    pack.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    pack.set_defaults(run=_pack)

    basis = commands.add_parser("basis", help="shape model -> the small one that ships for the demonstration")
    basis.add_argument("--femur", type=Path, required=True, help=f"folder with {MODEL}")
    basis.add_argument("--components", type=int, default=12)
    basis.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    basis.set_defaults(run=_basis)

    bundle = commands.add_parser("export", help="checkpoints -> bundle and manifest entry")
    bundle.add_argument("--finder", type=Path, required=True, help="its checkpoint.pt")
    bundle.add_argument("--vnet", type=Path, required=True, help="its checkpoint.pt")
    bundle.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    bundle.add_argument("--manifest", type=Path, required=True, help="JSON with the SHA-256 of the weights")
    bundle.add_argument("--version", required=True)
    bundle.set_defaults(run=_export)

    validation = commands.add_parser("cross-validate", help="train and score the V-Net on every part of the shapes in turn")
    validation.add_argument("--pack", type=Path, required=True)
    validation.add_argument("--out", type=Path, required=True, help="folder for the parts")
    validation.add_argument("--folds", type=int, default=10)
    validation.add_argument("--cohort", default="all", help="all, women or men")
    validation.add_argument("--minutes", type=float, default=40.0, help="of training for each part")
    validation.add_argument("--only", type=int, help="number of the one part to run")
    validation.add_argument("--scans", type=int, default=4, help="of each subject that is scored")
    validation.add_argument("--resume", action="store_true", help="go on with parts that were begun")
    validation.set_defaults(run=_cross_validate)

    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except DeepVolumetryError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _pack(options: argparse.Namespace) -> None:
    from ..anatomy.pelvis import procedural_context
    from .pack import draw_shapes, read_context, save_pack
    from .shapes import read_model

    if options.torsos and not options.names:
        raise InputError("Torsos need the names of their values: add --names labels.csv.")
    if not options.torsos and options.procedural < 1:
        raise InputError("Femora need a pelvis around them: add --torsos, or --procedural 1.")
    names = read_names(options.names) if options.torsos else {}
    contexts = [read_context(path, names) for path in options.torsos]
    contexts += [procedural_context(100 + number) for number in range(options.procedural)]
    shapes = draw_shapes(read_model(options.femur / MODEL), options.draws)
    save_pack(options.out, shapes, contexts)
    print(f"{options.out}: {len(shapes)} femora, {len(contexts)} pelves")


def _basis(options: argparse.Namespace) -> None:
    from .shapes import read_model

    model = read_model(options.femur / MODEL)
    model.save(options.out, options.components)
    print(f"{options.out}: {len(model.mean)} vertices, {options.components} of {model.components} components")


def _export(options: argparse.Namespace) -> None:
    from .export import export

    checkpoints = {"finder": options.finder, "vnet": options.vnet}
    for path in checkpoints.values():
        if not path.exists():
            raise InputError(f"There is no checkpoint at {path}.")
    print(json.dumps(export(checkpoints, options.bundle, options.manifest, options.version), indent=2))


def _cross_validate(options: argparse.Namespace) -> None:
    from .folds import cross_validate

    found = cross_validate(
        options.pack, options.out, options.folds, options.cohort, options.minutes, options.only, options.resume, options.scans
    )
    print(json.dumps(found, indent=2))


def read_names(path: Path) -> dict[int, str]:
    """value,name rows of a CSV file such as ``torso/labels.csv``."""
    with path.open(encoding="utf-8") as stream:
        return {int(row["value"]): row["name"].strip() for row in csv.DictReader(stream)}


if __name__ == "__main__":
    sys.exit(main())
