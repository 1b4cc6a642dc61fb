"""Threads that wait for the worker: what they must not do in a program with widgets."""

from __future__ import annotations

import gc
import sys
import threading

import pytest
from worker_toys import TOY, outcome

from DeepVolumetryLib.engine.client import ResultEvent

pytestmark = pytest.mark.usefixtures("the_toy_is_installed")


@pytest.fixture
def collecting_threads():
    """Threads in which garbage was collected, where every new object could be the reason for it; not those of earlier tests."""
    others = set(sys._current_frames()) - {threading.get_ident()}
    threads, threshold = set(), gc.get_threshold()

    def note(_phase, _info):
        threads.update({threading.get_ident()} - others)

    gc.callbacks.append(note)
    gc.set_threshold(1, 1, 1)
    yield threads
    gc.set_threshold(*threshold)
    gc.callbacks.remove(note)


def test_garbage_is_never_collected_in_a_thread_that_waits_for_the_worker(a_client, a_volume, collecting_threads):
    a_client.start(TOY, {"volume": a_volume})
    assert isinstance(outcome(a_client)[-1], ResultEvent)
    a_client.close()
    assert collecting_threads == {threading.get_ident()}
    assert gc.isenabled()


def test_collection_stays_off_where_it_was_off(a_client, a_volume):
    gc.disable()
    try:
        a_client.start(TOY, {"volume": a_volume})
        assert isinstance(outcome(a_client)[-1], ResultEvent)
        assert not gc.isenabled()
    finally:
        gc.enable()
