"""Commands about simulated pictures and the networks that are trained on them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """generated shapes -> simulated pictures that the U-Net and USDM train on, in parts"""
    _where(parser)
    parser.set_defaults(run=_pictures)


def add_samples(parser: argparse.ArgumentParser) -> None:
    """generated shapes -> pictures that USDM draws, for the U-Net to train on, in parts"""
    _where(parser)
    parser.add_argument("--usdm", type=Path, required=True, help="folder of the bundle spleen_usdm")
    parser.set_defaults(run=_samples)


def add_export_unet(parser: argparse.ArgumentParser) -> None:
    """folder of a training of the U-Net -> weights in the bundle and manifest entry"""
    _bundle(parser)
    parser.add_argument("--shift", type=float, default=0.0, help="taken from every logit, so that areas are right on average")
    parser.set_defaults(run=_export("export_unet"))


def add_export_usdm(parser: argparse.ArgumentParser) -> None:
    """folder of a training of USDM -> bundle and manifest entry"""
    _bundle(parser)
    parser.set_defaults(run=_export("export_usdm"))


COMMANDS = {"pictures": add_pictures, "samples": add_samples, "export-unet": add_export_unet, "export-usdm": add_export_usdm}


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the parts")
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first part")
    parser.add_argument("--shapes", type=int, default=100, help="of a part; four pictures each")
    parser.add_argument("--leave-out", nargs="*", default=[], help="real spleens that play no part, to report on")
    parser.add_argument("--seed", type=int, default=0)


def _bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--training", type=Path, required=True, help="folder with checkpoint.pt")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON with the SHA-256 of the weights")
    parser.add_argument("--version", required=True)


def _pictures(options: argparse.Namespace) -> None:
    from .pictures import make_pictures

    made = make_pictures(options.out, range(options.first, options.first + options.parts), options.shapes, options.leave_out, options.seed)
    print(f"{made} parts were made in {options.out}")


def _samples(options: argparse.Namespace) -> None:
    from DeepVolumetryLib.bundle import Bundle

    from ..diffusion import Diffusion
    from .pictures import make_pictures

    drawn = Diffusion.from_bundle(Bundle.open(options.usdm))
    parts = range(options.first, options.first + options.parts)
    made = make_pictures(options.out, parts, options.shapes, options.leave_out, options.seed, drawn)
    print(f"{made} parts were made in {options.out}")


def _export(name: str) -> Callable[[argparse.Namespace], None]:
    def run(options: argparse.Namespace) -> None:
        from . import ultrasound_export

        export = getattr(ultrasound_export, name)
        further = {"shift": options.shift} if "shift" in options else {}
        print(json.dumps(export(options.training, options.bundle, options.manifest, options.version, **further), indent=2))

    return run
