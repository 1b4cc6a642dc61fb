"""The commands for the tumor network: ``pack`` and ``export``; training itself is ``deepvolumetry train glioma``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from DeepVolumetryLib.errors import InputError

from .export import STATISTICS_BATCHES, export
from .pack import pack_cases, pack_heads, save_pack


def add_pack(parser: argparse.ArgumentParser) -> None:
    """label maps of whole heads and real cases -> one file that training reads"""
    parser.add_argument(
        "--heads", type=Path, required=True, help="folder of *.nii.gz with FreeSurfer's values and tissues around the brain"
    )
    parser.add_argument("--cases", type=Path, help="folder of brats_2013_* with flair, t1ce and labels; none if left out")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    parser.set_defaults(run=_pack)


def add_export(parser: argparse.ArgumentParser) -> None:
    """folder of a training -> bundle and manifest entry"""
    parser.add_argument("--training", type=Path, required=True, help="folder with checkpoint.pt and snapshots")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON with the SHA-256 of the weights")
    parser.add_argument("--version", required=True)
    parser.add_argument(
        "--batches", type=int, default=STATISTICS_BATCHES, help="to count batch statistics on (%(default)s); 0 keeps those of the training"
    )
    parser.set_defaults(run=_export)


COMMANDS = {"pack": add_pack, "export": add_export}


def _pack(options: argparse.Namespace) -> None:
    for folder in (options.heads, options.cases):
        if folder is not None and not folder.is_dir():
            raise InputError(f"There is no folder {folder}. Check the path.")
    heads = pack_heads(options.heads)
    cases = [] if options.cases is None else pack_cases(options.cases)
    save_pack(options.out, heads, cases)
    print(f"{options.out}: {len(heads)} heads, {len(cases)} real cases")


def _export(options: argparse.Namespace) -> None:
    print(json.dumps(export(options.training, options.bundle, options.manifest, options.version, options.batches), indent=2))
