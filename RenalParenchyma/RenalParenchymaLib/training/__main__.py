"""Make the training pack, and turn checkpoints into a bundle; training itself is ``deepvolumetry train renal``. See docs/training.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from DeepVolumetryLib.errors import DeepVolumetryError, InputError

from .export import export
from .pack import pack_kidneys, read_torso, save_pack
from .procedural import procedural_torso

_FIRST_SEED = 100


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m RenalParenchymaLib.training", description=__doc__.split(";")[0] + ".")
    commands = parser.add_subparsers(required=True)

    pack = commands.add_parser("pack", help="label maps -> one file that training reads")
    pack.add_argument(
        "--kidneys", type=Path, required=True, help="folder of CASE.nii.gz (1 parenchyma, 2 tumor, 3 cyst) and cases.csv (case,fold)"
    )
    pack.add_argument("--torsos", type=Path, nargs="*", default=[], help="label maps of torsos, isotropic")
    pack.add_argument("--names", type=Path, help="CSV (value,name) of the torsos")
    pack.add_argument("--procedural", type=int, default=7, help="torsos to generate (default: %(default)s)")
    pack.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    pack.set_defaults(run=_pack)

    bundle = commands.add_parser("export", help="checkpoints -> bundle and manifest entry")
    bundle.add_argument("--localizer", type=Path, required=True, help="its checkpoint.pt")
    bundle.add_argument("--refiner", type=Path, required=True, help="its checkpoint.pt")
    bundle.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    bundle.add_argument("--manifest", type=Path, required=True, help="JSON with the SHA-256 of the weights")
    bundle.add_argument("--version", required=True)
    bundle.set_defaults(run=_export)

    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except DeepVolumetryError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _pack(options: argparse.Namespace) -> None:
    from ..synthesis import read_names

    if options.torsos and not options.names:
        raise InputError("Torsos need the names of their values: add --names labels.csv.")
    if not options.torsos and options.procedural < 1:
        raise InputError("Kidneys need a torso around them: add --torsos, or --procedural 1.")
    if not (options.kidneys / "cases.csv").exists():
        raise InputError(f"There is no cases.csv in {options.kidneys}; it lists case and fold of each label map.")
    names = read_names(options.names) if options.torsos else {}
    torsos = [read_torso(path, names) for path in options.torsos]
    torsos += [procedural_torso(_FIRST_SEED + number) for number in range(options.procedural)]
    kidneys = pack_kidneys(options.kidneys)
    save_pack(options.out, kidneys, torsos)
    print(f"{options.out}: {len(kidneys)} kidneys of {len({kidney.case for kidney in kidneys})} patients, {len(torsos)} torsos")


def _export(options: argparse.Namespace) -> None:
    checkpoints = {"localizer": options.localizer, "refiner": options.refiner}
    for path in checkpoints.values():
        if not path.exists():
            raise InputError(f"There is no checkpoint at {path}.")
    print(json.dumps(export(checkpoints, options.bundle, options.manifest, options.version, instance_statistics=True), indent=2))


if __name__ == "__main__":
    sys.exit(main())
