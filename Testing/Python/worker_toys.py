"""Runs of a toy module in a real worker: how a test waits for their events, and the memory that they may leave behind."""

from __future__ import annotations

import time
from pathlib import Path

from DeepVolumetryLib.engine.client import ErrorEvent, ProgressEvent, ResultEvent, WorkerClient
from DeepVolumetryLib.modules import ModuleEntry

TOY_FOLDER = Path(__file__).parent / "unit" / "toy"
TOY = ModuleEntry(key="toy", title="Toy", library="toy_library")
BLOCKS = Path("/dev/shm")


def blocks_of(client_pid: int) -> list[str]:
    """Names of the blocks of a client that are in the system; where names cannot be listed there is nothing to check."""
    return [path.name for path in BLOCKS.glob(f"dvol{client_pid}_*")] if BLOCKS.is_dir() else []


def outcome(client: WorkerClient, within_s: float = 120) -> list:
    """Events until the run has ended, taken as a panel's timer would."""
    events, deadline = [], time.monotonic() + within_s
    while client.is_running:
        assert time.monotonic() < deadline, f"no end of the run; so far {events}"
        events += client.poll()
        time.sleep(0.01)
    return events


def wait_for_phase(client: WorkerClient, phase: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for event in client.poll():
            assert not isinstance(event, (ErrorEvent, ResultEvent)), event
            if isinstance(event, ProgressEvent) and event.phase == phase:
                return
        time.sleep(0.01)
    raise AssertionError(f"the phase {phase} never came")
