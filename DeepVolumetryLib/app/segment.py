"""``deepvolumetry segment``: one study from image files to masks, maps and numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from ..errors import InputError
from ..image_io import write_volume
from ..modules import ModuleEntry, find
from ..report.report import Report
from . import results
from .console import Terminal, number
from .inputs import INPUTS, PixelSizes, assign, guess_of, read
from .report_files import Extras

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engine.session import Session
    from ..result import Result

MODULE = typer.Argument(..., metavar="MODULE", help="renal, glioma, spleen or femur", show_default=False)


def segment(
    module: str = MODULE,
    inputs: list[str] = typer.Option(
        ...,
        "--input",
        "-i",
        metavar="[NAME=]PATH",
        help="NRRD, NIfTI, MHA, DICOM file or folder. NAME is guessed where it is left out: t1, t1ce, t2, flair of glioma.",
        show_default=False,
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the results.", show_default=False),
    bundle: str = typer.Option("", help="Model bundle: a folder, or the name of an installed one."),
    device: str = typer.Option("auto", help="auto, cpu, cuda or mps."),
    members: int | None = typer.Option(None, help="Predictions from which the uncertainty is computed.", show_default=False),
    seed: int | None = typer.Option(None, help="Same seed, same result.", show_default=False),
    speed: str | None = typer.Option(None, help="fast, standard or thorough.", show_default=False),
    method: str | None = typer.Option(
        None, help="glioma: spu, unet, tta, lsu, mcdropout or ensemble; spleen: see docs/cli.md.", show_default=False
    ),
    uncertainty: str | None = typer.Option(None, help="glioma: what the map shows: error, spread or entropy.", show_default=False),
    scheme: str | None = typer.Option(
        None, help="glioma: also labels.nrrd with the values of brats2021, brats2023, brats2024, msd or brats2013.", show_default=False
    ),
    prior: Path | None = typer.Option(None, help="glioma: report.json of an earlier study, for the change since.", show_default=False),
    spacing: list[str] = typer.Option(
        [], metavar="NAME=DX,DY", help="spleen: width and height of a pixel in mm, where the file does not state them.", show_default=False
    ),
    frame: list[str] = typer.Option(
        [], metavar="NAME=N", help="spleen: which frame of a file with several, counted from 0.", show_default=False
    ),
    turn: list[str] = typer.Option(
        [],
        metavar="NAME=HOW",
        help="spleen: mirror, degrees clockwise (90, 180, 270) or both (mirror,90), until the probe is on top and the head or front left.",
        show_default=False,
    ),
    length: float | None = typer.Option(None, help="spleen: craniocaudal length in mm, measured by hand.", show_default=False),
    depth: float | None = typer.Option(None, help="spleen: extent from front to back in mm, measured by hand.", show_default=False),
    phantom: str | None = typer.Option(
        None, help="femur: calibration phantom under the patient, mindways_3, qrm_bdc_3 …; see docs/cli.md.", show_default=False
    ),
    certificate: str | None = typer.Option(
        None, metavar="D1,D2,…", help="femur: densities of its rods by its certificate, mg/cm³.", show_default=False
    ),
    calibration: str | None = typer.Option(
        None, metavar="slope=M,intercept=B", help="femur: an entered calibration, density = M · HU + B, of --phantom.", show_default=False
    ),
    kvp: float | None = typer.Option(None, help="femur: tube voltage of the scan.", show_default=False),
    contrast: str | None = typer.Option(None, help="femur: whether contrast medium was given, yes or no.", show_default=False),
    strength: str | None = typer.Option(None, help="femur: finite elements, fall, stance or both.", show_default=False),
    age: float | None = typer.Option(None, help="Years, for eGFR and reference ranges.", show_default=False),
    sex: str | None = typer.Option(None, help="female or male.", show_default=False),
    height: float | None = typer.Option(None, help="cm, for the body surface area and reference ranges.", show_default=False),
    weight: float | None = typer.Option(None, help="kg, for the body surface area.", show_default=False),
    creatinine: float | None = typer.Option(None, help="mg/dL, for eGFR.", show_default=False),
    pdf: bool = typer.Option(False, "--pdf", help="Also report.pdf."),
    scene: bool = typer.Option(False, "--scene", help="Also scene.mrb for Slicer; needs slicer-core."),
    dicom: bool = typer.Option(False, "--dicom", help="Also dicom/*.dcm: SEG, parametric maps, SR; for DICOM inputs."),
    deidentify: bool = typer.Option(False, "--deidentify", help="Reports and DICOM objects without patient, dates, paths, original UIDs."),
    label: str = typer.Option("", help="Printed on the PDF, e.g. a study number; no name is printed otherwise."),
    pictures: bool = typer.Option(False, "--pictures", help="Also pictures/*.png."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no table."),
    as_json: bool = typer.Option(False, "--json", help="Print report.json, and nothing else, to stdout."),
) -> None:
    """Segment a study, measure it and say how sure that is."""
    began = time.perf_counter()
    order = Order.of(locals())
    terminal = Terminal(quiet, as_json)
    terminal.report(order.run(out, terminal, began=began))


@dataclass(frozen=True)
class Order:
    """What the options of ``segment`` ask for, checked as far as that goes without reading an image."""

    entry: ModuleEntry
    inputs: list[str]
    parameters: dict[str, Any]
    bundle: str = ""
    device: str = "auto"
    scene: bool = False
    pictures: bool = False
    sizes: PixelSizes = field(default_factory=PixelSizes)
    extras: Extras = field(default_factory=Extras)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Order:
        """From the arguments of `segment`, by their names there.

        Raises:
            InputError: if a value is out of its range, or does not fit the module.
        """
        entry = find(given["module"])
        prior = given["prior"]
        if prior is not None and not Path(prior).exists():
            raise InputError(f"The prior report {prior} was not found. Check the path.")
        if given["scene"]:
            from .scene import require_scene

            require_scene()
        parameters = {name: given[option] for name, option in _PARAMETERS.items()} | {"prior": None if prior is None else str(prior)}
        parameters |= {**turned(entry, given["turn"]), **calibrated(given["calibration"], given["certificate"])}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        sizes = PixelSizes.parse(given["spacing"], given["frame"], INPUTS[entry.key][0].name)
        entry.parameters(parameters)
        extras = Extras(given["pdf"], given["dicom"], given["deidentify"], given["label"])
        return cls(
            entry, list(given["inputs"]), parameters, given["bundle"], given["device"], given["scene"], given["pictures"], sizes, extras
        )

    def run(self, out: Path, terminal: Terminal, **further: Any) -> dict[str, Any]:
        """Run it; `further` is for `run`, which says what it raises."""
        return run(
            self.entry, self.inputs, out, self.parameters, terminal, self.bundle, self.device,
            scene=self.scene, pictures=self.pictures, sizes=self.sizes, extras=self.extras, **further,
        )  # fmt: skip


_PARAMETERS = {
    **{name: name for name in ("members", "seed", "speed", "method", "uncertainty", "scheme", "age", "sex")},
    **{name: name for name in ("phantom", "kvp", "contrast", "strength")},
    "height_cm": "height", "weight_kg": "weight", "creatinine_mg_dl": "creatinine", "length_mm": "length", "depth_mm": "depth",
}  # fmt: skip


def turned(entry: ModuleEntry, texts: list[str]) -> dict[str, Any]:
    """Parameters from ``NAME=mirror,90``.

    Raises:
        InputError: if a text is written differently, or the module has no such picture.
    """
    names = [spec.name for spec in INPUTS[entry.key] if spec.flat]
    values: dict[str, Any] = {}
    for text in texts:
        name, _separator, how = text.partition("=")
        if name not in names:
            raise InputError(f"--turn is for pictures; there is no picture “{name}” in {entry.title}. Leave it out.")
        for word in how.split(","):
            if word == "mirror":
                values[f"{name}_mirror"] = True
            elif word.isdigit():
                values[f"{name}_turn"] = int(word)
            else:
                raise InputError(f"--turn must look like {name}=90, {name}=mirror or {name}=mirror,90, not “{how}”.")
    return values


def calibrated(text: str | None, certificate: str | None) -> dict[str, Any]:
    """Parameters from ``slope=0.8,intercept=-2`` (``kvp=120`` may follow) and from the densities of a certificate.

    Raises:
        InputError: if a text is written differently.
    """
    values: dict[str, Any] = {}
    names = {"slope": "slope", "intercept": "intercept", "kvp": "calibration_kvp"}
    for part in text.split(",") if text else ():
        name, _separator, number_text = part.partition("=")
        try:
            values[names[name.strip()]] = float(number_text)
        except (KeyError, ValueError):
            raise InputError(f"--calibration must look like slope=0.8,intercept=-2, not “{text}”.") from None
    if certificate:
        try:
            values["certificate"] = tuple(float(each) for each in certificate.split(","))
        except ValueError:
            raise InputError(f"--certificate must look like 100,400,800, not “{certificate}”.") from None
    return values


def run(
    entry: ModuleEntry,
    inputs: list[str],
    out: Path,
    parameters: dict[str, Any],
    terminal: Terminal,
    bundle: str = "",
    device: str = "auto",
    *,
    scene: bool = False,
    pictures: bool = False,
    began: float | None = None,
    sizes: PixelSizes | None = None,
    extras: Extras | None = None,
    session: Session | None = None,
    called: Mapping[str, str] | None = None,
    seen: Callable[[Result], object] | None = None,
) -> dict[str, Any]:
    """Read, segment and write one study; returns the report that was written.

    Args:
        session: keeps networks loaded from study to study; a new one if None.
        called: input -> what stands for its path in the report, where its files were brought from elsewhere.
        seen: is shown the result before it is written.

    Raises:
        InputError: if an input or a parameter cannot be used; nothing is written.
        ModelError, ResourceError, Cancelled: as their names say; nothing is written.
    """
    from ..bundle.store import open_bundle
    from ..engine.session import Session

    began = time.perf_counter() if began is None else began
    extras = extras or Extras()
    path = open_bundle(entry, bundle).path if bundle else None
    with terminal.progress() as progress:
        with progress.phase("Reading", share=0.05):
            paths, guessed = assign(inputs, INPUTS[entry.key], guess_of(entry))
            files = read(paths, INPUTS[entry.key], sizes)
            records = [replace(record, path=(called or {}).get(record.name, record.path)) for record in (file.record() for file in files)]
            sources = extras.sources(files, sizes.frame if sizes else {})
            if parameters.get("prior"):
                entry.submodule("prior").check(parameters["prior"], records)
        read_seconds = progress.seconds["Reading"]
        result = (session or Session()).run(entry, {file.name: file.image for file in files}, parameters, progress, path, device)
    result.warnings[:0] = [*guessed, *(note for file in files for note in file.notes)]
    if parameters.get("prior"):
        entry.submodule("prior").add_change(result, parameters["prior"], records)
    preprocess = read_seconds + result.provenance.seconds.get("preprocess", 0.0)
    if seen is not None:
        seen(result)
    writing = time.perf_counter()
    with results.written(out, result) as folder:
        if pictures:
            pictures_of(entry)(folder / "pictures", result)
        if scene:
            from .scene import write_scene

            write_scene(folder / "scene.mrb", result)
        if parameters.get("scheme"):
            nothing = np.zeros(result.image.shape, bool)
            masks = {spec.key: result.segments.get(spec.key, nothing) for spec in result.specs}
            labels = entry.submodule("labels").label_map(masks, parameters["scheme"])
            write_volume(folder / "labels.nrrd", result.image.with_voxels(labels))
        now = time.perf_counter()
        result.provenance.seconds.update(preprocess=preprocess, write=now - writing, total=now - began)
        report = extras.reported(Report.from_result(result, records))
        extras.write(folder, result, report, sources, entry)
        document = report.to_dict()
        results.write_json(folder / "report.json", document)
    show(document, terminal, out)
    return document


def pictures_of(entry: ModuleEntry) -> Callable[[Path, Result], object]:
    """What draws the pictures of a result: the module's own, where it has one."""
    if entry.offers("pictures"):
        draw: Callable[[Path, Result], object] = entry.submodule("pictures").write_pictures
        return draw
    from ..report.pictures import write_pictures

    return write_pictures


