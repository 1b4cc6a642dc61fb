"""Parts of ``deepvolumetry batch`` by themselves: memory, speed, outliers, agreement, names."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from DeepVolumetryLib.app.batch.admission import Room, threads_for
from DeepVolumetryLib.app.batch.cluster import Cluster, gpus
from DeepVolumetryLib.app.batch.cohort import Case, as_options, order_of
from DeepVolumetryLib.app.batch.dispatch import Dispatcher
from DeepVolumetryLib.app.batch.findings import measures_of, modified_z, outliers_of
from DeepVolumetryLib.app.batch.page import write_page
from DeepVolumetryLib.app.batch.plan import DONE, FAILED, Job, Outcome, files_of, job_of, still_valid
from DeepVolumetryLib.app.batch.progress import rate_text
from DeepVolumetryLib.app.batch.series import Series, cases_of
from DeepVolumetryLib.app.batch.sources import Source
from DeepVolumetryLib.app.batch.tables import Row, wide, write_tables
from DeepVolumetryLib.app.batch.wording import without_paths
from DeepVolumetryLib.errors import Cancelled, InputError
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.report import Report
from DeepVolumetryLib.result import Provenance


def a_row(name: str, ml: float, reference: float | None = None, group: str = "all", **facts) -> Row:
    """A case with one kidney volume, whose interval is ten percent to each side."""
    made = Provenance("renal", "0.1", "toy", "1", parameters={"sex": "female", "age": 50, **facts})
    volume = Measurement("right_parenchyma", "Volume", ml, "mL", 0.9 * ml, 1.1 * ml, 0.95)
    case = Case(name, "renal", {}, group=group, volumes_ml={} if reference is None else {"right_parenchyma": reference})
    references = {} if reference is None else {"right_parenchyma": reference}
    return Row(case, Outcome(name, "f", DONE, seconds=3.0, host="here", peak_mb=900.0), Report(made, measurements=(volume,)), references)


def test_rate_and_time_left():
    assert rate_text(0, 10, 5.0) == ""
    assert rate_text(10, 30, 60.0) == "600 per hour, about 3 min left"
    assert rate_text(10, 2, 60.0) == "600 per hour, about 12 s left"
    assert rate_text(1, 1000, 60.0) == "60 per hour, about 16.7 h left"
    assert rate_text(5, 0, 60.0) == "300 per hour"


@pytest.fixture
def a_small_process():
    """The number of a process that takes hardly any memory; this one may hold more than the cases below are said to take."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.stdin.close()


def test_a_case_waits_until_another_has_freed_its_memory(tmp_path, a_small_process):
    room = Room(tmp_path, available=lambda: int(5e9))
    entered = threading.Event()

    def second() -> None:
        with room.reserved(3e9, a_small_process):
            entered.set()

    with room.reserved(3e9, a_small_process):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.6)
    assert entered.wait(5)
    thread.join()


def test_small_cases_run_together_and_one_that_is_too_large_runs_alone(tmp_path, a_small_process):
    room = Room(tmp_path, available=lambda: int(5e9))
    with room.reserved(1e9, a_small_process), room.reserved(1e9, a_small_process) as waited:
        assert waited < 0.2
    with room.reserved(50e9, a_small_process) as waited:
        assert waited < 0.2


def test_memory_of_a_process_that_died_is_free(tmp_path):
    room = Room(tmp_path, available=lambda: int(5e9))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "left.json").write_text(f'{{"pid": {dead.pid}, "bytes": 4e9}}')
    with room.reserved(3e9, os.getpid()) as waited:
        assert waited < 0.2


def test_waiting_can_be_given_up(tmp_path):
    room = Room(tmp_path, available=lambda: int(1e9))

    def stop() -> None:
        raise Cancelled

    with room.reserved(1e9, os.getpid()), pytest.raises(Cancelled), room.reserved(1e9, os.getpid(), stop):
        pass


def test_threads_are_shared_out():
    assert threads_for(10**6) == 1
    assert threads_for(1) == os.cpu_count()


