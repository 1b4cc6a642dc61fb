"""The worker: ``python -m DeepVolumetryLib.engine.worker --parent PID [--idle-seconds 600]``.

Runs modules for one client, with the networks kept loaded. It leaves after ten idle minutes, when its client closes
the pipe, and when its client is gone. Standard output carries messages only; whatever libraries print goes to the log.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from ..errors import DeepVolumetryError
from ..modules import ModuleEntry
from . import protocol, shared
from .process_tree import is_alive, kill_descendants
from .progress import RunProgress
from .session import Session

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory

_PARENT_INTERVAL_S = 0.5


class Worker:
    """Serves requests from one pipe until there is a reason to leave.

    Args:
        requests: binary stream of lines from the client.
        replies: binary stream of lines to the client.
        parent: process id of the client.
        idle_s: seconds without a run after which to leave.
    """

    def __init__(self, requests: IO[bytes], replies: IO[bytes], parent: int, idle_s: float) -> None:
        self._requests = requests
        self._replies = replies
        self._parent = parent
        self._idle_s = idle_s
        self._session = Session()
        self._inbox: queue.Queue[protocol.Message] = queue.Queue()
        self._busy = threading.Lock()
        self._sending = threading.Lock()
        self._current: protocol.Message = {}
        self._outgoing: SharedMemory | None = None

    def serve(self) -> None:
        """Answer requests; ends with the process."""
        threading.Thread(target=self._listen, name="requests", daemon=True).start()
        threading.Thread(target=self._watch_parent, name="parent", daemon=True).start()
        while True:
            try:
                request = self._inbox.get(timeout=self._idle_s)
            except queue.Empty:
                # A result that the client has not taken yet would go with this process.
                if self._outgoing is None:
                    self._leave()
                continue
            self._current = request
            reply = self._answer(request)
            # Free for the next run before the client can know that this one is done.
            self._busy.release()
            self._send(reply)

    def _answer(self, request: protocol.Message) -> protocol.Message:
        progress = RunProgress(self._report)
        log: list[str] = []
        try:
            return self._run(request, progress)
        except DeepVolumetryError as error:
            message, code = str(error), error.exit_code
            if error.__cause__ is not None:
                log = traceback.format_exception(error)
        except Exception as error:
            doing = f"“{progress.phase_name}” failed" if progress.phase_name else "The run failed"
            message, code = f"{doing}: {type(error).__name__}: {error}. The log has the details.", 1
            log = traceback.format_exception(error)
        # The traceback goes with the message: through the other pipe it might come too late to be shown with it.
        lines = "".join(log).splitlines()
        return {"type": "error", "id": request["id"], "message": message, "exit_code": code, "phase": progress.phase_name, "log": lines}

    def _run(self, request: protocol.Message, progress: RunProgress) -> protocol.Message:
        arrays = shared.read(request["input_block"], request["input_arrays"])
        self._send({"type": "started", "id": request["id"]})
        images = protocol.decode(request["images"], arrays)
        entry = ModuleEntry(**request["module"])
        if request["library_path"] not in sys.path:
            sys.path.append(request["library_path"])
        bundle = Path(request["bundle"]) if request["bundle"] else None
        result = self._session.run(entry, images, request["parameters"], progress, bundle, request["device"])
        known = {name: image.voxels for name, image in images.items()}
        result_arrays: list[Any] = []
        value = protocol.encode(result, result_arrays, known)
        self._outgoing, places = shared.write(request["output_block"], result_arrays, boxes=True)
        return {"type": "result", "id": request["id"], "result": value, "block": request["output_block"], "arrays": places}

    def _report(self, phase: str, fraction: float, remaining_s: float | None) -> None:
        message = {"type": "progress", "id": self._current["id"], "phase": phase, "fraction": fraction, "remaining_s": remaining_s}
        self._send(message)

    def _send(self, message: protocol.Message) -> None:
        try:
            with self._sending:
                self._replies.write(protocol.to_line(message))
                self._replies.flush()
        except OSError:
            self._leave()

    def _listen(self) -> None:
        for line in self._requests:
            request = protocol.from_line(line)
            kind = request["type"] if request else ""
            if request and kind == "run":
                if self._busy.acquire(blocking=False):
                    self._inbox.put(request)
                else:
                    shared.discard(request["input_block"])
                    self._send({"type": "error", "id": request["id"], "message": protocol.BUSY, "exit_code": 2, "phase": "", "log": []})
            elif kind == "release":
                self._outgoing = None
            elif kind == "quit":
                break
            else:
                print(f"A request could not be read: {line[:200]!r}", file=sys.stderr, flush=True)
        self._leave()

    def _watch_parent(self) -> None:
        """The pipe ends with the client, unless something that the client started has inherited it."""
        while is_alive(self._parent):
            time.sleep(_PARENT_INTERVAL_S)
        self._leave()

    def _leave(self) -> NoReturn:
        """End at once, from any thread, whatever the others do; nothing is left behind."""
        with suppress(Exception):
            kill_descendants()
        for block in ("input_block", "output_block"):
            with suppress(Exception):
                shared.discard(self._current[block])
        os._exit(0)


def private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output of this process for messages alone.

    Output of libraries, in C too, is sent to standard error. Standard input becomes the null device: on Windows a
    library that looks at it while it is being read would wait for ever.
    """
    sys.stdout.flush()
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(
        prog="DeepVolumetryLib.engine.worker", description="Runs modules for a client over standard input and output."
    )
    parser.add_argument("--parent", type=int, required=True, help="process id of the client")
    parser.add_argument("--idle-seconds", type=float, default=600, help="leave after this time without a run")
    options = parser.parse_args(arguments)
    Worker(*private_pipes(), options.parent, options.idle_seconds).serve()


if __name__ == "__main__":
    main()
