"""``deepvolumetry synthesize``: an image with known truth from a label map."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from dataclasses import dataclass, field
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

    from ..engine.progress import RunProgress
    from ..image import Image

GENERATED = "generated"
"""In place of a label map, where a module can draw the anatomy itself."""


def synthesize(
    module: str = MODULE,
    labels: str = typer.Option(
        ...,
        "--labels",
        help="Label map: renal, of kidneys; glioma, of a whole head at 1 mm; spleen, of a spleen, or the word generated.",
        show_default=False,
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the images and reference.nrrd.", show_default=False),
    modality: str = typer.Option("", help="renal: CT, T2, T1 or random; CT if left out. spleen: simulator or usdm; simulator if left out."),
    tumor: str = typer.Option("", help="glioma: procedural, none, or a label map that gives its shape; procedural if left out."),
    seed: int = typer.Option(0, help="Same seed, same image."),
    count: int = typer.Option(1, min=1, max=9999, help="So many studies, each in a folder of its own, with seeds that follow on."),
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
            label_map = None if labels == GENERATED else read_image(Path(labels), "labels")
            if label_map is None and not getattr(library, "CAN_GENERATE", False):
                raise InputError(f"{entry.title} generates no label maps. Give the path of one: --labels PATH.")
            if context is not None:
                options |= {"context": read_image(context, "context"), "names": _names(library, context, context_labels)}
            if tumor and Path(tumor).exists():
                options["tumor"] = read_image(tumor, "tumor")
        rows: list[_Row] = []
        given = {"modality": modality, "tumor": tumor, "context": "" if context is None else str(context)}
        shared = {"module": entry.key, "labels": labels, **{key: given[key] or None for key in given}}
        group = " ".join(filter(None, ("synthesized", str(options.get("modality", "")))))
        documents: list[dict[str, Any]] = []
        if count == 1:
            study = _Study.made(library, label_map, seed, options, progress)
            with write_atomically(out, needed_bytes=study.size) as folder:
                documents.append(study.write(folder, seed, shared))
                _write_cases(folder / "cases.csv", [study.row(out.absolute().name)], library.REFERENCE_LABELS, group)
        else:
            with write_atomically(out) as folder:
                for number in range(count):
                    name = f"case_{number:04d}"
                    study = _Study.made(library, label_map, seed + number, options)
                    documents.append(study.write(folder / name, seed + number, shared))
                    rows.append(study.row(name, name))
                    progress.update((number + 1) / count)
                _write_cases(folder / "cases.csv", rows, library.REFERENCE_LABELS, group)
    made = f"{count} studies" if count > 1 else ", ".join(documents[0]["files"])
    terminal.note(f"{made} are in {out}; cases.csv there is ready for deepvolumetry evaluate.")
    terminal.report(documents[0] if count == 1 else {"schema": 1, "studies": documents})


@dataclass(frozen=True)
class _Row:
    case: str
    inputs: dict[str, str]
    reference: str
    volume_ml: float | None
    further: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Study:
    """Images and references of one study; the reference of the first image comes first."""

    images: dict[str, Image]
    references: dict[str, Image]
    volume_ml: float | None

    @classmethod
    def made(
        cls, library: ModuleType, labels: Image | None, seed: int, options: dict[str, Any], progress: RunProgress | None = None
    ) -> _Study:
        with nullcontext() if progress is None else progress.phase("Making the image", share=0.8):
            images, references, *volume = library.synthesize_study(labels, seed=seed, **options)
        images = images if isinstance(images, dict) else {"volume": images}
        if not isinstance(references, dict):
            references = {"": references}
        return cls(images, references, volume[0] if volume else None)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(image.voxels.size * 2 for image in (*self.images.values(), *self.references.values()))

    def files(self) -> dict[str, Image]:
        """File -> what goes into it. The first reference is reference.nrrd, those of further views are named for them."""
        named = {f"{name}.nrrd": image for name, image in self.images.items()}
        for number, (name, image) in enumerate(self.references.items()):
            named["reference.nrrd" if number == 0 else f"reference_{name}.nrrd"] = image
        return named

    def write(self, folder: Path, seed: int, shared: dict[str, Any]) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in self.files().items():
            write_volume(folder / name, image)
        first = next(iter(self.references.values()))
        document = {
            "schema": 1, **shared, "seed": seed, "files": list(self.files()), "size": list(first.size), "spacing_mm": list(first.spacing),
        } | ({} if self.volume_ml is None else {"volume_ml": round(self.volume_ml, 2)})  # fmt: skip
        write_json(folder / "synthesis.json", document)
        return document

    def row(self, case: str, folder: str = "") -> _Row:
        within = f"{folder}/" if folder else ""
        further = {name: f"{within}reference_{name}.nrrd" for name in list(self.references)[1:]}
        return _Row(case, {name: f"{within}{name}.nrrd" for name in self.images}, f"{within}reference.nrrd", self.volume_ml, further)


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


def _write_cases(path: Path, rows: list[_Row], labels: str, group: str) -> None:
    """The studies as rows that ``evaluate`` reads; their group keeps them apart from real images."""
    inputs, further = list(rows[0].inputs), list(rows[0].further)
    with_volume = rows[0].volume_ml is not None
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        references = ("reference", *(f"reference_{name}" for name in further))
        writer.writerow(("case", *inputs, *references, "labels", "group", *(("volume_ml",) if with_volume else ())))
        for row in rows:
            volume = (f"{row.volume_ml:.2f}",) if with_volume else ()
            paths = (*(row.inputs[name] for name in inputs), row.reference, *(row.further[name] for name in further))
            writer.writerow((row.case, *paths, labels, group, *volume))
