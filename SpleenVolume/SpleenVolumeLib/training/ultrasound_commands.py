"""Commands about simulated pictures and the networks that are trained on them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """generated shapes -> simulated pictures that the U-Net and USDM train on, in parts"""
    parser.add_argument("--out", type=Path, required=True, help="folder of the parts")
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first part")
    parser.add_argument("--shapes", type=int, default=100, help="of a part; four pictures each")
    parser.add_argument("--leave-out", nargs="*", default=[], help="real spleens that play no part, to report on")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_pictures)


COMMANDS = {"pictures": add_pictures}


def _pictures(options: argparse.Namespace) -> None:
    from .pictures import make_pictures

    made = make_pictures(options.out, range(options.first, options.first + options.parts), options.shapes, options.leave_out, options.seed)
    print(f"{made} parts were made in {options.out}")
