"""``deepvolumetry synthesize``: an image with known truth from a label map."""

from __future__ import annotations

from pathlib import Path

import typer

from ..errors import InputError
from ..image_io import read_image, write_atomically, write_volume
from ..modules import find
from .console import Terminal
from .results import write_json
from .segment import MODULE

MODALITIES = ("CT", "T2", "T1", "random")


def synthesize(
    module: str = MODULE,
    labels: Path = typer.Option(..., "--labels", help="Label map of the organ.", show_default=False),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for volume.nrrd and reference.nrrd.", show_default=False),
    modality: str = typer.Option("CT", help=f"One of {', '.join(MODALITIES)}."),
    seed: int = typer.Option(0, help="Same seed, same image."),
    context: Path | None = typer.Option(None, help="Label map of a torso to put the organ into.", show_default=False),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress."),
    as_json: bool = typer.Option(False, "--json", help="Print what was made to stdout as JSON."),
) -> None:
    """Make an image whose truth is known, as the training does."""
    entry = find(module)
    if modality not in MODALITIES:
        raise InputError(f"There is no modality “{modality}”. Choose one of {', '.join(MODALITIES)}.")
    terminal = Terminal(quiet, as_json)
    with terminal.progress("Synthesizing") as progress:
        with progress.phase("Reading", share=0.1):
            label_map = read_image(labels, "labels")
            torso = None if context is None else read_image(context, "context")
        with progress.phase("Making the image", share=0.8):
            image, reference = entry.submodule("synthesis").synthesize_study(label_map, modality, seed, context=torso)
        with progress.phase("Writing", share=0.1), write_atomically(out, needed_bytes=2 * image.voxels.nbytes) as folder:
            write_volume(folder / "volume.nrrd", image)
            write_volume(folder / "reference.nrrd", reference)
            document = {
                "schema": 1, "module": entry.key, "modality": modality, "seed": seed, "labels": str(labels),
                "context": None if context is None else str(context), "size": list(image.size), "spacing_mm": list(image.spacing),
            }  # fmt: skip
            write_json(folder / "synthesis.json", document)
    terminal.note(f"volume.nrrd and reference.nrrd are in {out}.")
    terminal.report(document)
