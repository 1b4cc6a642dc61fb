"""The client of the worker. Plain Python: a timer in Slicer or a loop elsewhere calls `WorkerClient.poll`.

Needs numpy only; a test holds it to that, since Slicer imports it with the module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle.store import find_bundle
from ..errors import Cancelled, DeepVolumetryError, InputError
from ..modules import ModuleEntry, find
from . import protocol, shared
from .events import ErrorEvent, Event, LogEvent, ProgressEvent, ResultEvent
from .output import Output
from .process_tree import kill_group, kill_tree, start_options

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory

    from .pipeline import Images

__all__ = ["ErrorEvent", "Event", "LogEvent", "ProgressEvent", "ResultEvent", "WorkerClient", "find_python"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_LOG_LINES = 20
_YIELD_S, _PAUSE_S = 0.001, 0.01


class _Process:
    """A worker process and what it writes."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **start_options()
        )
        self.output = Output(self.popen)

    def send(self, message: protocol.Message) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(protocol.to_line(message))
        self.popen.stdin.flush()

    def close(self) -> None:
        """Ask to leave: the worker does so when its input ends."""
        with suppress(OSError):
            self.popen.stdin.close()  # type: ignore[union-attr]

    def end(self) -> None:
        """End it and what it started."""
        if self.output.has_ended and self.popen.returncode is None:
            kill_group(self.popen)  # nobody has waited for it yet, so its number is still its own
        kill_tree(self.popen)
        self.output.close()
        self.close()


