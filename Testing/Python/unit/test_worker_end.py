"""How a worker ends: cancelled, idle or with its parent, and with nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from worker_toys import TOY, TOY_FOLDER, blocks_of, outcome, wait_for_phase

from DeepVolumetryLib.engine import process_tree
from DeepVolumetryLib.engine.client import ErrorEvent, ResultEvent, WorkerClient
from DeepVolumetryLib.image import Image

pytestmark = pytest.mark.usefixtures("the_toy_is_installed")


def has_ended(process) -> bool:
    """A zombie has: in a container nobody may ever wait for an orphan."""
    import psutil

    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_end(processes, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not all(map(has_ended, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return all(map(has_ended, processes))


@pytest.mark.parametrize(
    ("device", "accident", "phase"), [("slow", "", "Loading the model"), ("auto", "sleep", "Thresholding"), ("auto", "sleep", "Measuring")]
)
def test_cancel_ends_any_phase_within_a_second_and_leaves_nothing(a_client, a_volume, no_block_is_left, device, accident, phase):
    a_client.start(TOY, {"volume": a_volume}, {"accident": accident, "phase": phase}, device=device)
    wait_for_phase(a_client, phase)
    pid, began = a_client.pid, time.monotonic()
    a_client.cancel()
    assert time.monotonic() - began < 1
    assert not process_tree.is_alive(pid)
    assert a_client.poll() == [ErrorEvent("Cancelled. Nothing was changed.", 130, phase)]
    assert a_client.poll() == [] and not a_client.is_running
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)


def test_cancel_before_the_worker_is_up_leaves_nothing(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume})
    a_client.cancel()
    assert a_client.poll()[-1].exit_code == 130


def test_cancel_ends_what_the_module_started(a_client, a_volume):
    psutil = pytest.importorskip("psutil")
    a_client.start(TOY, {"volume": a_volume}, {"accident": "child"})
    wait_for_phase(a_client, "Thresholding")
    worker = psutil.Process(a_client.pid)
    deadline = time.monotonic() + 10
    while not (children := worker.children(recursive=True)) and time.monotonic() < deadline:
        time.sleep(0.01)
    a_client.cancel()
    assert children and all(map(has_ended, children))


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_cancel_ends_what_the_module_started_without_psutil_too(a_client, a_volume, monkeypatch):
    psutil = pytest.importorskip("psutil")
    a_client.start(TOY, {"volume": a_volume}, {"accident": "child"})
    wait_for_phase(a_client, "Thresholding")
    worker = psutil.Process(a_client.pid)
    while not (children := worker.children(recursive=True)):
        time.sleep(0.01)
    monkeypatch.setitem(sys.modules, "psutil", None)
    a_client.cancel()
    monkeypatch.undo()
    assert children and all_end(children, within_s=10)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files through /proc")
def test_runs_and_cancels_leave_no_open_files_and_no_memory(a_client, no_block_is_left):
    psutil = pytest.importorskip("psutil")
    image = Image.from_spacing(np.random.default_rng(0).random((64, 128, 128)), (1, 1, 1))
    seen = []
    for _ in range(4):
        a_client.start(TOY, {"volume": image})
        assert isinstance(outcome(a_client)[-1], ResultEvent)
        a_client.start(TOY, {"volume": image}, {"accident": "sleep"})
        wait_for_phase(a_client, "Thresholding")
        a_client.cancel()
        time.sleep(0.1)
        seen.append((len(list(Path("/proc/self/fd").iterdir())), psutil.Process().memory_info().rss))
    assert seen[-1][0] <= seen[0][0]
    assert seen[-1][1] - seen[1][1] < image.voxels.nbytes


def test_cancel_without_a_run_keeps_the_worker_warm(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    outcome(a_client)
    pid = a_client.pid
    a_client.cancel()
    assert a_client.poll() == [] and a_client.pid == pid


def test_an_idle_worker_leaves_and_the_next_run_does_not_notice(a_volume):
    with WorkerClient(idle_s=0.3) as client:
        client.start(TOY, {"volume": a_volume})
        first = outcome(client)[-1].result.warnings
        deadline = time.monotonic() + 10
        while client.pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert client.pid is None
        client.start(TOY, {"volume": a_volume})
        assert outcome(client)[-1].result.warnings != first


def test_a_result_that_was_not_polled_yet_keeps_the_idle_worker(a_volume):
    with WorkerClient(idle_s=0.2) as client:
        client.start(TOY, {"volume": a_volume})
        time.sleep(2)
        assert isinstance(outcome(client)[-1], ResultEvent)


def test_a_request_that_meets_a_leaving_worker_is_sent_to_a_new_one(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume})
    outcome(a_client)
    # The request is in the pipe of a worker that leaves without reading it.
    a_client._process.send({"type": "quit"})
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)


PARENT = """
import sys, time
import numpy as np
from DeepVolumetryLib.engine.client import ProgressEvent, WorkerClient
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import ModuleEntry
client = WorkerClient()
volume = Image.from_spacing(np.zeros((9, 9, 9)), (1, 1, 1))
client.start(ModuleEntry("toy", "Toy", "toy_library"), {"volume": volume}, {"accident": "child"})
while True:
    for event in client.poll():
        if isinstance(event, ProgressEvent) and event.phase == "Thresholding":
            print(client.pid, flush=True)
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_worker_leaves_with_its_parent_and_leaves_nothing():
    psutil = pytest.importorskip("psutil")
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(TOY_FOLDER)])}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    while not (children := worker.children()):
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all_end([worker, *children], within_s=30)
    assert not blocks_of(parent.pid)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_launcher_in_between_as_in_slicer_changes_nothing(a_volume, tmp_path, no_block_is_left):
    psutil = pytest.importorskip("psutil")
    launcher = tmp_path / "PythonSlicer"
    launcher.write_text(f'#!/bin/sh\necho launching\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    with WorkerClient(python=launcher) as client:
        client.start(TOY, {"volume": a_volume})
        assert isinstance(outcome(client)[-1], ResultEvent)
        client.start(TOY, {"volume": a_volume}, {"accident": "sleep"})
        wait_for_phase(client, "Thresholding")
        worker = psutil.Process(client.pid).children()
        client.cancel()
        assert len(worker) == 1 and has_ended(worker[0])


def test_a_process_is_alive_until_its_tree_is_ended():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], **process_tree.start_options())
    assert process_tree.is_alive(process.pid)
    assert process_tree.kill_tree(process)
    assert not process_tree.is_alive(process.pid)
    assert process_tree.kill_tree(process), "ending what has ended is no error"
