"""Fixtures for tests of Qt panels on real MRML; see README.md in this folder."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import standins


@pytest.fixture(scope="session")
def slicer_app():
    """The one application with `qt`, `ctk` and `slicer` ready to import."""
    standins.install()
    import slicer

    gc.collect()
    gc.freeze()  # what stays anyway is not looked at again after each test
    return slicer.app


@pytest.fixture(autouse=True)
def garbage_of_this_thread(slicer_app):
    """Widgets and VTK objects in reference cycles go with the test that made them, in this thread."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def a_scene(slicer_app, monkeypatch):
    """The empty slicer.mrmlScene. Fails the test if a slot or an observer raised and nobody looked at it."""
    from standins.signals import slot_errors

    scene = standins.install()
    monkeypatch.setattr(sys, "excepthook", lambda _type, error, _traceback: slot_errors.record(error))  # VTK's and PySide6's way out
    scene.clear()
    slot_errors.errors.clear()
    yield scene.mrml_scene
    scene.clear()
    slicer_app.processEvents()
    slot_errors.raise_first()


@pytest.fixture
def dialogs(slicer_app):
    """Answers for modal dialogs: `dialogs.answer(qt.QMessageBox.Yes)`; what was shown is in `dialogs.shown`."""
    from standins.dialogs import script

    script.reset()
    yield script
    unused, _ = list(script.answers), script.reset()
    assert not unused, f"dialogs that should have opened did not: {unused}"


@pytest.fixture
def packages(slicer_app):
    """Python packages of this Slicer: put names into `packages.missing`; see `packages.installed` afterwards."""
    from standins.packaging import state

    state.reset()
    yield state
    state.reset()


@pytest.fixture
def without_slicer_packaging(slicer_app, packages, monkeypatch):
    """Slicer before 5.11, which has no slicer.packaging."""
    import slicer

    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.delattr(slicer, "packaging")
    return packages


@pytest.fixture
def load_module(a_scene, dialogs, packages):
    """`load_module(name, folder)` loads a scripted module as Slicer does; it is unloaded after the test."""
    import slicer
    from standins.loading import load_module as load

    loaded = []
    vars(slicer.modules).pop("sampleDataSources", None)

    def load_one(name: str, folder: Path | str, show: bool = False):
        loaded.append(load(name, folder, show))
        return loaded[-1]

    yield load_one
    for module in loaded:
        module.unload()


@pytest.fixture(scope="session")
def a_warm_worker(slicer_app):
    """A client whose worker stays from test to test, so that only the first run waits for its imports."""
    from DeepVolumetryLib.engine.client import WorkerClient

    class Kept(WorkerClient):
        def close(self) -> None:
            self.cancel()

    client = Kept()
    yield client
    WorkerClient.close(client)


@pytest.fixture
def process_events(slicer_app) -> Callable[..., None]:
    """`process_events(until, timeout)` runs the event loop until the condition holds; AssertionError if it never does."""
    from standins.signals import slot_errors

    def run(until: Callable[[], bool] = lambda: True, timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while True:
            slicer_app.processEvents()
            slot_errors.raise_first()
            if until():
                return
            assert time.monotonic() < deadline, f"still not so after {timeout:g} s"
            time.sleep(0.005)

    return run


@pytest.fixture
def slot_errors(slicer_app):
    """Exceptions that slots raised; clear it after looking at them."""
    from standins.signals import slot_errors as errors

    return errors.errors
