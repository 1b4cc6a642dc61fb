"""``deepvolumetry batch``: a cohort on Dask; one case that fails fails alone, and a run that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ...errors import Cancelled, DeepVolumetryError, InputError
from ...modules import MODULES, find
from ..console import Terminal
from . import cluster, plan
from .admission import lock
from .cohort import Case, as_options, checked, read_cohort
from .plan import DONE, FAILED, WAITING, Outcome

SCHEMA = 1


def batch(
    cohort: str = typer.Argument(
        ..., metavar="COHORT", help="cohort.csv, a folder of DICOM studies, or the address of a DICOMweb server.", show_default=False
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the results, one folder a case.", show_default=False),
    module: str = typer.Option("", help="renal, glioma, spleen or femur, for cases that name none."),
    scheduler: str = typer.Option("", metavar="ADDRESS", help="Address of a Dask scheduler; workers are started here if left out."),
    workers: int | None = typer.Option(None, min=1, help="Workers to start here; chosen by cores, memory and GPUs.", show_default=False),
    option: list[str] = typer.Option(
        [], metavar="NAME[=VALUE]", help="An option of segment for all cases: members=4, pdf, speed=fast.", show_default=False
    ),
    device: str = typer.Option("auto", help="auto, cpu, cuda or mps."),
    timeout: float = typer.Option(120, min=0, help="Minutes after which a case is ended; 0 is never."),
    memory: float = typer.Option(0, min=0, help="GB of memory above which a case is ended; 0 is nine tenths of the computer's."),
    query: list[str] = typer.Option(
        [], metavar="KEYWORD=VALUE", help="DICOMweb: what to search for, e.g. StudyDate=20260101-20260331.", show_default=False
    ),
    thumbnails: bool = typer.Option(True, help="Keep a small picture of each case for cohort.html."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no table."),
    as_json: bool = typer.Option(False, "--json", help="Print what became of the cases as JSON to stdout."),
) -> None:
    """Segment a cohort on this computer or on a Dask cluster, and summarize it."""
    cluster.require_dask()
    if module:
        find(module)
    terminal = Terminal(quiet, as_json)
    common = [word for text in option for word in as_options(*_pair(text), "--option")]
    cases = _cases(cohort, out, module, common, query, terminal)
    out.mkdir(parents=True, exist_ok=True)
    limits = {"timeout_s": timeout * 60, "memory_mb": memory * 1000, "thumbnail": thumbnails}
    with _alone(out):
        stopped: BaseException | None = None
        known = plan.outcomes(out, cases, device)
        todo = [case for case in cases if known[case.name].state != DONE]
        try:
            _run(todo, known, out, scheduler, workers, device, limits, terminal, kept=len(cases) - len(todo))
        except (KeyboardInterrupt, DeepVolumetryError) as error:
            stopped = error
        document = _summarize(cases, known, out, terminal)
    terminal.report(document)
    _end(document, stopped)


def _cases(cohort: str, out: Path, module: str, common: Sequence[str], query: Sequence[str], terminal: Terminal) -> list[Case]:
    """The cases of a list, a folder or a server."""
    if query and not cohort.startswith(("http://", "https://")):
        raise InputError("--query is for DICOMweb servers. Leave it out.")
    if cohort.startswith(("http://", "https://")):
        from .dicomweb import find_cases

        found = find_cases(cohort, _needed(module), common, dict(map(_pair, query)))
    elif Path(cohort).is_dir():
        from .studies import find_cases as in_folder

        with terminal.progress("DICOM") as progress, progress.phase("Looking for series", share=1.0):
            found = in_folder(Path(cohort), _needed(module), common, progress.update, leave_out=out)
    else:
        return read_cohort(Path(cohort), module, common)
    return [checked(case) for case in found]


def _needed(module: str) -> str:
    if not module:
        raise InputError(f"Say which module is to be used: --module {'|'.join(MODULES)}.")
    return module


def _pair(text: str) -> tuple[str, str]:
    name, _separator, value = text.partition("=")
    return name.strip(), value.strip()


def _run(
    todo: list[Case],
    known: dict[str, Outcome],
    out: Path,
    scheduler: str,
    workers: int | None,
    device: str,
    limits: dict[str, Any],
    terminal: Terminal,
    kept: int,
) -> None:
    """Run what is to be done; `known` is brought up to date as outcomes come."""
    from .dispatch import Dispatcher
    from .progress import shown

    jobs = []
    with shown(terminal, len(todo), kept) as tell:

        def take(outcome: Outcome) -> None:
            known[outcome.case] = outcome
            tell(outcome)

        for case in todo:
            if case.problem:
                outcome = Outcome(case.name, known[case.name].fingerprint, FAILED, case.problem, case.exit_code)
                plan.forget(out / case.name, plan.read_outcome(plan.record_path(out, case.name)))
                plan.write_outcome(out, outcome)
                take(outcome)
            else:
                jobs.append(plan.job_of(case, out, device, **limits))
        if jobs:
            with cluster.connected(scheduler, workers, device, most=len(jobs)) as connected:
                Dispatcher(connected, out, device, take).run(jobs)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two runs into one folder would undo each other's work.

    Raises:
        InputError: if another one is at work there.
    """
    (out / plan.STATE).mkdir(parents=True, exist_ok=True)
    with (out / plan.STATE / "lock").open("a+b") as file:
        if not lock(file, wait=False):
            raise InputError(f"Another batch is at work in {out}. Wait until it has ended, or choose another folder.")
        yield


def _summarize(cases: list[Case], known: dict[str, Outcome], out: Path, terminal: Terminal) -> dict[str, Any]:
    """Write the tables and the page, and tell what came of the cohort."""
    from .page import write_page
    from .tables import rows_of, write_tables

    rows = rows_of(cases, known, out)
    write_tables(rows, out)
    write_page(rows, out)
    counts = {state: sum(row.outcome.state == state for row in rows) for state in (DONE, FAILED, WAITING)}
    terminal.note(f"{counts[DONE]} of {len(rows)} cases are done, {counts[FAILED]} failed, {counts[WAITING]} wait.")
    terminal.note(f"Results are in {out}, the summary in {out / 'cohort.html'}.")
    listed = [
        {"case": row.case.name, "state": row.outcome.state, "message": row.outcome.message, "exit_code": row.outcome.exit_code}
        for row in rows
    ]
    return {"schema": SCHEMA, **counts, "cases": listed}


def _end(document: dict[str, Any], stopped: BaseException | None) -> None:
    """Raise what the exit code follows from: Ctrl-C, then what stopped the run, then the first case that failed."""
    done, total = document[DONE], len(document["cases"])
    if isinstance(stopped, KeyboardInterrupt):
        raise Cancelled(f"Stopped. {done} of {total} cases are done; run the same command again to go on.")
    if stopped is not None:
        raise stopped
    failed = [each for each in document["cases"] if each["state"] == FAILED]
    if failed:
        first = failed[0]
        names = ", ".join(each["case"] for each in failed[:5]) + (" …" if len(failed) > 5 else "")
        problem = InputError(f"{len(failed)} of {total} cases failed ({names}). {first['case']}: {first['message']}")
        problem.exit_code = first["exit_code"] or 1
        raise problem
