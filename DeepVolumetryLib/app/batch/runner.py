"""What a Dask worker does with a case: give it to a warm process of its own, and end that if it takes too long or too much."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from ...engine import protocol
from ...engine.process_tree import kill_tree, start_options
from ...errors import Cancelled, InputError, ResourceError
from ..console import explain
from .admission import Room, resident_bytes
from .plan import DONE, FAILED, Job, Outcome, read_outcome, still_valid, write_outcome
from .wording import without_paths

_ROOT = Path(__file__).resolve().parents[3]
_TRIES = 2
_POLL_S = 0.2
_MOST = 0.9  # of the memory of the computer, before the kernel chooses a process to end
_IDLE: list[_Process] = []
_LOCK = threading.Lock()


class _Process:
    """A child and the thread that reads what it writes."""

    def __init__(self, threads: int) -> None:
        variables = {"PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))), "PYTHONUTF8": "1"}
        if threads:
            variables |= {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
            variables["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
        self.threads = threads
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.tail: deque[str] = deque(maxlen=20)
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "DeepVolumetryLib.app.batch.child", "--parent", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **variables}, **start_options(),
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._read_log, daemon=True).start()

    def send(self, job: Job) -> None:
        assert self.popen.stdin is not None
        with suppress(OSError):  # it is gone, and the end of its output says so
            self.popen.stdin.write((json.dumps(asdict(job)) + "\n").encode())
            self.popen.stdin.flush()

    def end(self) -> None:
        kill_tree(self.popen)
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            with suppress(OSError, AttributeError):
                pipe.close()  # type: ignore[union-attr]

    def _listen(self) -> None:
        assert self.popen.stdout is not None
        with suppress(ValueError, OSError):
            for line in self.popen.stdout:
                message = protocol.from_line(line)
                if message:
                    self.messages.put(message)
        self.messages.put({"type": "ended"})

    def _read_log(self) -> None:
        assert self.popen.stderr is not None
        with suppress(ValueError, OSError):
            for line in self.popen.stderr:
                self.tail.append(line.decode("utf-8", errors="replace").rstrip())


class _Stopped(Exception):
    """A case went beyond a limit; the sentence is for the user."""


def run_case(values: dict[str, Any]) -> dict[str, Any]:
    """Run a job (as a dictionary), write down what became of it and return that (an `Outcome` as a dictionary).

    A case that was finished by a worker which could not tell any more is not run again.
    """
    job = Job(**values)
    try:
        known = read_outcome(job.record)
        if known is not None and still_valid(known, job.fingerprint, job.folder):
            return known.to_dict()
        if not Path(job.out).is_dir():
            raise InputError(
                f"{socket.gethostname()} does not see the folder for the results. It must be on a file system that all workers share."
            )
        outcome = _attempted(job, _cancellation())
        write_outcome(Path(job.out), outcome)
    except Cancelled:
        raise
    except Exception as error:  # such as a full disk: the case fails, the worker stays
        message, code = explain(error)
        outcome = Outcome(job.case, job.fingerprint, FAILED, without_paths(message, _names(job)), code, host=socket.gethostname())
    return outcome.to_dict()


def _attempted(job: Job, check: Callable[[], None]) -> Outcome:
    began, clock = time.time(), time.perf_counter()
    told: dict[str, Any] = {}
    attempts = 0
    while attempts < _TRIES:
        attempts += 1
        process = _take(job.threads)
        try:
            with Room().reserved(job.expected_mb * 1e6, process.popen.pid, check):
                told = _watched(process, job, check)
        except _Stopped as stopped:
            process.end()
            told = {"state": FAILED, "message": str(stopped), "exit_code": ResourceError.exit_code}
        except BaseException:
            process.end()
            raise
        if told:
            if told["state"] == DONE or process.popen.poll() is None:
                _give_back(process)
            break
        process.end()
    if not told:
        code, log = process.popen.returncode, "\n".join(process.tail)
        ending = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
        message = (
            f"Its process ended unexpectedly in each of {_TRIES} attempts ({ending}). The memory may have run out, or the file makes a "
            "library crash: try this case alone with deepvolumetry segment."
        )
        told = {"state": FAILED, "message": message, "exit_code": 1, "log": without_paths(log, _names(job))}
    told.pop("type", None)
    told = {"seconds": round(time.perf_counter() - clock, 3), **told}
    return Outcome(job.case, job.fingerprint, host=socket.gethostname(), began=round(began, 3), attempts=attempts, **told)


def _watched(process: _Process, job: Job, check: Callable[[], None]) -> dict[str, Any]:
    """The reply of the child; {} if it ended without one.

    Raises:
        _Stopped: if the case goes beyond a limit.
    """
    process.send(job)
    deadline = time.monotonic() + job.timeout_s if job.timeout_s else float("inf")
    limit = job.memory_mb * 1e6 or _MOST * psutil.virtual_memory().total
    while True:
        with suppress(queue.Empty):
            message = process.messages.get(timeout=_POLL_S)
            return {} if message["type"] == "ended" else message
        check()
        if time.monotonic() > deadline:
            raise _Stopped(
                f"It was ended after {_minutes(job.timeout_s)}, the limit for one case. Raise it with --timeout, or crop the image."
            )
        if resident_bytes(process.popen.pid) > limit:
            raise _Stopped(
                f"More than {limit / 1e9:.1f} GB of memory were needed, the limit for one case. Raise it with --memory, use fewer "
                "workers, or crop the image."
            )


def _take(threads: int) -> _Process:
    with _LOCK:
        while _IDLE:
            process = _IDLE.pop()
            if process.popen.poll() is None and process.threads == threads:
                return process
            process.end()
    return _Process(threads)


def _give_back(process: _Process) -> None:
    with _LOCK:
        _IDLE.append(process)


def close() -> None:
    """End the processes that wait for work."""
    with _LOCK:
        while _IDLE:
            _IDLE.pop().end()


def _cancellation() -> Callable[[], None]:
    """What raises `Cancelled` once Dask does not want the task any more; nothing outside of a Dask worker."""
    try:
        from distributed import get_worker

        worker = get_worker()
        key = worker.get_current_task()
    except (ImportError, ValueError):
        return lambda: None

    def check() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state in ("cancelled", "released", "forgotten") or worker.status.name in ("closing", "closed"):
            raise Cancelled

    return check


def _names(job: Job) -> dict[str, str]:
    return {source["path"]: name for name, source in job.sources.items() if source["path"]}


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