def show(document: dict[str, Any], terminal: Terminal, out: Path) -> None:
    """The numbers as a table, then what to know about them."""
    rows = []
    for m in document["measurements"]:
        interval = f"{number(m['low'])} – {number(m['high'])}" if m["low"] is not None else ""
        unit = "" if m["unit"] == "1" else m["unit"]
        rows.append((m["segment"].replace("_", " "), m["name"], unit, number(m["value"], 2 if unit == "" else 1), interval))
    terminal.table("Measurements", ("segment", "what", "unit", "value", "95 % interval"), rows, words=3)
    for m in document["measurements"]:
        if m["verdict"]:
            terminal.note(f"{m['segment'].replace('_', ' ').capitalize()}, {m['name']}: {m['verdict']}.")
    for note in document["notes"]:
        if note.startswith("Method:"):
            terminal.note(note)
    terminal.warn(document["warnings"])
    model = document["model"]
    if "NC" in model["license"]:
        terminal.note(f"The model {model['name']} is licensed {model['license']}: it may not be used commercially.")
    places = document["review"]
    if places:
        stake = sum(place["at_stake_ml"] for place in places)
        terminal.note(f"{len(places)} places are worth a look, {stake:.1f} mL are at stake there.")
    terminal.note(f"Results are in {out} ({document['seconds']['total']:.0f} s on {document['device']}).")
