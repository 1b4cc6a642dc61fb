"""``deepvolumetry synthesize``: an image with known truth from a label map."""

from __future__ import annotations

import csv
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError
from ..image_io import read_image, write_atomically, write_volume
from ..modules import ModuleEntry, find
from .console import Terminal
from .results import write_json
from .segment import MODULE

if TYPE_CHECKING:
    from types import ModuleType


def synthesize(
    module: str = MODULE,
    labels: Path = typer.Option(..., "--labels", help="Label map: renal, of kidneys; glioma, of a whole head at 1 mm.", show_default=False),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the images and reference.nrrd.", show_default=False),
    modality: str = typer.Option("", help="renal: CT, T2, T1 or random; CT if left out."),
    tumor: str = typer.Option("", help="glioma: procedural, none, or a label map that gives its shape; procedural if left out."),
    seed: int = typer.Option(0, help="Same seed, same image."),
    context: Path | None = typer.Option(None, help="renal: label map of a torso to put the kidneys into; a procedural one if left out."),
    context_labels: Path | None = typer.Option(
        None, help="CSV (value,name) of --context; labels.csv beside it or one folder up if left out."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress."),
    as_json: bool = typer.Option(False, "--json", help="Print what was made to stdout as JSON."),
) -> None:
    """Make an image whose truth is known, as the training does."""
    entry = find(module)
    library = entry.submodule("synthesis")
    options = _accepted(entry, library, {"modality": modality, "tumor": tumor, "context": context})
    terminal = Terminal(quiet, as_json)
    with terminal.progress("Synthesizing") as progress:
        with progress.phase("Reading", share=0.1):
            label_map = read_image(labels, "labels")
            if context is not None:
                options |= {"context": read_image(context, "context"), "names": _names(library, context, context_labels)}
            if tumor and Path(tumor).exists():
                options["tumor"] = read_image(tumor, "tumor")
        with progress.phase("Making the image", share=0.8):
            made, reference = library.synthesize_study(label_map, seed=seed, **options)
            images = made if isinstance(made, dict) else {"volume": made}
        size = (len(images) + 1) * reference.voxels.size * 2
        with progress.phase("Writing", share=0.1), write_atomically(out, needed_bytes=size) as folder:
            for name, image in images.items():
                write_volume(folder / f"{name}.nrrd", image)
            write_volume(folder / "reference.nrrd", reference)
            given = {"modality": modality, "tumor": tumor, "context": "" if context is None else str(context)}
            document = {
                "schema": 1, "module": entry.key, "seed": seed, "labels": str(labels), **{key: given[key] or None for key in given},
                "size": list(reference.size), "spacing_mm": list(reference.spacing),
            }  # fmt: skip
            write_json(folder / "synthesis.json", document)
            group = " ".join(filter(None, ("synthesized", str(options.get("modality", "")))))
            _write_case(folder / "cases.csv", out.absolute().name, list(images), library.REFERENCE_LABELS, group)
    written = ", ".join(f"{name}.nrrd" for name in images)
    terminal.note(f"{written} and reference.nrrd are in {out}; cases.csv there is ready for deepvolumetry evaluate.")
    terminal.report(document)


def _accepted(entry: ModuleEntry, library: ModuleType, given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, with the module's own defaults where it has any; refuses those that it does not take."""
    known = signature(library.synthesize_study).parameters
    for name, value in given.items():
        if value and name not in known:
            raise InputError(f"{entry.title} has no --{name}. Leave it out.")
    chosen = {name: value for name, value in given.items() if value}
    if "modality" in known:
        chosen.setdefault("modality", library.MODALITIES[0])
        if chosen["modality"] not in library.MODALITIES:
            raise InputError(f"There is no modality “{chosen['modality']}”. Choose one of {', '.join(library.MODALITIES)}.")
    return chosen


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


def _write_case(path: Path, name: str, inputs: list[str], labels: str, group: str) -> None:
    """The study as a row that ``evaluate`` reads; its group keeps it apart from real images."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("case", *inputs, "reference", "labels", "group"))
        writer.writerow((name, *(f"{each}.nrrd" for each in inputs), "reference.nrrd", labels, group))
