"""The worker and its client, with a real module in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib.engine import process_tree
from DeepVolumetryLib.engine.client import ErrorEvent, LogEvent, ProgressEvent, ResultEvent, WorkerClient, find_python
from DeepVolumetryLib.errors import DeepVolumetryError, InputError, ModelError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import ModuleEntry

TOY_FOLDER = Path(__file__).parent / "toy"
TOY = ModuleEntry(key="toy", title="Toy", library="toy_library")
BLOCKS = Path("/dev/shm")


@pytest.fixture(autouse=True)
def the_toy_is_installed(monkeypatch):
    monkeypatch.syspath_prepend(TOY_FOLDER)


@pytest.fixture
def a_client():
    with WorkerClient() as client:
        yield client


@pytest.fixture
def a_volume():
    voxels = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    return Image.from_spacing(voxels, (1, 2, 3), modality="CT", uid="1.2.3", name="phantom")


@pytest.fixture
def no_block_is_left():
    yield
    assert not blocks_of(os.getpid())


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


def test_a_run_gives_the_result_of_the_module(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume}, {"threshold": 0.25})
    events = outcome(a_client)
    result = events[-1].result
    assert np.array_equal(result.segments["bright"], a_volume.voxels > 0.25)
    assert result.segments["bright"].dtype == bool
    assert result.measurements[0].value == pytest.approx((a_volume.voxels > 0.25).sum() * 0.006)
    assert result.measurements[0].code.meaning == "Volume"
    assert np.isnan(result.measurements[0].high) and result.measurements[0].low is None
    assert result.specs[0].color == (255, 200, 0)
    assert result.regions[0].box_kji == ((0, 0, 0), (1, 1, 1))
    assert result.provenance.seconds["inference"] == 0.125
    assert {"import", "load", "total"} <= result.provenance.seconds.keys()
    assert result.provenance.peak_memory_mb > 10


def test_the_input_image_of_a_result_is_the_callers_own(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    result = outcome(a_client)[-1].result
    assert result.image.voxels is a_volume.voxels
    assert (result.image.uid, result.image.modality, result.image.name) == ("1.2.3", "CT", "phantom")
    assert np.array_equal(result.image.ijk_to_ras, a_volume.ijk_to_ras)


def test_a_result_outlives_the_worker_and_may_be_edited(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume})
    result = outcome(a_client)[-1].result
    a_client.close()
    mask = result.segments["bright"][1]
    expected = a_volume.voxels[1] > 0.5
    del result
    assert np.array_equal(mask, expected)
    mask[:] = True
    assert mask.all()


def test_images_of_any_layout_arrive_as_they_are(a_client):
    voxels = np.asfortranarray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))[::-1, :, ::2]
    image = Image.from_spacing(voxels, (1, 1, 1))
    a_client.start(TOY, {"volume": image}, {"threshold": 20})
    assert np.array_equal(outcome(a_client)[-1].result.segments["bright"], voxels > 20)


def test_progress_names_the_phases_and_never_falls(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    progress = [event for event in outcome(a_client) if isinstance(event, ProgressEvent)]
    assert list(dict.fromkeys(event.phase for event in progress)) == ["Loading the model", "Thresholding", "Measuring"]
    fractions = [event.fraction for event in progress]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1


def test_the_second_run_finds_the_model_loaded(a_client, a_volume):
    warnings = []
    for _ in range(2):
        a_client.start(TOY, {"volume": a_volume})
        result = outcome(a_client)[-1].result
        warnings += result.warnings
    assert warnings[0] == warnings[1] and warnings[0].startswith("made 1 time(s)")
    assert result.provenance.seconds["load"] == 0


def test_what_libraries_print_is_log_and_breaks_nothing(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "print"})
    events = outcome(a_client)
    assert isinstance(events[-1], ResultEvent)
    expected = {"a library prints", "a program prints", "C code prints"}
    # The log has a pipe of its own and may come in after the result.
    deadline = time.monotonic() + 10
    while not expected <= {event.text for event in events if isinstance(event, LogEvent)} and time.monotonic() < deadline:
        events += a_client.poll()
    assert expected <= {event.text for event in events if isinstance(event, LogEvent)}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the pipe through /proc")
def test_garbage_between_the_messages_is_log_and_breaks_nothing(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "garbage"})
    events = outcome(a_client)
    assert isinstance(events[-1], ResultEvent)
    assert any("[1]" in event.text for event in events if isinstance(event, LogEvent))


def test_garbage_sent_to_the_worker_is_ignored(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    outcome(a_client)
    a_client._process.popen.stdin.write(b"\xff\xfe{]\n{}\n")
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)


def test_a_refused_image_gives_the_sentence_and_exit_code_2(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "refuse"})
    error = outcome(a_client)[-1]
    assert (error.message, error.exit_code) == ("The image is too dark. Choose a brighter one.", 2)
    assert error.phase == "Thresholding"


@pytest.mark.parametrize(
    ("images", "parameters", "sentence"),
    [
        ({}, {}, "The input “volume” is missing. Choose a CT or MR image for it."),
        ({"volume": "US"}, {}, "The input “volume” is US, but must be CT or MR. Choose another image."),
        ({"volume": "CT", "third": "CT"}, {}, "There is no input “third”. The inputs are: volume, second."),
        ({"volume": "CT"}, {"sharpness": 1}, "Toy has no parameter “sharpness”."),
    ],
)
def test_wrong_inputs_and_options_say_what_is_wrong(a_client, images, parameters, sentence):
    given = {name: Image.from_spacing(np.zeros((1, 1, 1)), (1, 1, 1), modality=modality) for name, modality in images.items()}
    a_client.start(TOY, given, parameters)
    error = outcome(a_client)[-1]
    assert (error.message, error.exit_code) == (sentence, 2)


def test_a_bug_names_the_phase_and_shows_the_log(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "raise", "phase": "Measuring"})
    error = outcome(a_client)[-1]
    assert error.message == "“Measuring” failed: ValueError: a bug. The log has the details."
    assert error.exit_code == 1
    assert error.log_tail[-1] == "ValueError: a bug"


def test_too_little_memory_is_said_with_exit_code_4(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "memory"})
    error = outcome(a_client)[-1]
    assert error.exit_code == 4 and error.message.startswith("The memory was not enough for this image.")


def test_after_an_error_the_same_worker_goes_on(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "raise"})
    outcome(a_client)
    pid = a_client.pid
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)
    assert a_client.pid == pid


def test_a_worker_that_dies_names_phase_and_log_and_the_next_run_starts_a_new_one(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "die", "phase": "Measuring"})
    error = outcome(a_client)[-1]
    assert error.message == "The computation ended unexpectedly during “Measuring” (code 1). The log has the details."
    assert error.phase == "Measuring"
    assert "about to die" in error.log_tail
    assert not a_client.is_running and a_client.pid is None
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_killed_from_outside_hints_at_memory(a_client, a_volume, no_block_is_left):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "sleep"})
    wait_for_phase(a_client, "Thresholding")
    os.kill(a_client.pid, 9)
    error = outcome(a_client)[-1]
    assert "The memory may have run out" in error.message and error.phase == "Thresholding"


def test_two_runs_at_once_are_refused_and_the_first_goes_on(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    with pytest.raises(InputError, match="A run is already under way"):
        a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)


def test_a_second_request_to_a_busy_worker_is_refused_by_it_too(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume}, {"accident": "sleep"})
    wait_for_phase(a_client, "Thresholding")
    process = a_client._process
    process.send({**a_client._request, "id": 99})
    deadline, refusal = time.monotonic() + 10, None
    while refusal is None and time.monotonic() < deadline:
        message = process.messages.get(timeout=10)
        refusal = message if message["type"] == "error" else None
    assert refusal["id"] == 99 and refusal["message"].startswith("A run is already under way")


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


def test_a_file_in_the_current_folder_is_not_taken_for_a_library(a_volume, tmp_path, monkeypatch):
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no way to leave the current folder out")
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    with WorkerClient() as client:
        client.start(TOY, {"volume": a_volume})
        assert isinstance(outcome(client)[-1], ResultEvent)


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


def test_a_model_that_is_not_installed_is_said_before_anything_starts(a_client, a_volume, no_block_is_left):
    with pytest.raises(ModelError, match=r"There is no model “gone” for Toy\. Installed: none"):
        a_client.start(TOY, {"volume": a_volume}, bundle="gone")
    assert not a_client.is_running and a_client.pid is None


def test_a_missing_python_is_said_and_leaves_nothing(a_volume, no_block_is_left):
    client = WorkerClient(python="/nowhere/python")
    with pytest.raises(DeepVolumetryError, match=r"The worker could not be started: /nowhere/python .*Check the installation\."):
        client.start(TOY, {"volume": a_volume})
    assert not client.is_running


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


def test_inside_slicer_its_own_python_is_taken(monkeypatch, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / ("PythonSlicer.exe" if sys.platform == "win32" else "PythonSlicer")
    monkeypatch.setattr(sys, "executable", str(folder / "SlicerApp-real"))
    monkeypatch.setenv("SLICER_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeepVolumetryError, match="PythonSlicer was not found beside Slicer"):
        find_python()
    python.touch(mode=0o755)
    assert find_python() == str(python)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("SLICER_HOME")
    assert find_python() == str(python)


def test_outside_of_slicer_the_same_python_is_taken(monkeypatch):
    monkeypatch.delenv("SLICER_HOME", raising=False)
    assert find_python() == sys.executable


def test_a_process_is_alive_until_its_tree_is_ended():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], **process_tree.start_options())
    assert process_tree.is_alive(process.pid)
    assert process_tree.kill_tree(process)
    assert not process_tree.is_alive(process.pid)
    assert process_tree.kill_tree(process), "ending what has ended is no error"


def test_events_can_be_awaited_without_a_timer(a_client, a_volume):
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(list(a_client.events())[-1], ResultEvent)


def test_the_client_needs_numpy_only_and_starts_no_resource_tracker():
    code = (
        "import sys; from DeepVolumetryLib.engine import client, protocol, shared, events, pipeline; import numpy as np;"
        "from multiprocessing import resource_tracker;"
        "memory, places = shared.write(name := shared.new_name(), [np.arange(3)]);"
        "assert shared.read(name, places)[0].tolist() == [0, 1, 2];"
        "print(sorted({'torch', 'monai', 'scipy', 'SimpleITK', 'slicer', 'qt'} & set(sys.modules)), resource_tracker._resource_tracker._fd)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}, check=True
    )
    assert (done.stdout, done.stderr) == ("[] None\n", "")
