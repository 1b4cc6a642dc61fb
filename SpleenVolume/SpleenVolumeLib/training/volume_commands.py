"""Commands about shapes and volume estimators."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def _shapes(parser: argparse.ArgumentParser) -> None:
    """Generate spleens with known volumes and cut them into views."""
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2400)
    parser.add_argument("--views", type=int, default=2, help="sonographer's views of each, beside its largest slices")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=10.0, help="stop with fewer after this time")
    parser.add_argument("--solids", action="store_true", help="keep the shapes in 3D too, for reconstruction")
    parser.set_defaults(run=_run_shapes)


def _run_shapes(options: argparse.Namespace) -> None:
    from .shapes import make_pack

    pack = make_pack(options.count, options.seed, options.views, minutes=options.minutes, solids=options.solids)
    pack.save(options.out)
    print(f"{len(set(pack.shape.tolist()))} shapes, {len(pack)} rows in {options.out}")


def _validate(parser: argparse.ArgumentParser) -> None:
    """Leave each real spleen out and measure the errors of all methods."""
    parser.add_argument("--packs", type=Path, nargs="+", required=True)
    parser.add_argument("--networks", type=Path, required=True, help="folder that training filled")
    parser.add_argument("--out", type=Path, required=True, help="errors (npz); the calibration is written beside it (json)")
    parser.set_defaults(run=_run_validate)


def _run_validate(options: argparse.Namespace) -> None:
    from .described import load_described
    from .volume_validate import best_methods, calibration, save_validation, validate

    found = validate(*load_described(options.packs), options.networks)
    save_validation(options.out, found)
    table = calibration(found.errors)
    best = best_methods(table)
    document = {"default": best, "calibration": table}
    options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for combination, name in best.items():
        entry = table[combination][name]
        print(
            f"{combination}: {name}, MRVA {entry['mrva_real']} real, {entry['mrva_generated']} generated, half width {entry['half_width']}"
        )


def _export(parser: argparse.ArgumentParser) -> None:
    """Fit all methods to all shapes and write them into the bundle."""
    parser.add_argument("--packs", type=Path, nargs="+", required=True)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--validation", type=Path, required=True, help="the JSON that “validate” wrote")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.set_defaults(run=_run_export)


def _run_export(options: argparse.Namespace) -> None:
    from .volume_export import export

    for name, size in export(options.packs, options.networks, options.validation, options.bundle, options.manifest).items():
        print(f"{name}.safetensors: {size / 1e6:.1f} MB")


COMMANDS = {"shapes": _shapes, "validate": _validate, "export-volume": _export}
