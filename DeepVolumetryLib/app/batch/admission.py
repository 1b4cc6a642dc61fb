"""How many cases run at once on one computer: as many as its memory holds, whichever worker asks.

Each running case has a small file with its process and the memory it is expected to take. A new one waits until what is free,
less what the others are still going to take, is enough for it. One case always runs, so nothing waits for ever.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

import psutil

from ...engine.memory import available_bytes
from ...engine.process_tree import is_alive

_INTERVAL_S = 0.25
_SPARE_BYTES = 300e6


class Room:
    """The memory of this computer, shared with every other process that asks through the same folder."""

    def __init__(self, folder: Path | None = None, available: Callable[[], int | None] = available_bytes) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"deepvolumetry-batch-{_user()}"
        self._available = available

    @contextmanager
    def reserved(self, needed_bytes: float, pid: int, waiting: Callable[[], None] = lambda: None) -> Iterator[float]:
        """Wait for room; gives the seconds that were waited.

        Args:
            needed_bytes: that the case will probably take.
            pid: process that will take it.
            waiting: called again and again; may raise to give up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        mine = self._folder / f"{pid}-{uuid4().hex[:8]}.json"
        while not self._enter(mine, needed_bytes, pid):
            waiting()
            time.sleep(_INTERVAL_S)
        try:
            yield time.monotonic() - began
        finally:
            mine.unlink(missing_ok=True)

    def _enter(self, mine: Path, needed: float, pid: int) -> bool:
        with _locked(self._folder / "lock"):
            others = self._others()
            free = self._available()
            if others and free is not None and free - sum(others) - _SPARE_BYTES < needed:
                return False
            mine.write_text(json.dumps({"pid": pid, "bytes": needed}))
            return True

    def _others(self) -> list[float]:
        """What each running case is still going to take."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                entry = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if not is_alive(entry["pid"]):
                path.unlink(missing_ok=True)
                continue
            found.append(max(entry["bytes"] - resident_bytes(entry["pid"]), 0.0))
        return found


def _user() -> str:
    """A number where there is one: users in containers often have no name."""
    return str(os.getuid()) if sys.platform != "win32" else getpass.getuser()


def resident_bytes(pid: int) -> float:
    """Memory of a process and of what it started; 0 if it is gone."""
    total = 0.0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a+b") as file:
        lock(file)
        yield


def lock(file: IO[bytes], wait: bool = True) -> bool:
    """Keep other processes off a file until it is closed or this process ends; False if another one has it."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        with contextlib.suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            return True
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def threads_for(slots: int) -> int:
    """Threads for each of several computations at once."""
    return max(1, (os.cpu_count() or 1) // max(1, slots))
