"""The worker and its client, with a real module in a real process: what a run gives, and what is said when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from worker_toys import TOY, outcome, wait_for_phase

from DeepVolumetryLib.engine.client import LogEvent, ProgressEvent, ResultEvent, WorkerClient, find_python
from DeepVolumetryLib.errors import DeepVolumetryError, InputError, ModelError
from DeepVolumetryLib.image import Image

pytestmark = pytest.mark.usefixtures("the_toy_is_installed")


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
        message = process.output.next()
        refusal = message if message and message["type"] == "error" else None
    assert refusal["id"] == 99 and refusal["message"].startswith("A run is already under way")


def test_a_file_in_the_current_folder_is_not_taken_for_a_library(a_volume, tmp_path, monkeypatch):
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no way to leave the current folder out")
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    with WorkerClient() as client:
        client.start(TOY, {"volume": a_volume})
        assert isinstance(outcome(client)[-1], ResultEvent)


def test_a_model_that_is_not_installed_is_said_before_anything_starts(a_client, a_volume, no_block_is_left):
    with pytest.raises(ModelError, match=r"There is no model “gone” for Toy\. Installed: none"):
        a_client.start(TOY, {"volume": a_volume}, bundle="gone")
    assert not a_client.is_running and a_client.pid is None


def test_a_missing_python_is_said_and_leaves_nothing(a_volume, no_block_is_left):
    client = WorkerClient(python="/nowhere/python")
    with pytest.raises(DeepVolumetryError, match=r"The worker could not be started: /nowhere/python .*Check the installation\."):
        client.start(TOY, {"volume": a_volume})
    assert not client.is_running


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
