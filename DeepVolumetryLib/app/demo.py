"""``deepvolumetry demo``: a phantom study through everything, with its truth beside the numbers."""

from __future__ import annotations

import json
import time
from inspect import signature
from pathlib import Path
from typing import Any

import typer

from ..errors import InputError
from ..image import Image
from ..image_io import write_atomically, write_volume
from ..modules import MODULES, ModuleEntry, find
from .console import Terminal, number
from .report_files import Extras
from .results import write_json
from .segment import run


def demo(
    module: str = typer.Argument("all", metavar="[MODULE|all]", help="renal, glioma, spleen, femur, or all."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the study and its results.", show_default=False),
    seed: int = typer.Option(0, help="Another seed, another patient."),
    modality: str = typer.Option("", help="renal: CT or MR; CT if left out."),
    bundle: str = typer.Option("", help="Model bundle: a folder, or the name of an installed one."),
    device: str = typer.Option("auto", help="auto, cpu, cuda or mps."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no table."),
    as_json: bool = typer.Option(False, "--json", help="Print truth, numbers and places of the files to stdout as JSON."),
) -> None:
    """Make a phantom patient, segment and measure it, and compare with what is true."""
    began = time.perf_counter()
    terminal = Terminal(quiet, as_json)
    entries = list(MODULES.values()) if module == "all" else [find(module)]
    chosen = {"modality": modality} if modality else {}
    several = [entry for entry in entries if "modality" in signature(entry.submodule("demo").study).parameters]
    if modality and not several:
        raise InputError(f"The phantom of {entries[0].title} has no modalities to choose from. Leave --modality out.")
    documents = [
        _one(entry, out / entry.key if module == "all" else out, seed, chosen if entry in several else {}, terminal, bundle, device)
        for entry in entries
    ]
    terminal.note(f"Done in {time.perf_counter() - began:.0f} s.")
    terminal.report(documents if module == "all" else documents[0])


def _one(entry: ModuleEntry, out: Path, seed: int, chosen: dict[str, str], terminal: Terminal, bundle: str, device: str) -> dict[str, Any]:
    source = entry.submodule("demo")
    with terminal.progress("Phantom") as progress, progress.phase("Making a patient", share=1.0):
        images: dict[str, Image] = source.study(seed, **chosen)
        reference, names = source.reference(seed, **chosen)
    size = sum(image.voxels.nbytes for image in images.values())
    with write_atomically(out / "study", needed_bytes=size) as folder:
        for name, image in images.items():
            write_volume(folder / f"{name}.nrrd", image)
        write_volume(folder / "reference.nrrd", reference)
        (folder / "reference_names.json").write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
    inputs = [f"{name}={out / 'study' / name}.nrrd" for name in images]
    told = source.parameters(**chosen) if hasattr(source, "parameters") else {}
    report = run(entry, inputs, out, {"seed": seed, **told}, terminal, bundle, device, pictures=True, extras=Extras(pdf=True))
    rows = compare(report["measurements"], source.truth_ml(reference, names))
    document = {
        "schema": 1,
        "module": entry.key,
        "seed": seed,
        "truth": rows,
        "report": str(out / "report.json"),
        "pdf": str(out / "report.pdf"),
        "segmentation": str(out / "segmentation.seg.nrrd"),
        "pictures": [str(path) for path in sorted((out / "pictures").glob("*.png"))],
    }
    write_json(out / "demo.json", document)
    cells = [
        (row["segment"].replace("_", " "), number(row["true_ml"]), number(row["measured_ml"]), number(row["error_percent"]), row["within"])
        for row in rows
    ]
    terminal.table("Truth and measurement, mL", ("segment", "true", "measured", "error %", "inside the interval"), cells)
    terminal.note(f"Report: {out / 'report.pdf'}, {out / 'report.json'}; pictures: {out / 'pictures'}.")
    terminal.note(f"Open {out / 'segmentation.seg.nrrd'} in Slicer.")
    return document


def compare(measurements: list[dict[str, Any]], truth: dict[str, float]) -> list[dict[str, Any]]:
    """Measured volumes beside the true ones (mL by segment), for every segment that both have."""
    rows = []
    for m in measurements:
        if m["name"] != "Volume" or m["unit"] != "mL" or m["segment"] not in truth:
            continue
        true, value = truth[m["segment"]], m["value"]
        known = value is not None and true > 0
        inside = None if m["low"] is None else m["low"] <= true <= m["high"]
        rows.append(
            {
                "segment": m["segment"],
                "true_ml": true,
                "measured_ml": value,
                "error_percent": 100 * (value - true) / true if known else None,
                "low": m["low"],
                "high": m["high"],
                "within": "" if inside is None else "yes" if inside else "no",
            }
        )
    return rows
