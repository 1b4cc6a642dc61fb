"""Start a process so that it can be ended together with everything that it started.

PythonSlicer is only a launcher and a data loader has processes of its own: ending the child alone would leave them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any


def start_options() -> dict[str, Any]:
    """Keyword arguments of `subprocess.Popen` that make `kill_tree` work and keep Ctrl-C in a terminal to the parent."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def kill_tree(process: subprocess.Popen[bytes], timeout_s: float = 1.0) -> bool:
    """End a process that was started with `start_options`, and its descendants, at once.

    Returns:
        whether the process is gone after at most ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    if process.poll() is None:
        # The descendants must be listed while their parents live: an orphan's parent is unknown.
        descendants = _descendants(process.pid)
        if sys.platform == "win32" and descendants is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, timeout=timeout_s, check=False)
        kill_group(process)
        with suppress(OSError):
            process.kill()
        _kill_all(descendants or [], deadline - time.monotonic())
    try:
        process.wait(max(deadline - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group of a process that nobody has waited for yet; nothing on Windows, which has no groups."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def kill_descendants() -> None:
    """End everything that this process started, but not itself."""
    _kill_all(_descendants(os.getpid()) or [], timeout_s=0.2)


def is_alive(pid: int) -> bool:
    """True if there is a process of that number."""
    if sys.platform == "win32":
        return _is_alive_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _descendants(pid: int) -> list[Any] | None:
    """Running descendants; None if psutil, which Slicer does not have by itself, is missing."""
    try:
        import psutil
    except ImportError:
        return None
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill_all(processes: list[Any], timeout_s: float) -> None:
    if not processes:
        return
    import psutil

    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + timeout_s
    while any(_is_at_work(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.005)


def _is_at_work(process: Any) -> bool:
    """False for a zombie too: in a container nobody may ever wait for an orphan."""
    import psutil

    try:
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.Error:
        return False


def _is_alive_windows(pid: int) -> bool:
    import ctypes

    synchronize, still_running = 0x00100000, 0x102
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0) == still_running)
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
