"""A process that works on one case after the other with its networks kept loaded: ``python -m DeepVolumetryLib.app.batch.child``.

Whatever a case does to it, it does to this process alone; `runner` then starts another one. It leaves with its parent.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from ... import __version__
from ...engine import protocol
from ...engine.memory import peak_memory_mb, reset_peak
from ...engine.process_tree import is_alive, kill_descendants
from ...engine.session import Session
from ...engine.worker import private_pipes
from ...errors import DeepVolumetryError, InputError
from ...modules import MODULES, ModuleEntry
from ..console import Terminal, explain
from .cohort import order_of
from .plan import Job, files_of, forget, read_outcome
from .sources import Source, at_hand
from .wording import without_paths

_PARENT_INTERVAL_S = 0.5


class Child:
    """Answers jobs from one pipe with what became of them."""

    def __init__(self) -> None:
        self._session = Session()

    def answer(self, job: Job) -> dict[str, Any]:
        """Run a case.

        Returns:
            what `Outcome` takes: state, message, exit_code, files, seconds, cold_s, peak_mb, log.
        """
        began = time.perf_counter()
        reset_peak()
        told: dict[str, Any] = {"state": "failed", "files": {}, "cold_s": 0.0, "log": ""}
        names = {str(Path(source["path"])): name for name, source in job.sources.items() if source["path"]}
        try:
            document = self._run(job, names)
            cold = sum(document["seconds"][phase] for phase in ("import", "load"))
            told |= {"state": "done", "message": "", "exit_code": 0, "files": files_of(job.folder), "cold_s": cold}
        except Exception as error:
            message, code = explain(error)
            told |= {"message": without_paths(message, names), "exit_code": code}
            if not isinstance(error, DeepVolumetryError):
                told["log"] = without_paths(traceback.format_exc(), names)
        return {**told, "seconds": round(time.perf_counter() - began, 3), "peak_mb": round(peak_memory_mb(), 1)}

    def _run(self, job: Job, names: dict[str, str]) -> dict[str, Any]:
        if job.version != __version__:
            raise InputError(f"A worker has DeepVolumetry {__version__}, but the cohort was started with {job.version}. Install the same.")
        entry = ModuleEntry(**job.entry)
        if Path(job.library_path).is_dir() and job.library_path not in sys.path:
            sys.path.append(job.library_path)
        MODULES[entry.key] = entry
        forget(job.folder, read_outcome(job.record))
        sources = {name: Source.from_dict(values) for name, values in job.sources.items()}
        with at_hand(sources) as paths:
            names |= {str(path): name for name, path in paths.items()}
            order = order_of(entry, ("--device", job.device, *job.options), [f"{name}={path}" for name, path in paths.items()])
            called = {name: source.shown for name, source in sources.items()}
            terminal = Terminal(quiet=True)
            return order.run(job.folder, terminal, session=self._session, called=called, seen=lambda result: _keep_thumbnail(job, result))


def _keep_thumbnail(job: Job, result: Any) -> None:
    if job.thumbnail:
        from .thumbnail import write_thumbnail

        write_thumbnail(job.record.with_suffix(".jpg"), result)


def _watch(parent: int) -> None:
    while is_alive(parent):
        time.sleep(_PARENT_INTERVAL_S)
    kill_descendants()
    os._exit(0)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="DeepVolumetryLib.app.batch.child", description="Runs cases of a cohort for a Dask worker.")
    parser.add_argument("--parent", type=int, required=True, help="process id of the worker")
    parent = parser.parse_args(arguments).parent
    requests, replies = private_pipes()
    warnings.simplefilter("ignore")
    os.environ.setdefault("ITK_GLOBAL_WARNING_DISPLAY", "OFF")
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    child = Child()
    for line in requests:
        reply = child.answer(Job(**json.loads(line)))
        replies.write(protocol.to_line({"type": "outcome", **reply}))
        replies.flush()
    kill_descendants()
    os._exit(0)


if __name__ == "__main__":
    main()