def test_options_of_a_row_are_those_of_segment():
    assert as_options("age", "43", "x") == ["--age", "43"]
    assert as_options("pdf", "", "x") == ["--pdf"]
    assert as_options("pdf", "no", "x") == []
    assert as_options("spacing", "coronal=0.3,0.3;transverse=0.4,0.4", "x") == [
        "--spacing",
        "coronal=0.3,0.3",
        "--spacing",
        "transverse=0.4,0.4",
    ]
    order = order_of("renal", ["--age", "43", "--sex", "female", "--pdf"])
    assert order.parameters == {"age": 43.0, "sex": "female"}
    assert order.extras.pdf
    with pytest.raises(InputError, match="line 3: there is no option “colour”"):
        as_options("colour", "red", "line 3")
    with pytest.raises(InputError, match="line 3: pdf must be yes or no"):
        as_options("pdf", "maybe", "line 3")


def test_sentences_name_no_folder_of_a_patient():
    told = without_paths("volume: /data/Müller, Jörg/ct.nrrd was not found, nor is ct.nrrd.", ["/data/Müller, Jörg/ct.nrrd"])
    assert told == "volume: its file was not found, nor is its file."
    assert without_paths("/data/Müller/other.txt is there", ["/data/Müller/ct.nrrd"]) == "its folder/other.txt is there"


def test_a_job_changes_with_its_files(tmp_path):
    (tmp_path / "ct.nrrd").write_bytes(b"123")
    case = Case("a", "renal", {"volume": Source(path=str(tmp_path / "ct.nrrd"))}, ("--age", "40"))
    first = job_of(case, tmp_path).fingerprint
    assert job_of(case, tmp_path).fingerprint == first
    assert job_of(case, tmp_path, device="cpu").fingerprint != first
    assert job_of(Case("a", "renal", case.sources, ("--age", "41")), tmp_path).fingerprint != first
    (tmp_path / "ct.nrrd").write_bytes(b"1234")
    assert job_of(case, tmp_path).fingerprint != first


def test_done_means_that_every_file_is_whole(tmp_path):
    (tmp_path / "report.json").write_text("{}")
    outcome = Outcome("a", "f", DONE, files=files_of(tmp_path))
    assert still_valid(outcome, "f", tmp_path)
    assert not still_valid(outcome, "g", tmp_path)
    (tmp_path / "report.json").write_text("{")
    assert not still_valid(outcome, "f", tmp_path)


def test_a_cohort_in_which_one_stands_out():
    rng = np.random.default_rng(0)
    rows = [a_row(f"c{n}", ml) for n, ml in enumerate([*rng.normal(130, 10, 30), 390.0])]
    (first, *others) = outliers_of(measures_of(rows))
    assert first.case == "c30"
    assert first.why == "right parenchyma Volume mL is high"
    assert len(others) <= 1
    assert not np.any(modified_z([130.0] * 7))  # too few to say
    assert not np.any(np.abs(modified_z([130.0] * 10 + [130.5])) > 3.5)  # half a percent is nothing


def test_the_reference_range_of_each_case_is_its_own():
    (measure,) = measures_of([a_row("woman", 110.0), a_row("man", 110.0, sex="male"), a_row("child", 60.0, age=9)])
    assert measure.ranges == [(102, None), (134, None), (None, None)]
    assert measure.outside == ["man"]
    assert measure.with_range == 2


def test_groups_are_never_pooled():
    found = measures_of([a_row("a", 100.0, group="real"), a_row("b", 900.0, group="synthesized")])
    assert [(each.group, each.values) for each in found] == [("real", [100.0]), ("synthesized", [900.0])]


def test_agreement_with_known_volumes():
    (measure,) = measures_of([a_row("a", 110.0, 100.0), a_row("b", 210.0, 200.0), a_row("c", 330.0, 200.0), a_row("d", 1.0)])
    assert measure.agreement.bias == pytest.approx(50.0)
    assert (measure.coverage.cases, measure.coverage.share) == (3, pytest.approx(2 / 3))


