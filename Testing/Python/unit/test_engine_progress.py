"""Progress, memory and the session that runs modules without a worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DeepVolumetryLib.engine import memory
from DeepVolumetryLib.engine.pipeline import Pipeline
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.engine.session import Session
from DeepVolumetryLib.errors import Cancelled, InputError, ModelError, ResourceError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import MODULES, ModuleEntry, find

TOY = ModuleEntry(key="toy", title="Toy", library="toy_library")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_phases_share_the_whole_and_inner_ones_their_phase():
    reports = []
    progress = RunProgress(lambda *report: reports.append(report), clock=Clock())
    with progress.phase("Find", share=0.4):
        progress.update(0.5)
        assert progress.fraction == pytest.approx(0.2)
    with progress.phase("Segment", share=0.6):
        assert progress.fraction == pytest.approx(0.4)
        with progress.phase("Left", share=0.5):
            progress.update(0.5)
            assert progress.fraction == pytest.approx(0.55)
        assert progress.phase_name == "Segment"
    assert progress.fraction == pytest.approx(1)
    assert [report[0] for report in reports] == ["Find", "Segment", "Left"]


def test_an_unnamed_phase_groups_without_being_shown():
    reports = []
    progress = RunProgress(lambda *report: reports.append(report), clock=Clock())
    with progress.phase("Load", share=0.2):
        pass
    with progress.phase("", share=1.0):
        with progress.phase("Find", share=0.5):
            pass
        assert progress.fraction == pytest.approx(0.6)
    assert [report[0] for report in reports] == ["Load", "Find"]


@given(st.lists(st.tuples(st.floats(-1, 2), st.lists(st.floats(-1, 2), max_size=5)), max_size=6))
def test_the_fraction_never_falls_and_stays_within_0_and_1(phases):
    fractions = []
    clock = Clock()
    progress = RunProgress(lambda phase, fraction, left: fractions.append(fraction), clock=clock)
    for share, updates in phases:
        with progress.phase("x", share):
            for fraction in updates:
                clock.now += 1
                progress.update(fraction)
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 + 1e-12 for fraction in fractions)


def test_the_time_left_is_unknown_at_first_and_then_follows_from_the_pace():
    clock = Clock()
    progress = RunProgress(clock=clock)
    with progress.phase("Find", share=1):
        assert progress.remaining_s is None
        clock.now = 10
        progress.update(0.25)
        assert progress.remaining_s == pytest.approx(30)


def test_loading_says_nothing_about_the_time_left():
    clock, reports = Clock(), []
    progress = RunProgress(lambda *report: reports.append(report), clock=clock)
    with progress.phase("Load", share=0.2, steady=False):
        clock.now = 60
        progress.update(0.5)
    with progress.phase("Find", share=0.8):
        assert progress.remaining_s is None
        clock.now += 10
        progress.update(0.25)
        assert progress.remaining_s == pytest.approx(30)
    assert [left for phase, fraction, left in reports if phase == "Load"] == [None] * 2


def test_seconds_of_a_phase_leave_out_those_of_inner_phases():
    clock = Clock()
    progress = RunProgress(clock=clock)
    with progress.phase("Segment", share=1):
        clock.now += 2
        with progress.phase("Left", share=0.5):
            clock.now += 3
    assert progress.seconds == {"Left": 3, "Segment": 2}


def test_reports_come_at_most_ten_times_a_second():
    clock, reports = Clock(), []
    progress = RunProgress(lambda *report: reports.append(report), clock=clock)
    with progress.phase("Find", share=1):
        for step in range(1000):
            clock.now = step / 1000
            progress.update(step / 1000)
    assert len(reports) <= 11


def test_every_call_is_a_place_to_cancel():
    answers = iter([False, False, True])
    progress = RunProgress(cancelled=lambda: next(answers))
    with pytest.raises(Cancelled, match="Nothing was changed"), progress.phase("Find", share=1):
        progress.update(0.1)
        progress.update(0.2)
        raise AssertionError("not cancelled")


def test_more_memory_than_there_is_is_refused_before_the_work():
    available = memory.available_bytes()
    assert available is None or available > 1e6
    memory.require_memory(1, "this image")
    with pytest.raises(ResourceError, match=r"About 1000000\.0 GB of memory are needed for this image, but only .* GB are free"):
        memory.require_memory(1e15, "this image")


def test_the_peak_follows_what_was_used():
    memory.reset_peak()
    before = memory.peak_memory_mb()
    np.ones(8_000_000)
    assert memory.peak_memory_mb() - before > 50


@pytest.fixture
def a_session(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent / "toy")
    return Session()


def test_a_session_runs_a_module_in_this_process(a_session):
    image = Image.from_spacing(np.ones((2, 2, 2), np.float32), (1, 1, 1), modality="CT")
    reports = []
    result = a_session.run(TOY, {"volume": image}, {}, RunProgress(lambda *report: reports.append(report)))
    assert result.measurements[0].value == pytest.approx(0.008)
    assert result.provenance.seconds["total"] > 0
    assert [report[0] for report in reports] == ["Loading the model", "Thresholding", "Measuring"]


def test_images_that_cannot_fit_are_refused_before_the_model_is_loaded(a_session):
    huge = Image.from_spacing(np.broadcast_to(np.float32(0), (10**5, 10**5, 10**5)), (1, 1, 1))
    with pytest.raises(ResourceError, match="GB of memory are needed for these images"):
        a_session.run(TOY, {"volume": huge}, {}, RunProgress())


def test_an_unknown_module_names_the_known_ones():
    with pytest.raises(InputError, match=r"There is no module “liver”\. Choose one of: renal"):
        find("liver")


def test_a_module_that_is_not_installed_says_so():
    with pytest.raises(ModelError, match="The module Liver is not installed"):
        _ = ModuleEntry("liver", "Liver", "NoSuchLiverLib").library_folder


def test_every_module_lies_where_the_registry_says():
    for entry in MODULES.values():
        assert entry.library_folder.name == entry.library
        assert entry.manifest_path.parent.name == entry.title


def test_the_toy_is_a_pipeline(a_session):
    assert isinstance(TOY.submodule("pipeline").create(None, "cpu"), Pipeline)
