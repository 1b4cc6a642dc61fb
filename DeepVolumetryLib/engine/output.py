"""What a worker process writes, taken over without making Python objects in other threads.

Python looks for garbage where an object is made that could be part of a cycle, in whichever thread that happens. In Slicer such garbage
holds widgets and VTK objects, and to delete those outside of the main thread ends the program. So the threads that wait for the
worker hand over bytes and make nothing else; messages are made of them in the thread that asks. The one thread that does more,
because gigabytes must not hold up a window, runs while garbage collection is off.
"""

from __future__ import annotations

import _thread
import gc
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from subprocess import Popen
from typing import IO

from ..errors import ResourceError
from . import protocol, shared
from .process_tree import kill_group

_CHUNK = 1 << 20
_SOON_S = 0.02
_LOG_PATIENCE_S, _CLOSE_PATIENCE_S = 1.0, 0.2


class Output:
    """Messages of a worker, log lines among them. `next` never waits for the worker.

    Args:
        process: started with pipes for its output and its errors.
    """

    def __init__(self, process: Popen[bytes]) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._process = process
        self._lines, self._log = _Lines(process.stdout), _Lines(process.stderr)
        self._taking: _Taking | None = None
        self._log_until = 0.0
        self._told = False

    @property
    def has_ended(self) -> bool:
        """True if the worker has closed its output, which it does by ending."""
        return self._lines.has_ended

    def next(self) -> protocol.Message | None:
        """The next message, None if there is none yet; "ended" with the exit code is the last."""
        if (line := self._log.next()) is not None:
            return {"type": "log", "text": _text(line)}
        if self._taking is None and (line := self._lines.next()) is not None:
            message = protocol.from_line(line) or {"type": "log", "text": _text(line)}
            if message["type"] != "result":
                return message
            self._taking = _Taking(message)
        if self._taking is not None:
            return self._finish() if self._taking.is_done() else None
        return self._end() if self.has_ended and not self._told else None

    def close(self) -> None:
        """After the process was killed: let go of what it wrote, and of its pipes once nothing writes into them."""
        self._finish()
        deadline = time.monotonic() + _CLOSE_PATIENCE_S
        while not (self._lines.has_ended and self._log.has_ended) and time.monotonic() < deadline:
            for pipe in (self._lines, self._log):
                while pipe.next() is not None:
                    pass
            time.sleep(0.001)

    def _finish(self) -> protocol.Message | None:
        """A result that is being taken over, waited for; None if there is none."""
        taking, self._taking = self._taking, None
        return taking.message() if taking is not None else None

    def _end(self) -> protocol.Message | None:
        # While it has not been waited for, its number cannot belong to anything else.
        if self._process.returncode is None:
            kill_group(self._process)
        self._log_until = self._log_until or time.monotonic() + _LOG_PATIENCE_S
        if not self._log.has_ended and time.monotonic() < self._log_until:
            return None  # its last words are still on the way
        if self._process.poll() is None and time.monotonic() < self._log_until:
            return None
        self._told = True
        return {"type": "ended", "code": self._process.returncode}


class _Lines:
    """Lines of a pipe, read by a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._lines: deque[bytes] = deque()
        self._rest = b""
        # A threading.Thread makes objects of its own before and after it runs.
        _thread.start_new_thread(_hand_over, (stream.fileno(), self._chunks.put))

    @property
    def has_ended(self) -> bool:
        """True if there is no line any more, nor will be one."""
        self._read()
        return self._stream.closed and not self._lines

    def next(self) -> bytes | None:
        """The next line, None if there is none yet."""
        self._read()
        return self._lines.popleft() if self._lines else None

    def _read(self) -> None:
        while not self._stream.closed:
            try:
                chunk = self._chunks.get_nowait()
            except queue.Empty:
                return
            if chunk:
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self._lines += lines
            else:
                self._stream.close()
                self._lines += [self._rest] if self._rest else []


def _hand_over(pipe: int, put: Callable[[bytes], None]) -> None:
    """Bytes as they come, empty ones at the end. Makes no object that garbage collection counts; a file's own reading would."""
    try:
        while chunk := os.read(pipe, _CHUNK):
            put(chunk)
    finally:
        put(b"")


class _Taking:
    """The arrays of a result on their way out of shared memory."""

    def __init__(self, message: protocol.Message) -> None:
        self._message = message
        self._collects = gc.isenabled()
        gc.disable()
        self._thread = threading.Thread(target=self._take, name="worker result", daemon=True)
        self._thread.start()
        self._thread.join(_SOON_S)

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def message(self) -> protocol.Message:
        """The message with the arrays in it, or what went wrong; waits for them."""
        self._thread.join()
        if self._collects:
            gc.enable()
        return self._message

    def _take(self) -> None:
        message = self._message
        try:
            self._message = {**message, "arrays": shared.read(message["block"], message["arrays"])}
        except FileNotFoundError:
            # The worker was ended just now, and that is the next message.
            self._message = {"type": "log", "text": "The result went with the worker."}
        except (OSError, MemoryError):
            text = "The memory was not enough to take over the result. Close other programs, or crop the image."
            code = ResourceError.exit_code
            self._message = {"type": "error", "id": message["id"], "message": text, "exit_code": code, "phase": "", "log": []}


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip()