class WorkerClient:
    """Runs modules in a worker process, one at a time. Starting, polling and cancelling never wait for the run.

    Use it from one thread. `is_running` changes only in `start`, `poll`, `cancel` and `close`.

    Args:
        python: the Python program; `find_python` if None. In Slicer: PythonSlicer.
        extra_path: folders for the worker's module search path, before those that it has.
        idle_s: seconds after which an idle worker leaves.

    Example:
        >>> with WorkerClient() as client:
        ...     client.start("renal", {"volume": image}, {"members": 4})
        ...     for event in client.events():
        ...         print(event)
    """

    def __init__(self, python: str | Path | None = None, extra_path: Iterable[str | Path] = (), idle_s: float = 600) -> None:
        self._python = python
        self._extra_path = [str(path) for path in extra_path]
        self._idle_s = idle_s
        self._process: _Process | None = None
        self._request: protocol.Message | None = None
        self._images: Images = {}
        self._input: SharedMemory | None = None
        self._runs = 0
        self._phase = ""
        self._tail: deque[str] = deque(maxlen=_LOG_LINES)
        self._left_over: list[Event] = []

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        """True from `start` until `poll` has handed out the result or the error, or `cancel`."""
        return self._request is not None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, or of its launcher; None if there is none now."""
        return self._process.popen.pid if self._process is not None and not self._process.output.has_ended else None

    def start(
        self,
        module: str | ModuleEntry,
        images: Images,
        parameters: Mapping[str, Any] | None = None,
        bundle: str | Path | None = None,
        device: str = "auto",
    ) -> None:
        """Begin a run; the images are copied, so they may change afterwards.

        Args:
            module: key ("renal") or an entry of one's own.
            images: by the names of the module's inputs.
            parameters: values for the module's `Parameters`.
            bundle: folder or name of the bundle; the one that ships if None.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            InputError: if a run is under way already, or there is no such module.
            ModelError: if the module is not installed or has no such bundle.
            ResourceError: if there is not enough shared memory.
            DeepVolumetryError: if the worker cannot be started.
        """
        if self.is_running:
            raise InputError(protocol.BUSY)
        entry = find(module)
        library_path = str(entry.library_folder.parent)
        model = find_bundle(entry, bundle).resolve() if bundle else None
        arrays: list[Any] = []
        encoded = protocol.encode(dict(images), arrays)
        block = shared.new_name()
        self._input, places = shared.write(block, arrays)
        self._runs += 1
        self._images, self._phase = dict(images), ""
        self._tail.clear()
        self._left_over.clear()
        self._request = {
            "type": "run",
            "id": self._runs,
            "module": asdict(entry),
            "library_path": library_path,
            "images": encoded,
            "parameters": dict(parameters or {}),
            "bundle": str(model) if model else None,
            "device": device,
            "input_block": block,
            "input_arrays": places,
            "output_block": shared.new_name(),
        }
        try:
            self._send_request()
        except BaseException:
            self._finish()
            raise

    def poll(self) -> list[Event]:
        """What happened since the last call; returns at once. A result or an error comes last."""
        # Slicer's event loop keeps the interpreter between its calls into Python; the threads that wait get it while this sleeps.
        time.sleep(_YIELD_S)
        events, self._left_over = self._left_over, []
        was_running = self.is_running
        while self._process is not None and self.is_running == was_running:
            message = self._process.output.next()
            if message is None:
                break
            events += self._handle(message)
        return events

    def events(self) -> Iterator[Event]:
        """The events of the run as they come, until it has ended."""
        while self.is_running or self._left_over:
            found = self.poll()
            yield from found
            if not found and self.is_running:
                time.sleep(_PAUSE_S)

    def cancel(self) -> None:
        """End the run and its process tree now; `poll` then gives an `ErrorEvent` with exit code 130. No run, no effect."""
        if not self.is_running:
            return
        self._left_over = [ErrorEvent(str(Cancelled()), Cancelled.exit_code, self._phase, tuple(self._tail))]
        self._kill()
        self._finish()

    def close(self) -> None:
        """End the worker, running or not."""
        if self._process is not None and not self.is_running:
            self._process.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.popen.wait(timeout=1)
        self._kill()
        self._finish()

    def _send_request(self) -> None:
        if self._process is not None and self._process.output.has_ended:
            self._kill()
        if self._process is None:
            self._launch()
        try:
            self._process.send(self._request)  # type: ignore[union-attr, arg-type]
        except OSError:
            # It left in this very moment, e.g. after its idle time.
            self._kill()
            self._launch()
            self._process.send(self._request)  # type: ignore[union-attr, arg-type]

    def _launch(self) -> None:
        python = str(self._python or find_python())
        command = [python, "-u", "-m", f"{__package__}.worker", "--parent", str(os.getpid()), "--idle-seconds", str(self._idle_s)]
        path = [*self._extra_path, str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONIOENCODING": "utf-8:replace"}
        # A file torch.py in the folder that the user happens to be in must not be taken for torch.
        environment["PYTHONSAFEPATH"] = "1"
        try:
            self._process = _Process(command, environment)
        except OSError as error:
            raise DeepVolumetryError(f"The worker could not be started: {python} ({error.strerror}). Check the installation.") from error

    def _handle(self, message: protocol.Message) -> list[Event]:
        kind = message["type"]
        if kind == "log":
            self._tail.append(message["text"])
            return [LogEvent(message["text"])]
        if kind == "ended":
            return self._handle_end(message["code"])
        if self._request is None or message.get("id") != self._request["id"]:
            return []
        if kind == "started":
            self._input = None
        elif kind == "progress":
            self._phase = message["phase"]
            return [ProgressEvent(message["phase"], message["fraction"], message["remaining_s"])]
        elif kind == "result":
            return [self._take_result(message)]
        elif kind == "error":
            self._finish()
            self._tail.extend(message["log"])
            error = ErrorEvent(message["message"], message["exit_code"], message["phase"], tuple(self._tail))
            return [*map(LogEvent, message["log"]), error]
        return []

    def _take_result(self, message: protocol.Message) -> Event:
        known = {name: image.voxels for name, image in self._images.items()}
        result = protocol.decode(message["result"], message["arrays"], known)
        if self._process is not None:
            with suppress(OSError):
                self._process.send({"type": "release"})
        self._finish()
        return ResultEvent(result)

    def _handle_end(self, code: int) -> list[Event]:
        self._kill()
        if self._request is None:
            return []
        if code == 0 and self._input is not None and not self._request.get("resent"):
            # It left after its idle time, before it saw the request.
            self._request["resent"] = True
            try:
                self._send_request()
            except (OSError, DeepVolumetryError):
                return [self._died(code)]
            return []
        return [self._died(code)]

    def _died(self, code: int | None) -> ErrorEvent:
        doing = f"during “{self._phase}”" if self._phase else "while it was starting"
        # On Linux the kernel ends with signal 9 what takes the last of the memory.
        advice = "The memory may have run out: close other programs, or crop the image." if code == -9 else "The log has the details."
        event = ErrorEvent(f"The computation ended unexpectedly {doing} (code {code}). {advice}", 1, self._phase, tuple(self._tail))
        self._kill()
        self._finish()
        return event

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _finish(self) -> None:
        """Forget the run; its blocks are freed whether or not they were opened."""
        if self._request is not None:
            shared.discard(self._request["input_block"])
            shared.discard(self._request["output_block"])
        self._request, self._input, self._images = None, None, {}


def find_python() -> str:
    """The Python program for the worker: this one, or inside Slicer its PythonSlicer.

    Raises:
        DeepVolumetryError: if there is none.
    """
    executable = Path(sys.executable or "")
    if not os.environ.get("SLICER_HOME") and executable.stem.lower().startswith("python"):
        return str(executable)
    suffix = ".exe" if sys.platform == "win32" else ""
    folders = [executable.parent, Path(os.environ.get("SLICER_HOME", "")) / "bin"]
    candidates = [shutil.which("PythonSlicer"), *(str(folder / f"PythonSlicer{suffix}") for folder in folders)]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return candidate
    if executable.stem.lower().startswith("python"):
        return str(executable)
    raise DeepVolumetryError("PythonSlicer was not found beside Slicer, so nothing can be computed. Install Slicer again.")
