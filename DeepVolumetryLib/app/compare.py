"""``deepvolumetry compare``: what changed between two studies of a patient, and whether the measurements can tell."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError
from ..image_io import write_atomically
from ..measure.change import Change
from ..measure.change import compare as changes_between
from ..measure.crossing import SPLEEN_RESPONSE_PERCENT, crossings
from ..modules import MODULES
from ..report.files import read_json
from .console import Terminal, number
from .results import write_json

if TYPE_CHECKING:
    from ..report.report import Report

SCHEMA = 1
COLUMNS = ("segment", "name", "unit", "before", "after", "difference", "percent", "low", "high", "level", "verdict")
_RESPONSES = {"glioma": "rano"}  # module -> submodule of its library that says how a treatment's target responded
_THRESHOLDS = {"spleen": SPLEEN_RESPONSE_PERCENT}
MOST_PERCENT = 1000
_WORDS = {"increased": "increased", "decreased": "decreased", "no change": "as before"}


def compare(
    prior: Path = typer.Argument(..., metavar="PRIOR", help="report.json of the earlier study, or its folder.", show_default=False),
    current: Path = typer.Argument(..., metavar="CURRENT", help="report.json of the later study, or its folder.", show_default=False),
    out: Path | None = typer.Option(None, "--out", "-o", help="Folder for change.json and change.csv.", show_default=False),
    threshold: float | None = typer.Option(
        None,
        help="Percent: how likely did the true volumes change by more? Left out: 35 for spleen. 0: no threshold.",
        show_default=False,
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No table."),
    as_json: bool = typer.Option(False, "--json", help="Print change.json, and nothing else, to stdout."),
) -> None:
    """Compare two reports: which numbers changed by more than the measurement uncertainty."""
    terminal = Terminal(quiet, as_json)
    document = comparison(prior, current, threshold)
    if out is not None:
        with write_atomically(out) as folder:
            write_json(folder / "change.json", document)
            _write_csv(folder / "change.csv", document["changes"])
    _show(document, terminal)
    if out is not None:
        terminal.note(f"Results are in {out}.")
    terminal.report(document)


def comparison(prior: Path, current: Path, threshold: float | None = None) -> dict[str, Any]:
    """``change.json``: the changes of all numbers that both reports have, and the module's response category if it knows one.

    Args:
        prior, current: report.json, or the folder that holds it.
        threshold: percentage that the volumes are held against; that of the module if None, 0 for none.

    Raises:
        InputError: if a report cannot be read, the two are of different modules or patients, or the threshold is negative.
    """
    if threshold is not None and not 0 <= threshold <= MOST_PERCENT:
        raise InputError(f"A threshold of {threshold:g} % makes no sense. Give 1 to {MOST_PERCENT}, or 0 for none.")
    paths = [path / "report.json" if path.is_dir() else path for path in (prior, current)]
    before, after = (read_json(path) for path in paths)
    modules = before.provenance.module, after.provenance.module
    if modules[0] != modules[1]:
        raise InputError(f"{prior} is a report of {modules[0]} and {current} one of {modules[1]}. Choose two of the same module.")
    patients = [{record.patient for record in report.inputs if record.patient} for report in (before, after)]
    if all(patients) and not patients[0] & patients[1]:
        raise InputError(f"{prior} and {current} are reports of different patients. Choose two of the same patient.")
    changes = changes_between(before.measurements, after.measurements)
    if not changes:
        raise InputError(f"{prior} and {current} have no number in common. Choose reports of the same kind of study.")
    response = _response(before, after)
    warnings = [*_warnings(before, after, all(patients)), *(response["warnings"] if response else ())]
    return {
        "schema": SCHEMA,
        "module": modules[1],
        "prior": _study(paths[0], before),
        "current": _study(paths[1], after),
        "changes": [_to_dict(change) for change in changes],
        "response": response,
        "threshold": _crossed(before, after, threshold),
        "warnings": list(dict.fromkeys(warnings)),
    }


def _crossed(before: Report, after: Report, threshold: float | None) -> dict[str, Any] | None:
    percent = _THRESHOLDS.get(after.provenance.module, 0.0) if threshold is None else threshold
    if percent <= 0:
        return None
    found = crossings(before.measurements, after.measurements, percent)
    return {"percent": percent, "volumes": [{"segment": each.segment, "rise": each.rise, "fall": each.fall} for each in found]}


def _response(before: Report, after: Report) -> dict[str, Any] | None:
    module = after.provenance.module
    if module not in _RESPONSES:
        return None
    judge = MODULES[module].submodule(_RESPONSES[module])
    found: dict[str, Any] = judge.response(before.measurements, after.measurements).to_dict()
    return found


def _warnings(before: Report, after: Report, same_patient: bool) -> list[str]:
    sentences = []
    identities = [{value for record in report.inputs for value in (record.uid, record.sha256) if value} for report in (before, after)]
    if identities[0] & identities[1]:
        sentences.append("Both reports were made from the same images. Choose the report of an earlier scan.")
    models = [(report.provenance.model_name, report.provenance.model_sha256) for report in (before, after)]
    if models[0] != models[1]:
        names = [f"{report.provenance.model_name} {report.provenance.model_version}".strip() for report in (before, after)]
        sentences.append(f"The two studies were measured by different models ({names[0]}; {names[1]}): part of the change may be theirs.")
    if not same_patient:
        sentences.append("The reports do not say whose images they were made from. Make sure that it is the same patient.")
    return sentences


def _study(path: Path, report: Report) -> dict[str, Any]:
    made = report.provenance
    return {
        "path": str(path),
        "version": made.version,
        "model": {"name": made.model_name, "version": made.model_version, "sha256": made.model_sha256},
        "inputs": [{"name": record.name, "uid": record.uid} for record in report.inputs],
        "reviewed": report.reviewed,
    }


def _to_dict(change: Change) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in asdict(change).items()}


def _write_csv(path: Path, changes: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in change.items()} for change in changes)


def _chance(probability: float | None) -> str:
    return "unknown" if probability is None else f"{100 * probability:.0f} %"


def _show(document: dict[str, Any], terminal: Terminal) -> None:
    rows = []
    for change in document["changes"]:
        unit = "" if change["unit"] == "1" else change["unit"]
        digits = 0 if change["unit"] == "1" else 1
        interval = "" if change["low"] is None else f"{number(change['low'])} – {number(change['high'])}"
        cells = [number(change[name], digits) for name in ("before", "after", "difference")]
        said = next((word for start, word in _WORDS.items() if change["verdict"].startswith(start)), "unknown")
        rows.append((change["segment"].replace("_", " "), change["name"], unit, said, *cells, number(change["percent"], 0), interval))
    columns = ("segment", "what", "unit", "real change?", "before", "after", "change", "%", "interval of the change")
    terminal.table("Change since the prior study", columns, rows, words=4)
    crossed = document["threshold"]
    if crossed:
        chances = [[_chance(each[way]) for way in ("rise", "fall")] for each in crossed["volumes"]]
        rows = [(each["segment"].replace("_", " "), *both) for each, both in zip(crossed["volumes"], chances, strict=True)]
        columns = ("volume", f"rose by more than {crossed['percent']:g} %", f"fell by at least {crossed['percent']:g} %")
        terminal.table("Probability that the true volume", columns, rows)
    response = document["response"]
    if response:
        terminal.note(response["why"])
        if response["progression"] is not None:
            terminal.note(
                f"The true volume passed the threshold of progression with a probability of {100 * response['progression']:.0f} %, "
                f"that of response with {100 * response['response']:.0f} %."
            )
        if response["product_category"]:
            terminal.note(f"By the sum of bidimensional products: {response['product_category']}.")
        terminal.note(response["note"])
    terminal.warn(document["warnings"])
