"""The commands for the brain mask: ``brain-pack``, ``brain-train``, ``brain-export``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .brain_export import export_brain
from .brain_pack import pack_heads, save_pack
from .brain_run import BrainTraining, train_brain


def add_pack(parser: argparse.ArgumentParser) -> None:
    """label maps of whole heads -> one file that the training of the brain mask reads"""
    parser.add_argument(
        "--heads", type=Path, required=True, help="folder of *.nii.gz with FreeSurfer's values and tissues around the brain"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    parser.set_defaults(run=_pack)


def add_train(parser: argparse.ArgumentParser) -> None:
    """train the network for the brain mask, or go on with it"""
    parser.add_argument("--pack", type=Path, required=True, help="file of brain-pack")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and log")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of this slice (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=BrainTraining.steps, help="over all slices (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.set_defaults(run=_train)


def add_export(parser: argparse.ArgumentParser) -> None:
    """checkpoint of the brain mask -> bundle and manifest entry, with what it reaches on heads that it was not trained on"""
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of brain-train")
    parser.add_argument("--heads", type=Path, help="the folder that brain-pack read; without it nothing is measured")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON with the SHA-256 of the weights")
    parser.add_argument("--version", required=True)
    parser.set_defaults(run=_export)


COMMANDS = {"brain-pack": add_pack, "brain-train": add_train, "brain-export": add_export}


def _pack(options: argparse.Namespace) -> None:
    heads = pack_heads(options.heads)
    save_pack(options.out, heads)
    print(f"{options.out}: {len(heads)} heads")


def _train(options: argparse.Namespace) -> None:
    settings = BrainTraining(options.pack, options.steps, seed=options.seed, threads=options.threads, device=options.device)
    print(json.dumps(train_brain(settings, options.out, options.minutes)))


def _export(options: argparse.Namespace) -> None:
    print(json.dumps(export_brain(options.checkpoint, options.bundle, options.manifest, options.version, options.heads), indent=2))
