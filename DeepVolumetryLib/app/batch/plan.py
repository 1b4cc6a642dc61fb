"""What is still to be done: a case is run again only if it failed, or its images, options, model or the program changed.

What became of a case is in ``DIR/.batch/<case>.json``, written after its folder was. A run may therefore be ended at any moment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ...bundle.store import open_bundle
from ...errors import DeepVolumetryError
from ...modules import MODULES, ModuleEntry, find
from ..results import write_json
from .cohort import Case
from .sources import Source

STATE = ".batch"
DONE, FAILED, WAITING = "done", "failed", "waiting"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: its name.
        fingerprint: of what its results depend on.
        state: `DONE`, `FAILED`, or `WAITING` if it was never run to its end.
        message: the sentence that says why it failed.
        exit_code: that ``segment`` would have answered with.
        files: of the folder -> size in bytes.
        seconds: that the case took on its worker.
        cold_s: of these, for importing and loading.
        peak_mb: most memory that its process had, MB.
        host: computer that it ran on.
        began: seconds since 1970.
        attempts: how often it was begun.
        log: traceback, for a defect of the program.
    """

    case: str
    fingerprint: str
    state: str
    message: str = ""
    exit_code: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cold_s: float = 0.0
    peak_mb: float = 0.0
    host: str = ""
    began: float = 0.0
    attempts: int = 1
    log: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """A case as a worker gets it: nothing but text and numbers, so that it may come from another computer.

    Attributes:
        case: name.
        entry, library_path: the module, and the folder that its package lies in on the computer that sends the job.
        sources: input -> `Source` as a dictionary.
        options: as on the command line.
        device: auto, cpu, cuda or mps.
        out: absolute path of the folder of all cases.
        fingerprint: of what the results depend on.
        version: of this program.
        threads: for the computation; 0 leaves it to the environment.
        timeout_s, memory_mb: after and above which the case is ended; 0 is no limit.
        expected_mb: memory that it will probably take.
        thumbnail: whether to keep a small picture for cohort.html.
    """

    case: str
    entry: Mapping[str, Any]
    library_path: str
    sources: Mapping[str, Mapping[str, Any]]
    options: tuple[str, ...]
    device: str
    out: str
    fingerprint: str
    version: str = __version__
    threads: int = 0
    timeout_s: float = 0.0
    memory_mb: float = 0.0
    expected_mb: float = 0.0
    thumbnail: bool = True

    @property
    def folder(self) -> Path:
        """Of the results."""
        return Path(self.out) / self.case

    @property
    def record(self) -> Path:
        """What became of it."""
        return record_path(Path(self.out), self.case)


def record_path(out: Path, case: str) -> Path:
    """The file that says what became of a case."""
    return out / STATE / f"{case}.json"


def job_of(case: Case, out: Path, device: str = "auto", **limits: Any) -> Job:
    """The case as a job; `limits` are threads, timeout_s, memory_mb and thumbnail.

    Raises:
        ModelError: if the module is not installed.
    """
    entry = find(case.module)
    return Job(
        case=case.name,
        entry=asdict(entry),
        library_path=str(entry.library_folder.parent),
        sources={name: source.to_dict() for name, source in case.sources.items()},
        options=case.options,
        device=device,
        out=str(out.absolute()),
        fingerprint=fingerprint(case, device),
        **limits,
    )


def fingerprint(case: Case, device: str = "auto") -> str:
    """Changes with whatever the results of a case depend on.

    Files count by name, size and time of change, not by content: a thousand scans would take an hour to read.
    """
    bundle = case.options[case.options.index("--bundle") + 1] if "--bundle" in case.options[:-1] else ""
    facts = [
        __version__,
        case.module,
        [(name, source.shown, source.stamps()) for name, source in sorted(case.sources.items())],
        list(case.options),
        device,
        model_mark(case.module, bundle) if case.module else "",
        case.problem,
        _stamp_of_prior(case.options),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@cache
def model_mark(module: str, bundle: str) -> str:
    """Changes with the weights: those that ship are listed in the manifest, others are looked at."""
    entry: ModuleEntry = MODULES[module]
    manifest = entry.manifest_path.read_bytes() if entry.manifest_path.is_file() else b""
    mark = hashlib.sha256(manifest).hexdigest()
    if bundle:
        try:
            mark += open_bundle(entry, bundle).sha256
        except DeepVolumetryError as error:
            mark += str(error)  # the case will say so itself
    return mark


def _stamp_of_prior(options: tuple[str, ...]) -> list[Any]:
    if "--prior" not in options[:-1]:
        return []
    return list(Source(path=options[options.index("--prior") + 1]).stamps())


def read_outcome(path: Path) -> Outcome | None:
    """What an earlier run wrote; None if there is nothing that can be read."""
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_outcome(out: Path, outcome: Outcome) -> None:
    """Remember it."""
    path = record_path(out, outcome.case)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, outcome.to_dict())


def still_valid(outcome: Outcome | None, wanted: str, folder: Path) -> bool:
    """True if a case is done: nothing has changed since, and every file that was written is there in its length."""
    if outcome is None or outcome.state != DONE or outcome.fingerprint != wanted or not outcome.files:
        return False
    return all(_size(folder / name) == size for name, size in outcome.files.items())


def files_of(folder: Path) -> dict[str, int]:
    """Files of a folder, and of those in it, with their sizes."""
    return {each.relative_to(folder).as_posix(): each.stat().st_size for each in sorted(folder.rglob("*")) if each.is_file()}


def forget(folder: Path, outcome: Outcome | None) -> None:
    """Take away what an earlier run wrote for a case that has changed since; other files stay."""
    for name in outcome.files if outcome else ():
        (folder / name).unlink(missing_ok=True)
    for each in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True) if folder.is_dir() else ():
        if not any(each.iterdir()):
            each.rmdir()


def outcomes(out: Path, cases: Iterable[Case], device: str = "auto") -> dict[str, Outcome]:
    """What is known of each case, by name: what has changed since is waiting."""
    found = {}
    for case in cases:
        wanted = fingerprint(case, device)
        known = read_outcome(record_path(out, case.name))
        if known is not None and known.fingerprint == wanted and (known.state == FAILED or still_valid(known, wanted, out / case.name)):
            found[case.name] = known
        else:
            found[case.name] = Outcome(case.name, wanted, WAITING)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
