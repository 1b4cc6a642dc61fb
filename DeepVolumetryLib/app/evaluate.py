"""``deepvolumetry evaluate``: a cohort with references to numbers that can be published."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from ..errors import Cancelled, InputError, ModelError
from ..image_io import read_image
from ..modules import ModuleEntry, find
from .console import Terminal, explain, number
from .evaluation import label_maps
from .evaluation.cases import Case, read_cases
from .evaluation.compare import compare
from .evaluation.summary import summarize_groups
from .inputs import INPUTS, PixelSizes, read
from .results import write_json, written
from .segment import MODULE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..engine.session import Session
    from ..image import Image

SCHEMA = 1
SINGLE_METHOD = "network"
"""What a module is evaluated by that has one method only."""


def evaluate(
    module: str = MODULE,
    cases: Path = typer.Option(
        ...,
        "--cases",
        help="CSV: case, a column per input, reference, and optional labels, group, volume_ml. spleen: or a folder of 3D label maps.",
        show_default=False,
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for metrics.json.", show_default=False),
    members: int | None = typer.Option(None, help="Predictions from which the uncertainty is computed.", show_default=False),
    method: str = typer.Option("", help="glioma: spu, unet, tta, lsu, mcdropout or ensemble; spleen: see docs/cli.md.", show_default=False),
    uncertainty: str | None = typer.Option(None, help="glioma: what the map shows: error, spread or entropy.", show_default=False),
    scheme: str = typer.Option("", help="What the values of the references mean where no column labels says it, e.g. brats2021, msd."),
    seed: int | None = typer.Option(None, help="Same seed, same result.", show_default=False),
    speed: str | None = typer.Option(None, help="fast, standard or thorough.", show_default=False),
    views: str = typer.Option("", help="spleen, on label maps: coronal, both, both-calipers or three; all if left out."),
    bundle: str = typer.Option("", help="Model bundle: a folder, or the name of an installed one."),
    device: str = typer.Option("auto", help="auto, cpu, cuda or mps."),
    keep: bool = typer.Option(False, "--keep", help="Also keep segmentation and maps of each case."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no table."),
    as_json: bool = typer.Option(False, "--json", help="Print metrics.json to stdout."),
) -> None:
    """Measure how well a module agrees with references; a run that was stopped goes on where it was."""
    from ..engine.session import Session

    entry = find(module)
    given = {"members": members, "seed": seed, "speed": speed, "uncertainty": uncertainty}
    parameters = {name: value for name, value in given.items() if value is not None}
    if method and method != SINGLE_METHOD:
        if not hasattr(entry.parameters(), "method"):
            raise InputError(f"{entry.title} has no method “{method}”; it has one only. Leave --method out.")
        parameters["method"] = method
    settings = entry.parameters(parameters)
    if column := getattr(entry.submodule("evaluation"), "LABEL_MAPS", ""):
        maps = label_maps.listed(cases, column, entry.submodule("shape_evaluation"))
        if maps is not None:
            _on_label_maps(entry, maps, out, settings.method, views, bundle, Terminal(quiet, as_json))
            return
    if views:
        raise InputError("--views is for label maps without images. Leave it out.")
    names = entry.submodule("evaluation").names_of(scheme)
    listed = read_cases(cases, INPUTS[entry.key])
    out.mkdir(parents=True, exist_ok=True)
    terminal = Terminal(quiet, as_json)
    evaluation = Evaluation(entry, out, parameters, names, bundle, device, keep, Session(), terminal)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for position, case in enumerate(listed, 1):
        try:
            done.append(evaluation.case(case, f"{position}/{len(listed)} {case.name}"))
        except (Cancelled, ModelError):
            raise  # neither gets better with the next case
        except Exception as error:  # whatever happens in one case, the others are still worth their numbers
            message, code = explain(error)
            failed.append({"case": case.name, "group": case.group, "message": message, "exit_code": code})
            terminal.warn([f"{case.name}: {message}"])
    document = {
        "schema": SCHEMA,
        "module": entry.key,
        "method": getattr(settings, "method", SINGLE_METHOD),
        "parameters": parameters,
        "model": done[0]["model"] if done else None,
        "device": done[0]["device"] if done else None,
        "groups": summarize_groups(done),
        "cases": done,
        "failed": failed,
    }
    write_json(out / "metrics.json", document)
    _show(document, terminal, out)
    terminal.report(document)
    if failed:
        names = ", ".join(entry["case"] for entry in failed)
        first = f"{failed[0]['case']}: {failed[0]['message']}"
        problem = InputError(f"{len(failed)} of {len(listed)} cases could not be evaluated ({names}). {first}")
        problem.exit_code = failed[0]["exit_code"]
        raise problem


def _on_label_maps(entry: ModuleEntry, maps: list[Any], out: Path, method: str, views: str, bundle: str, terminal: Terminal) -> None:
    """Estimate volumes from views that are cut from label maps; no network looks at a picture."""
    from ..bundle.store import open_bundle

    shapes = entry.submodule("shape_evaluation")
    if views and views not in shapes.SETTINGS:
        raise InputError(f"There are no views “{views}”. Choose one of: {', '.join(shapes.SETTINGS)}.")
    opened = open_bundle(entry, bundle or None)
    with terminal.progress() as progress, progress.phase("Estimating volumes", share=1.0):
        model = entry.submodule("model").volume_model(opened.path)
        found = shapes.evaluate(maps, model, (views,) if views else (), method, update=progress.update)
    made = {"name": opened.name, "version": opened.version, "sha256": opened.sha256, "license": opened.license}
    document = {"schema": SCHEMA, "module": entry.key, "method": method, "model": made, **found}
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "metrics.json", document)
    label_maps.write_csv(out / "volumes.csv", document)
    if document["rotation"] and entry.offers("pictures"):
        entry.submodule("pictures").write_rotation(out / "rotation.png", document["rotation"])
    label_maps.show(document, terminal)
    terminal.note(f"Every number is in {out / 'metrics.json'}.")
    terminal.report(document)
    if found["failed"]:
        first = found["failed"][0]
        names = ", ".join(each["case"] for each in found["failed"])
        counted = f"{len(found['failed'])} of {len(maps)} label maps"
        raise InputError(f"{counted} could not be evaluated ({names}). {first['case']}: {first['message']}")


class Evaluation:
    """Evaluates case after case with the model kept loaded; only numbers are kept in memory."""

    def __init__(
        self,
        entry: ModuleEntry,
        out: Path,
        parameters: dict[str, Any],
        names: dict[int, str],
        bundle: str,
        device: str,
        keep: bool,
        session: Session,
        terminal: Terminal,
    ) -> None:
        from ..bundle.store import open_bundle

        self.entry, self.out, self.parameters, self.device, self.keep = entry, out, parameters, device, keep
        self.session, self.terminal = session, terminal
        self.library, self.names = entry.submodule("evaluation"), names
        self.bundle = open_bundle(entry, bundle).path if bundle else None

    def case(self, case: Case, title: str) -> dict[str, Any]:
        """Numbers of one case: from an earlier run if nothing has changed since, else computed and remembered.

        Raises:
            InputError: if an image or the reference cannot be used.
        """
        memory = self.out / "cases" / f"{case.name}.json"
        fingerprint = self._fingerprint(case)
        known = _remembered(memory, fingerprint)
        if known is not None:
            return known
        numbers = self._compute(case, title)
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {"fingerprint": fingerprint, **numbers})
        return numbers

    def _compute(self, case: Case, title: str) -> dict[str, Any]:
        wanted = self.library.comparisons(case.labels or self.names)
        with self.terminal.progress(title) as progress:
            with progress.phase("Reading", share=0.05):
                files = read(case.inputs, INPUTS[self.entry.key], PixelSizes(case.spacing))
                images = {file.name: file.image for file in files}
                first = self.library.reference_input(images)
                reference = self._reference(case.reference, images[first], first, case.labels)
                further = {name: self._reference(path, images[name], name, case.labels) for name, path in case.references.items()}
            result = self.session.run(self.entry, images, self.parameters, progress, self.bundle, self.device)
        numbers = compare(result, reference, wanted, case.volumes_ml, self.library.region(result, images))
        for name, other in further.items():
            if name in result.companions:
                found = compare(result.companions[name], other, wanted, {})["targets"]
                numbers["targets"] |= {f"{target}_{name}": values for target, values in found.items()}
        made = result.provenance
        if self.keep:
            with written(self.out / "results" / case.name, result):
                pass
        return {
            "case": case.name,
            "group": case.group,
            **numbers,
            "seconds": made.seconds.get("total", 0.0),
            "peak_memory_mb": made.peak_memory_mb,
            "warnings": list(result.warnings),
            "model": {"name": made.model_name, "version": made.model_version, "sha256": made.model_sha256, "license": made.model_license},
            "device": made.device,
        }

    def _reference(self, path: Path, image: Image, name: str, labels: dict[int, str] | None) -> Image:
        """A label map on the grid of an image, with known values.

        Raises:
            InputError: if it is not.
        """
        reference = read_image(path, "reference")
        if reference.voxels.ndim != 3 or not reference.same_grid(image, tolerance_mm=0.05):
            raise InputError(f"The reference {_grid(reference)} is not on the grid of {name} {_grid(image)}. Resample it to the image.")
        return reference.with_voxels(_labels(reference, labels, self.names))

    def _fingerprint(self, case: Case) -> str:
        """Changes with whatever the numbers depend on."""
        from .. import __version__
        from ..bundle import find_bundle, list_bundles

        model = self.bundle or (find_bundle(self.entry) if list_bundles(self.entry) else None)
        files = [*case.inputs.values(), case.reference, *case.references.values(), *(sorted(model.rglob("*")) if model else [])]
        stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.exists()]
        given = (case.group, case.labels or self.names, sorted(case.volumes_ml.items()), case.spacing, sorted(self.parameters.items()))
        facts = [__version__, self.entry.key, self.device, given, stamps]
        return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def _labels(reference: Image, named: dict[int, str] | None, names: dict[int, str]) -> NDArray:
    """Whole numbers, all of them known: a map whose values mean something else would give wrong figures silently."""
    values = np.unique(reference.voxels)
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise InputError("The reference holds fractions. Give a label map, resampled with nearest neighbor.")
    unknown = [int(value) for value in values if value and int(value) not in names]
    if named is None and unknown:
        example = ";".join(f"{value}={name}" for value, name in names.items())
        raise InputError(f"The reference has the value {unknown[0]}. Add a column labels that names its values, like {example}.")
    return reference.voxels.astype(np.int32, copy=False)


def _remembered(path: Path, fingerprint: str) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if document.pop("fingerprint", None) == fingerprint else None


def _grid(image: Image) -> str:
    size = "×".join(map(str, image.size))
    return f"({size} voxels of {'×'.join(f'{step:.3g}' for step in image.spacing)} mm)"


def _show(document: dict[str, Any], terminal: Terminal, out: Path) -> None:
    for name, group in document["groups"].items():
        rows = []
        for target, found in group["targets"].items():
            volumes, interval = found["volume_agreement"], found["interval"]
            covered = "–" if interval["share"] is None else f"{100 * interval['share']:.0f} % of {interval['cases']}"
            cells = (
                number(found["dice"]["mean"], 3),
                number(found["dice"]["sd"], 3),
                number(found["hd95_mm"]["mean"]),
                number(volumes["bias"]),
            )
            rows.append(
                (
                    target,
                    str(found["dice"]["cases"]),
                    *cells,
                    number(volumes["pearson_r"], 3),
                    covered,
                    number(found["qu_brats"]["mean"], 3),
                )
            )
        columns = ("target", "cases", "Dice", "SD", "HD95 mm", "bias mL", "r", "in interval", "QU-BraTS")
        terminal.table(f"{name} ({group['cases']} cases)", columns, rows)
    terminal.note(f"Every number is in {out / 'metrics.json'}.")
