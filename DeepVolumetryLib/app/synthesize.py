"""``deepvolumetry synthesize``: an image with known truth from a label map."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError
from ..image_io import read_image, write_atomically, write_volume
from ..modules import find
from .console import Terminal
from .results import write_json
from .segment import MODULE

if TYPE_CHECKING:
    from types import ModuleType

REFERENCE_LABELS = {"renal": "1=parenchyma;2=tumor;3=cyst;4=sinus"}
"""What the values of a synthesized reference mean, by module."""
MODALITIES = ("CT", "T2", "T1", "random")


def synthesize(
    module: str = MODULE,
    labels: Path = typer.Option(..., "--labels", help="Label map of the organ.", show_default=False),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for volume.nrrd and reference.nrrd.", show_default=False),
    modality: str = typer.Option("CT", help=f"One of {', '.join(MODALITIES)}."),
    seed: int = typer.Option(0, help="Same seed, same image."),
    context: Path | None = typer.Option(None, help="Label map of a torso to put the organ into; a procedural one if left out."),
    context_labels: Path | None = typer.Option(
        None, help="CSV (value,name) of --context; labels.csv beside it or one folder up if left out."
    ),
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
            library = entry.submodule("synthesis")
            around: dict[str, Any] = {}
            if context is not None:
                around = {"context": read_image(context, "context"), "names": _names(library, context, context_labels)}
        with progress.phase("Making the image", share=0.8):
            image, reference = library.synthesize_study(label_map, modality, seed, **around)
        with progress.phase("Writing", share=0.1), write_atomically(out, needed_bytes=2 * image.voxels.nbytes) as folder:
            write_volume(folder / "volume.nrrd", image)
            write_volume(folder / "reference.nrrd", reference)
            document = {
                "schema": 1, "module": entry.key, "modality": modality, "seed": seed, "labels": str(labels),
                "context": None if context is None else str(context), "size": list(image.size), "spacing_mm": list(image.spacing),
            }  # fmt: skip
            write_json(folder / "synthesis.json", document)
            _write_case(folder / "cases.csv", out.absolute().name, REFERENCE_LABELS[entry.key], modality)
    terminal.note(f"volume.nrrd and reference.nrrd are in {out}; cases.csv there is ready for deepvolumetry evaluate.")
    terminal.report(document)


def _names(library: ModuleType, context: Path, given: Path | None) -> dict[int, str] | None:
    """What the values of a torso mean; None if nothing says so, which the module answers with what it needs."""
    beside = [path for path in (context.parent / "labels.csv", context.parent.parent / "labels.csv") if path.exists()]
    path = given or (beside[0] if beside else None)
    if path is None:
        return None
    try:
        return library.read_names(path)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{path} does not name the values of the torso. Give a CSV file with the columns value and name.") from error


def _write_case(path: Path, name: str, labels: str, modality: str) -> None:
    """The study as a row that ``evaluate`` reads; its group keeps it apart from real images."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("case", "volume", "reference", "labels", "group"))
        writer.writerow((name, "volume.nrrd", "reference.nrrd", labels, f"synthesized {modality}"))
