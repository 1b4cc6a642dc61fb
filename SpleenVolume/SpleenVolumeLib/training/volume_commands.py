"""Commands about shapes and volume estimators."""

from __future__ import annotations

import argparse
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


COMMANDS = {"shapes": _shapes}