def test_the_page_needs_nothing_else_and_hides_nothing(tmp_path):
    rows = [a_row(f"c{n}", 120.0 + n, 121.0) for n in range(12)]
    rows.append(Row(Case("bad", "renal", {}), Outcome("bad", "f", FAILED, "volume: <b>no</b> image.", 2)))
    write_page(rows, tmp_path)
    page = (tmp_path / "cohort.html").read_text()
    assert "volume: &lt;b&gt;no&lt;/b&gt; image." in page
    assert "12 of 12" not in page and "0 of 12" in page  # outside of the reference range
    assert page.count("data:image/png;base64,") >= 4
    assert "http" not in page and "<script" not in page
    assert "For research" in page


def test_tables_have_a_row_for_every_case(tmp_path):
    rows = [a_row("a", 120.0, 121.0), Row(Case("b", "renal", {}), Outcome("b", "f", FAILED, "No image.", 2))]
    columns, table = wide(rows)
    title = "right_parenchyma Volume mL"
    assert columns[-4:] == [title, f"{title} low", f"{title} high", f"{title} reference"]
    assert [line[columns.index("message")] for line in table] == ["", "No image."]
    write_tables(rows, tmp_path)
    first = [(tmp_path / name).read_bytes() for name in ("cohort.csv", "cohort.parquet")]
    write_tables(rows, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("cohort.csv", "cohort.parquet")] == first


def test_localizers_and_other_modalities_are_no_cases():
    found = [
        Series("1", "1.1", "CT", 200, Source(path="a")),
        Series("1", "1.2", "CT", 3, Source(path="b")),
        Series("1", "1.3", "CT", 20, Source(path="c"), localizer=True),
        Series("1", "1.4", "SEG", 200, Source(path="d")),
        Series("2", "2.1", "MR", 30, Source(path="e")),
    ]
    cases = cases_of(found, "renal", ("--pdf",))
    assert [case.sources["volume"].path for case in cases] == ["a", "e"]
    assert len({case.name for case in cases}) == 2
    assert all("." not in case.name for case in cases)  # a hash, no UID


class Client:
    """What `Cluster` asks of Dask's client."""

    def __init__(self, *resources: dict) -> None:
        self._workers = {f"tcp://{n}": {"nthreads": 2, "resources": each} for n, each in enumerate(resources)}

    def scheduler_info(self, n_workers: int) -> dict:
        return {"workers": self._workers}


@pytest.mark.parametrize(
    ("device", "resources", "wanted"),
    [
        ("auto", ({"GPU": 1}, {}), {"GPU": 1}),
        ("cuda", ({"GPU": 1}, {}), {"GPU": 1}),
        ("cpu", ({"GPU": 1}, {}), {}),
        ("auto", ({}, {}), {}),
    ],
)
def test_cases_go_to_workers_with_a_gpu_where_there_are_some(device, resources, wanted):
    cluster = Cluster(Client(*resources), own=False, threads=0)
    assert cluster.slots == 4
    assert cluster.resources(device) == wanted


@pytest.mark.parametrize(("visible", "found"), [("0,1", ["0", "1"]), ("", []), ("-1", []), ("GPU-8f, GPU-9a", ["GPU-8f", "GPU-9a"])])
def test_gpus_that_may_be_used(monkeypatch, visible, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


def test_memory_that_cases_take_is_learned(tmp_path):
    dispatcher = Dispatcher(Cluster(Client({}), False, 1), tmp_path, "auto", lambda outcome: None)
    job = Job("a", {"key": "renal"}, "", {}, (), "auto", str(tmp_path), "f")
    assert dispatcher._expected_mb(job) == 1500
    for n in range(3):
        dispatcher._modules[f"c{n}"] = "renal"
        dispatcher._finished(Outcome(f"c{n}", "f", DONE, peak_mb=1000.0 * (n + 1)))
    assert dispatcher._expected_mb(job) == pytest.approx(3600)
